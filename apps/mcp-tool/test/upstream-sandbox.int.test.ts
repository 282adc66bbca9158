import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { sandboxAbilities } from '../src/upstreams/connections/sandbox-abilities.ts';
import type { Abilities } from '../src/upstreams/connections/sandbox.ts';
import { parseUpstreams } from '../src/upstreams/connections/config.ts';
import { Link } from '../src/upstreams/connections/link.ts';
import { processesWith } from './processes-with.ts';

/*
 * A hostile server on standard input and output, as a real process. What a machine cannot do is left out, and said so in
 * the name of the test.
 */

const SERVER = fileURLToPath(new URL('upstream-hostile-server.mjs', import.meta.url));
const abilities = await sandboxAbilities();
const sandbox = abilities.bubblewrap?.network === true;
const account = abilities.accounts;
const leftOut = (name: string): string => `${name} (left out: ${abilities.why ?? 'this account is not root'})`;
const inSandbox = sandbox ? describe : describe.skip;
const inAccount = account ? describe : describe.skip;
const IN_SANDBOX = 'a process in a sandbox';
const IN_ACCOUNT = 'a process without a sandbox, started by root';

let directory: string;
let own: string;
let canary: Server;
const lines: string[] = [];
const links: Link[] = [];
const log = createLogger({
  app: 'test',
  level: 'info',
  destination: { write: (line: string) => void lines.push(line) },
});

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-test-'));
  own = join(directory, 'own');
  mkdirSync(own, { mode: 0o777 });
  for (const [name, mode] of [
    ['closed', 0o600],
    ['open', 0o644],
  ] as const)
    writeFileSync(join(directory, name), 'canary-text', { mode });
  canary = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.retire()));
  lines.length = 0;
});
afterAll(async () => {
  await new Promise((resolve) => canary.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

async function start(settings: object = {}, has: Abilities = abilities): Promise<Link> {
  const config = { command: process.execPath, args: [SERVER], trust: 'trusted', ...settings };
  const parsed = parseUpstreams(JSON.stringify({ upstreams: { hostile: config } }));
  if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
  const fetch = () => Promise.reject(new Error('not over HTTP'));
  const parts = { fetch, read: () => undefined, log, abilities: () => Promise.resolve(has) };
  const link = await Link.connect(parsed.upstreams[0]!, parts);
  links.push(link);
  return link;
}

const LIMIT_MS = 60_000;
async function ask<T = { done?: unknown; refused?: string }>(link: Link, tool: string, args: object = {}): Promise<T> {
  const definition = { name: tool, inputSchema: { type: 'object' as const } };
  const params = { name: tool, arguments: args as Record<string, unknown> };
  const answer = await link.callTool(params, definition, { timeoutMs: LIMIT_MS, maxTimeoutMs: LIMIT_MS });
  const { content } = answer as { content: { text: string }[] };
  return JSON.parse(content[0]!.text) as T;
}

inSandbox(sandbox ? IN_SANDBOX : leftOut(IN_SANDBOX), () => {
  it('reads no file of the machine that is not its own: not one for all, not one of this service, no environment', async () => {
    const link = await start();
    expect(link.confinement).toEqual({ level: 'sandbox', network: false, missing: null });
    for (const path of [join(directory, 'open'), join(directory, 'closed'), '/etc/shadow', '/etc/passwd', '/root'])
      expect([path, await ask(link, 'read', { path })]).toEqual([path, { refused: 'ENOENT' }]);
    expect(await ask(link, 'read', { path: `/proc/${process.pid}/environ` })).toEqual({ refused: expect.any(String) });
    const others = ['/proc/1/environ', '/proc/1/root/etc/shadow', '/proc/1/cwd/etc/shadow', '/proc/1/mem'];
    for (const path of others) expect(JSON.stringify(await ask(link, 'read', { path }))).not.toMatch(/PATH=|root:/);
  });

  it('changes nothing outside its home and /tmp, which go with it and have an end', async () => {
    const link = await start({ sandbox: { scratch_mb: 8 } });
    const outside = [
      join(directory, 'owned'),
      SERVER,
      '/usr/owned',
      '/owned',
      '/dev/owned',
      '/proc/sys/kernel/domainname',
    ];
    for (const path of outside)
      expect([path, await ask(link, 'write', { path })]).toEqual([path, { refused: expect.any(String) }]);
    for (const path of ['note', '/tmp/note', '/dev/shm/note'])
      expect([path, await ask(link, 'write', { path })]).toEqual([path, {}]);
    expect(await ask(link, 'write', { path: '/tmp/big', megabytes: 32 })).toEqual({ refused: 'ENOSPC' });
    const again = await start();
    expect(await ask(again, 'list', { path: '/tmp' })).toMatchObject({ done: expect.not.arrayContaining(['note']) });
    expect(await ask(again, 'list', { path: '.' })).toEqual({ done: [] });
  });

  it('sees what the operator hands in, and changes only what is handed in for that', async () => {
    const link = await start({ cwd: own, sandbox: { readable: [join(directory, 'open')] } });
    expect(await ask(link, 'read', { path: join(directory, 'open') })).toEqual({ done: 'canary-text' });
    expect(await ask(link, 'write', { path: join(directory, 'open') })).toEqual({ refused: expect.any(String) });
    expect(await ask(link, 'list', { path: directory })).toEqual({ done: expect.not.arrayContaining(['closed']) });
    expect((await ask<{ cwd: string }>(link, 'who')).cwd).toBe(own);
  });

  it('sees no process but its own and ends none of the service; what it leaves behind ends with it', async () => {
    const link = await start();
    const seen = JSON.stringify(await ask(link, 'processes'));
    expect(seen).toContain('upstream-hostile-server');
    expect(seen).not.toContain('jest');
    expect(await ask(link, 'kill', { pid: process.pid })).toEqual({ refused: 'ESRCH' });
    await ask(link, 'leave', { marker: 'left-behind-by-hostile' });
    await until(() => processesWith('left-behind-by-hostile').length > 0);
    await link.retire();
    await until(() => processesWith('left-behind-by-hostile').length === 0);
  });

  it('has no capability, cannot get one, and is not root', async () => {
    const { uid, env, status } = await ask<{ uid: number; env: object; status: string[] }>(await start(), 'who');
    expect(uid).not.toBe(0);
    expect(status).toContain('NoNewPrivs:\t1');
    for (const line of status.filter((each) => /^Cap(?:Inh|Prm|Eff|Amb)/.test(each))) expect(line).toMatch(/\t0+$/);
    expect(env).toEqual({ HOME: '/home/mcp', PWD: '/home/mcp' });
  });

  it('reaches nobody over the network, this machine included, before the operator gives it some', async () => {
    const { port } = canary.address() as AddressInfo;
    expect(await ask(await start(), 'connect', { port })).toEqual({ refused: expect.any(String) });
    const open = await start({ sandbox: { network: true } });
    expect(await ask(open, 'connect', { port })).toEqual({ done: 'connected' });
    expect(open.confinement).toMatchObject({ network: true });
  });

  it('ends alone where it takes more memory or processor time than it may have', async () => {
    const beside = await start();
    const hungry = await start({ memory_mb: 768 });
    await expect(ask(hungry, 'grow')).rejects.toThrow();
    const busy = await start({ cpu_s: 2 });
    await expect(ask(busy, 'spin')).rejects.toThrow();
    expect(await ask(beside, 'list', { path: '.' })).toEqual({ done: [] });
  });

  it('starts no more processes than it may, and others beside it still do', async () => {
    const link = await start({ processes: 60 });
    const beside = await start({ processes: 60 });
    expect(await ask<number>(link, 'fork', { most: 100 })).toBeLessThan(60);
    expect(await ask<number>(beside, 'fork', { most: 1 })).toBe(1);
  });

  it('is started within a moment', async () => {
    await start();
    const bare = await timed(() => start({ sandbox: { mode: 'off' } }));
    const kept = await timed(() => start());
    expect(kept - bare).toBeLessThan(1_000);
  });
});

inAccount(account ? IN_ACCOUNT : leftOut(IN_ACCOUNT), () => {
  const without: Abilities = { ...abilities, why: 'bubblewrap (bwrap) is not installed.' };
  delete (without as { bubblewrap?: unknown }).bubblewrap;

  it('has an account of its own, which is said to be less than was wanted', async () => {
    const link = await start({}, without);
    expect(link.confinement).toEqual({ level: 'account', network: true, missing: expect.stringContaining('bwrap') });
    expect(lines.join()).toContain('"event":"upstream_sandbox_incomplete"');
    expect(await ask(link, 'read', { path: join(directory, 'closed') })).toEqual({ refused: 'EACCES' });
    expect(await ask(link, 'read', { path: `/proc/${process.pid}/environ` })).toEqual({ refused: 'EACCES' });
    expect(await ask(link, 'kill', { pid: process.pid })).toEqual({ refused: 'EPERM' });
    expect(await ask(link, 'write', { path: join(directory, 'owned') })).toEqual({ refused: 'EACCES' });
    expect(await ask(link, 'write', { path: 'note' })).toEqual({});
  });

  it('starts no more processes than it may', async () => {
    expect(await ask<number>(await start({ processes: 60 }, without), 'fork', { most: 100 })).toBeLessThan(60);
  });
});

describe('a process that may run in a sandbox only', () => {
  const none: Abilities = { isRoot: false, prlimit: abilities.prlimit, setpriv: undefined, accounts: false };

  it('is not started where there is none', async () => {
    const started = start({ sandbox: { mode: 'required' } }, { ...none, why: 'bubblewrap (bwrap) is not installed.' });
    await expect(started).rejects.toThrow('in a sandbox or not at all: bubblewrap (bwrap) is not installed.');
  });

  it('without which others run with their limits alone, and it is told', async () => {
    const link = await start({}, { ...none, why: 'bubblewrap (bwrap) is not installed.' });
    const level = abilities.prlimit === undefined ? 'none' : 'limits';
    expect(link.confinement).toEqual({ level, network: true, missing: expect.stringContaining('bwrap') });
    expect(lines.join()).toContain('"event":"upstream_sandbox_incomplete"');
  });
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}
