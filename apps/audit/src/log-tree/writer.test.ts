import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { oneRun } from '../../test/one-run.ts';
import { treeWriter } from '../../test/tree-writer.ts';
import { taskHash } from './log-tree.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-tree-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const writer = (overrides: Partial<Parameters<typeof treeWriter>[0]> = {}) =>
  treeWriter({ dir, findAccepted: async () => accepted(), ...overrides });
const accepted = (events = oneRun()) => events[0] as Extract<(typeof events)[0], { type: 'orchestrator.run.accepted' }>;
const linesOf = async (path: string) =>
  (await readFile(join(dir, path), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { timestamp: string; event: string; step_id: string; data: unknown });

const NAME = `2023-11-14T22:13:20_${taskHash('What is the weather?')}`;

describe('log tree writer', () => {
  it('leaves nothing to other accounts of the machine, whatever umask the service has', async () => {
    const before = process.umask(0);
    try {
      await writer().write([oneRun()]);
    } finally {
      process.umask(before);
    }
    const paths = await readdir(dir, { recursive: true });
    const open = await Promise.all(paths.map(async (path) => ((await stat(join(dir, path))).mode & 0o077) !== 0));
    expect(paths.filter((_, n) => open[n])).toEqual([]);
    expect(paths.length).toBeGreaterThan(8);
  });

  it('writes the documented layout', async () => {
    await writer().write([oneRun()]);
    expect(await readdir(dir)).toEqual([NAME]);
    const files = (await readdir(join(dir, NAME), { recursive: true })).filter((f) => f.endsWith('.jsonl')).sort();
    expect(files).toEqual([
      'mcp/step-mcp-001/main.jsonl',
      'mcp/step-mcp-001/planner/main.jsonl',
      'mcp/step-mcp-001/planner/raw/main.jsonl',
      'mcp/step-mcp-001/raw/main.jsonl',
      'orchestrator/main.jsonl',
      'orchestrator/raw/main.jsonl',
    ]);
    const lines = await linesOf(`${NAME}/orchestrator/main.jsonl`);
    expect(lines.map((l) => `orchestrator.${l.event}`)).toEqual(
      oneRun()
        .map((e) => e.type)
        .filter((t) => t.startsWith('orchestrator.')),
    );
    expect(Object.keys(lines[0]!)).toEqual(['timestamp', 'event', 'step_id', 'data']);
  });

  it('cuts long values on the lines, and keeps them whole under raw', async () => {
    await writer().write([oneRun()]);
    const folder = `${NAME}/mcp/step-mcp-001`;
    const [line] = await linesOf(`${folder}/main.jsonl`);
    expect(JSON.stringify(line)).toContain('... [truncated, 1400 chars total]');
    const [raw] = (await linesOf(`${folder}/raw/main.jsonl`)) as { data: { result: { text: string } } }[];
    expect(raw!.data.result.text).toHaveLength(1_400);
  });

  it('writes no secret anywhere', async () => {
    await writer().write([oneRun()]);
    for (const file of await readdir(dir, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('sk-do-not-write-me');
    }
  });

  it('says in metadata.json whose run it is and how it ended', async () => {
    const own = writer();
    await own.write([oneRun().slice(0, 3)]);
    const metadata = async () => JSON.parse(await readFile(join(dir, NAME, 'metadata.json'), 'utf8')) as unknown;
    expect(await metadata()).toMatchObject({ run_id: 'run-1', tenant_id: 'acme', status: null, ended_at: null });
    await own.write([oneRun().slice(3)]);
    expect(await metadata()).toMatchObject({ status: 'success', ended_at: '2023-11-14T22:13:20.923Z' });
  });

  it('goes on in the same folder after a restart, and writes nothing twice', async () => {
    await writer().write([oneRun().slice(0, 6)]);
    await writer().write([oneRun().slice(4)]);
    await writer().write([oneRun()]);
    expect(await readdir(dir)).toEqual([NAME]);
    expect(await linesOf(`${NAME}/orchestrator/main.jsonl`)).toHaveLength(7);
    expect(await linesOf(`${NAME}/mcp/step-mcp-001/main.jsonl`)).toHaveLength(1);
  });

  it('gives two runs of the same task in the same second a folder each', async () => {
    const own = writer();
    await own.write([oneRun()]);
    await own.write([oneRun('What is the weather?', 'run-2')]);
    await own.write([oneRun('What is the weather?', 'run-3')]);
    const folders = await readdir(dir);
    expect(folders).toHaveLength(3);
    expect(folders).toContain(NAME);
  });

  it('makes a folder anew that was removed meanwhile', async () => {
    const own = writer();
    await own.write([oneRun().slice(0, 3)]);
    await rm(join(dir, NAME), { recursive: true });
    await own.write([oneRun().slice(3)]);
    expect(JSON.parse(await readFile(join(dir, NAME, 'metadata.json'), 'utf8'))).toMatchObject({ status: 'success' });
    expect((await linesOf(`${NAME}/orchestrator/main.jsonl`)).at(-1)).toMatchObject({ event: 'task.completed' });
  });

  it('puts a file aside before it grows beyond its limit, keeps the newest parts, and still writes nothing twice', async () => {
    const started = oneRun()[2]!;
    const many = Array.from({ length: 60 }, (_, n) => ({ ...started, seq: 10 + n }));
    const small = { maxFileBytes: 1_000 };
    await writer(small).write([oneRun().slice(0, 3)]);
    for (const event of many) await writer(small).write([[event]]);
    const folder = join(dir, NAME, 'orchestrator');
    for (const each of [folder, join(folder, 'raw')]) {
      const files = (await readdir(each)).filter((name) => name.endsWith('.jsonl'));
      expect(files).toHaveLength(4);
      for (const name of files) expect((await stat(join(each, name))).size).toBeLessThanOrEqual(1_000);
    }
    const seqs = async () => {
      const files = (await readdir(join(folder, 'raw'))).map((name) => linesOf(`${NAME}/orchestrator/raw/${name}`));
      return (await Promise.all(files)).flat().map((line) => (line as unknown as { seq: number }).seq);
    };
    const before = await seqs();
    expect(before).toContain(69);
    await writer(small).write([many]);
    expect(await seqs()).toEqual(before);
  });

  it('rests after a failure instead of failing its caller, and writes again afterwards', async () => {
    const blocked = join(dir, 'blocked');
    await writeFile(blocked, 'a file where a folder should be');
    let now = 0;
    const parts = { dir: join(blocked, 'logs'), clock: { now: () => now }, restMs: 1_000 };
    const own = writer(parts);
    await own.write([oneRun().slice(0, 3)]);
    await rm(blocked);
    await own.write([oneRun().slice(3, 5)]);
    expect(await readdir(dir)).toEqual([]);
    now = 2_000;
    await own.write([oneRun().slice(5)]);
    expect(await readdir(join(blocked, 'logs'))).toEqual([NAME]);
  });

  it('does not hold its caller up where the disk does not answer', async () => {
    const own = writer({ timeoutMs: 50, findAccepted: () => new Promise(() => undefined) });
    const before = Date.now();
    await own.write([oneRun().slice(1)]);
    expect(Date.now() - before).toBeLessThan(20_000);
  });
});
