import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort } from '@switchyard/local-servers';
import { type McpSuite, mcpSuite, until } from '@switchyard/testing';
import { type Database, startDatabase, startSystem, type System } from './upstream-system.ts';

/** The servers that others have published, as upstreams: over stdio and, where they speak it, over HTTP. */

jest.setTimeout(300_000);

const EVERYTHING = '@modelcontextprotocol/server-everything/dist/index.js';
const FILESYSTEM = '@modelcontextprotocol/server-filesystem/dist/index.js';

let suite: McpSuite;
let database: Database;
let system: System;
let directory: string;
let server: ChildProcess;

beforeAll(async () => {
  [suite, database] = await Promise.all([mcpSuite(), startDatabase()]);
  directory = await realpath(await mkdtemp(join(tmpdir(), 'published-')));
  await chmod(directory, 0o777); // Started by root, the process has an account of its own.
  await writeFile(join(directory, 'hello.txt'), 'hello from a file');
  const port = await freePort();
  server = spawn(process.execPath, [suite.path(EVERYTHING), 'streamableHttp'], {
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: 'ignore',
  });
  await until(
    () =>
      fetch(`http://127.0.0.1:${port}/mcp`).then(
        () => true,
        () => false,
      ),
    60_000,
  );
  system = await startSystem(database.store);
  const safe = 'trust: trusted, defaults: { kind: read, idempotency: safe }';
  const node = `command: "${process.execPath}"`;
  await system.configure(`upstreams:
  pipe: { ${node}, args: ["${suite.path(EVERYTHING)}", stdio], ${safe} }
  http: { url: "http://127.0.0.1:${port}/mcp", ${safe} }
  files: { ${node}, args: ["${suite.path(FILESYSTEM)}", "${directory}"], trust: trusted, tools: { write_file: { kind: write } }, sandbox: { writable: ["${directory}"] } }
`);
});
afterAll(async () => {
  await system?.stop();
  server?.kill();
  await database?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

it('are listed, and nothing of them is quarantined', async () => {
  for (const name of ['pipe', 'http', 'files']) expect([name, await system.quarantined(name)]).toEqual([name, []]);
  const tools = await system.tools();
  for (const name of ['pipe__echo', 'http__echo', 'http__get-sum', 'files__read_text_file', 'files__write_file'])
    expect(tools).toContain(name);
});

describe.each(['pipe', 'http'])('server-everything (%s)', (name) => {
  it('answers calls with text, structure, pictures and resources', async () => {
    expect(await system.call(`${name}__echo`, { message: 'hi' })).toEqual({ status: 'succeeded', output: 'Echo: hi' });
    expect(await system.call(`${name}__get-sum`, { a: 2, b: 40 })).toMatchObject({
      output: expect.stringContaining('42'),
    });
    expect(await system.call(`${name}__get-structured-content`, { location: 'New York' })).toMatchObject({
      output: { temperature: expect.any(Number), conditions: expect.any(String) },
    });
    expect(await system.call(`${name}__get-tiny-image`, {}, { mcp: {} })).toMatchObject({
      mcp: { content: expect.arrayContaining([expect.objectContaining({ type: 'image', mimeType: 'image/png' })]) },
    });
    expect(await system.call(`${name}__get-sum`, { a: 'two' })).toMatchObject({ code: 'tool_invalid_arguments' });
  });

  it('tells of the progress of a long call', async () => {
    const before = system.frames.length;
    const args = { duration: 1, steps: 4 };
    const result = await system.call(`${name}__trigger-long-running-operation`, args, { mcp: { progress: true } });
    expect(result).toMatchObject({ status: 'succeeded' });
    expect(system.frames.slice(before).filter(({ frame }) => frame === 'progress').length).toBeGreaterThan(1);
  });

  it('shares its resources and prompts', async () => {
    const { result: list } = await system.ask('resources/templates/list');
    const templates = list?.['resourceTemplates'] as { uriTemplate: string }[];
    expect(templates.filter(({ uriTemplate }) => uriTemplate.startsWith(`${name}+`)).length).toBeGreaterThan(0);
    const uri = `${name}+demo://resource/dynamic/text/1`;
    expect(await system.ask('resources/read', { uri })).toMatchObject({ result: { contents: [{ uri }] } });
    const { result: prompts } = await system.ask('prompts/list');
    expect(JSON.stringify(prompts)).toContain(`${name}__simple-prompt`);
    expect(await system.ask('prompts/get', { name: `${name}__simple-prompt` })).toMatchObject({
      result: { messages: [{ role: 'user' }] },
    });
  });
});

describe('server-filesystem', () => {
  it('reads and writes within its directory, and says no outside of it', async () => {
    const path = join(directory, 'hello.txt');
    expect(await system.call('files__read_text_file', { path })).toMatchObject({
      output: { content: 'hello from a file' },
    });
    const written = join(directory, 'new.txt');
    // It says itself that moving destroys; that writing does, too, but the operator set what that counts as.
    expect(await system.call('files__move_file', { source: path, destination: written })).toMatchObject({
      code: 'approval_required',
    });
    expect(await system.call('files__write_file', { path: written, content: 'ours' })).toMatchObject({
      status: 'succeeded',
    });
    expect(await readFile(written, 'utf8')).toBe('ours');
    expect(await system.call('files__read_text_file', { path: '/etc/hostname' })).toMatchObject({
      status: 'failed',
      code: 'tool_failed',
      message: expect.stringContaining('denied'),
    });
  });
});
