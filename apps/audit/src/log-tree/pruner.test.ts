import { mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger, createMetrics, type Metrics, systemClock } from '@switchyard/platform';
import { MemoryAuditLog } from '../../test/memory-audit-log.ts';
import { oneRun } from '../../test/one-run.ts';
import { treeWriter } from '../../test/tree-writer.ts';
import { LogTreePruner } from './pruner.ts';
import { summarise } from '../run-summary.ts';

/* With real folders. The runs of one-run.ts ended in November 2023. */

const log = createLogger({ app: 'audit', level: 'silent' });
const DAY_MS = 86_400_000;
const FOR_EVER = new AbortController().signal;
const BY_AGE = { keepMs: 30 * DAY_MS, maxBytes: 0 };
const NOTHING_FITS = { keepMs: 0, maxBytes: 1 };

let root: string;
let dir: string;
let auditLog: MemoryAuditLog;
let metrics: Metrics;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'log-tree-pruner-'));
  dir = join(root, 'tree');
  auditLog = new MemoryAuditLog();
  metrics = createMetrics('audit');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const pruner = (limits = BY_AGE, at = dir) =>
  new LogTreePruner({ dir: at, limits, auditLog, metrics, clock: systemClock, log });
const prune = (limits = BY_AGE) => pruner(limits).prune(FOR_EVER);

/** Writes a run; without its end where `until` says so. Gives the name of its folder. */
async function write(task: string, until = 9): Promise<string> {
  const writer = treeWriter({ dir });
  const before = new Set(await readdir(dir).catch(() => []));
  await writer.write([oneRun(task, `run-${task}`).slice(0, until)]);
  return (await readdir(dir)).find((name) => !before.has(name))!;
}

function knows(task: string, events: number): void {
  const first = oneRun(task, `run-${task}`).slice(0, events);
  auditLog.folded.set(`run-${task}`, first.reduce(summarise, undefined as ReturnType<typeof summarise>)!);
}

describe('the log tree', () => {
  it('loses runs that ended longer ago than asked, and tells how many and how much', async () => {
    await write('a');
    await write('b');
    expect(await prune()).toBe(2);
    expect(await readdir(dir)).toEqual([]);
    const text = await metrics.text();
    expect(text).toMatch(/log_tree_pruned_total\S*why="age"\S* 2/);
    expect(text).toMatch(/log_tree_pruned_bytes_total\S* [1-9]\d{3,}/);
    expect(text).toMatch(/log_tree_bytes\S* 0/);
  });

  it('keeps within its size by losing the oldest, and no more than it must', async () => {
    const names = [];
    for (const task of ['a', 'b', 'c', 'd']) names.push(await write(task));
    const all = await metricsAfter({ keepMs: 0, maxBytes: 1_000_000_000 });
    expect(await prune({ keepMs: 0, maxBytes: Math.floor(all * 0.6) })).toBe(2);
    expect(await readdir(dir)).toEqual(names.sort().slice(2));
  });

  it('never loses a run that is under way, whatever its size or age', async () => {
    const open = await write('open', 3);
    knows('open', 3);
    const old = new Date(Date.now() - 400 * DAY_MS);
    await utimes(join(dir, open, 'metadata.json'), old, old);
    expect(await prune(NOTHING_FITS)).toBe(0);
    expect(await prune()).toBe(0);
    expect(await readdir(dir)).toEqual([open]);
  });

  it('takes from the audit log the end of a run that the tree has missed', async () => {
    await write('missed', 3);
    knows('missed', 9);
    expect(await prune()).toBe(1);
  });

  it('keeps a run that nobody knows until nothing was written for a month', async () => {
    const unknown = await write('unknown', 3);
    expect(await prune(NOTHING_FITS)).toBe(0);
    const old = new Date(Date.now() - 32 * DAY_MS);
    for (const name of await readdir(join(dir, unknown), { recursive: true }))
      await utimes(join(dir, unknown, name), old, old);
    await utimes(join(dir, unknown), old, old);
    expect(await prune(NOTHING_FITS)).toBe(1);
  });

  it('never follows a link, and touches nothing but folders of runs', async () => {
    const name = await write('a');
    const outside = join(root, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'metadata.json'), JSON.stringify({ run_id: 'x', ended_at: '2001-01-01T00:00:00Z' }));
    await writeFile(join(outside, 'precious'), 'keep me');
    await symlink(outside, join(dir, '2001-01-01T00:00:00_00000000'));
    await symlink(outside, join(dir, name, 'mcp', 'link'));
    await symlink(join(outside, 'precious'), join(dir, name, 'orchestrator', 'link'));
    await mkdir(join(dir, 'notes'));
    await writeFile(join(dir, '2001-01-01T00:00:00_11111111'), 'a file');
    expect(await prune(NOTHING_FITS)).toBe(1);
    expect((await readdir(outside)).sort()).toEqual(['metadata.json', 'precious']);
    expect((await readdir(dir)).sort()).toEqual([
      '2001-01-01T00:00:00_00000000',
      '2001-01-01T00:00:00_11111111',
      'notes',
    ]);
  });

  it('may itself be a link, as its operator set it up', async () => {
    await write('a');
    await symlink(dir, join(root, 'linked'));
    expect(await pruner(BY_AGE, join(root, 'linked')).prune(FOR_EVER)).toBe(1);
  });

  it('is pruned by one process at a time, and by another once that one has died', async () => {
    await write('a');
    await writeFile(join(dir, '.pruning'), 'another process');
    expect(await prune()).toBe(0);
    const old = new Date(Date.now() - 600_000);
    await utimes(join(dir, '.pruning'), old, old);
    expect(await prune()).toBe(1);
    expect(await readdir(dir)).toEqual([]);
  });

  it('loses each folder once where several processes prune and write at the same moment', async () => {
    for (let n = 0; n < 20; n += 1) await write(`a${n}`);
    const rounds = Promise.all([1, 2, 3].map(() => prune()));
    const writer = treeWriter({ dir });
    const open = oneRun('b', 'run-b').slice(0, 6);
    for (const event of open) await writer.write([[event]]);
    knows('b', 6);
    expect((await rounds).reduce((sum, removed) => sum + removed, 0)).toBe(20);
    const [left, ...others] = await readdir(dir);
    expect(others).toEqual([]);
    expect((await stat(join(dir, left!, 'orchestrator', 'main.jsonl'))).size).toBeGreaterThan(0);
  });

  it('finishes what a process that died began to remove', async () => {
    const name = await write('a');
    await mkdir(join(dir, `.pruned-${name}`, 'mcp'), { recursive: true });
    await prune({ keepMs: 0, maxBytes: 1_000_000_000 });
    expect(await readdir(dir)).toEqual([name]);
  });

  it('keeps everything without limits, and needs no tree', async () => {
    expect(await prune()).toBe(0);
    await write('a');
    expect(await prune({ keepMs: 0, maxBytes: 0 })).toBe(0);
  });

  it('is left as it is while the audit log does not answer', async () => {
    await write('open', 3);
    auditLog.down = true;
    await expect(prune()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await metrics.text()).toMatch(/log_tree_prune_failures_total\S* 1/);
    auditLog.down = false;
    expect(await prune()).toBe(0);
  });
});

async function metricsAfter(limits: typeof BY_AGE): Promise<number> {
  await prune(limits);
  return Number(/log_tree_bytes\S* (\d+)/.exec(await metrics.text())![1]);
}
