import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus } from '@switchyard/bus';
import { xml } from '@xmpp/client';
import { httpRequest } from '@switchyard/contracts';
import { type ProsodyServer, type Servers, startProsody, startServers } from '@switchyard/local-servers';
import { createLogger, createMetrics, parseConfig } from '@switchyard/platform';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { Bridge } from '../src/bridge.ts';
import { Config } from '../src/config.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Session, SESSION_DEFAULTS } from '../src/session/session.ts';
import { AztmPeer } from './aztm-peer.ts';
import { NS_HTTP } from '../src/http-over-xmpp/xep-0332.ts';
import { RawPeer } from './raw-peer.ts';
import { Authority } from './certificates.ts';

/** Replicas of one bridge, at a real Prosody and a real NATS server: one of them takes what peers ask. */

const log = createLogger({ app: 'test', level: 'silent' });
let dir: string;
let authority: Authority;
let prosody: ProsodyServer;
let servers: Servers<'nats'>;

interface Replica {
  readonly bridge: Bridge;
  readonly link: Proxy;
  readonly xmpp: Proxy;
  /** Every sentence that it told, in order. */
  readonly told: string[];
  stop(): Promise<void>;
}
const replicas: Replica[] = [];

/** The same URL by way of a proxy. */
function through(url: string, port: number): string {
  const proxied = new URL(url);
  proxied.port = String(port);
  return proxied.href.replace(/\/$/, '');
}

/** One whose links to NATS and to the XMPP server can be broken. */
async function replica(env: Record<string, string> = { AZTM_PASSWORD: 'pw-bob' }): Promise<Replica> {
  const [link, xmpp] = [await startProxy(servers.nats.port), await startProxy(prosody.port)];
  const access = servers.busOf('xmpp-bridge');
  const bus: Bus = await connectBus({ ...access, url: through(access.url, link.port), log });
  const config = parseConfig(Config, {
    ...servers.accessOf('xmpp-bridge'),
    AZTM_JID: 'bob@xmpp.test',
    ...env,
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(xmpp.port),
    AZTM_CA_FILE: join(authority.dir, 'ca.pem'),
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const told: string[] = [];
  const lines = createLogger({ app: 'xmpp-bridge', destination: { write: (line: string) => void told.push(line) } });
  const bridge = new Bridge(config.value, { bus, log: lines, metrics: createMetrics('xmpp-bridge') });
  bridge.start();
  let stopped: Promise<void> | undefined;
  const made: Replica = {
    bridge,
    link,
    xmpp,
    told,
    stop: () =>
      (stopped ??= (async () => {
        await bridge.stop();
        link.heal();
        await bus.close();
        link.stop();
        xmpp.stop();
      })()),
  };
  replicas.push(made);
  return made;
}

beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-replicas-'));
  chmodSync(dir, 0o755);
  [servers, prosody] = await Promise.all([
    startServers(['nats']),
    startProsody({
      dir: join(dir, 'prosody'),
      domain: 'xmpp.test',
      users: { ada: 'pw-ada', bob: 'pw-bob' },
      tls: authority.issue('xmpp.test'),
      config: 'network_settings = { nagle = false }',
    }),
  ]);
});
afterEach(async () => {
  for (const each of replicas.splice(0)) await each.stop();
});
afterAll(async () => {
  await Promise.all([prosody?.stop(), servers?.stop()]);
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

const loginOf = (user: 'ada' | 'bob', resource = 'peer'): LoginOptions => ({
  jid: `${user}@xmpp.test`,
  password: `pw-${user}`,
  resource,
  domain: 'xmpp.test',
  host: '127.0.0.1',
  port: prosody.port,
  tls: 'starttls',
  validateCertificate: true,
  ca: authority.ca,
  fingerprint: undefined,
  allowPlain: false,
  channelBinding: 'prefer',
  timeoutMs: 20_000,
});
const serving = (each: Replica) => each.bridge.status().serving === true;
const online = (each: Replica) => each.bridge.status().state === 'online';

async function two(): Promise<[Replica, Replica]> {
  const first = await replica();
  await until(() => serving(first), 30_000);
  const second = await replica();
  await until(() => online(second), 30_000);
  return [first, second];
}

/** A session of the account itself, which hears how much each other one wants what is addressed to it. */
async function watch() {
  const priorities = new Map<string, number>();
  const heard: string[] = [];
  const stream = await login(loginOf('bob', 'watcher'), new AbortController().signal);
  const nothing = () => undefined;
  const session = new Session(
    stream,
    {
      onQuestion: nothing,
      onMessage: nothing,
      onPresence: (presence) => {
        const { from = '', type } = presence.attrs;
        if (!from.startsWith('bob@xmpp.test/') || from.endsWith('/watcher')) return;
        heard.push(presence.toString());
        if (type !== undefined) priorities.delete(from);
        else priorities.set(from, Number(presence.getChildText('priority') ?? 0));
      },
      onDropped: nothing,
      onClose: nothing,
    },
    SESSION_DEFAULTS,
  );
  const wanting = () => [...priorities].filter(([, priority]) => priority >= 0).map(([jid]) => jid);
  return { heard, wanting, close: () => session.close() };
}

const conflicts = (each: Replica) => each.told.filter((line) => line.includes('conflict')).length;

describe('replicas with one account', () => {
  it('are all logged in, and one of them takes what peers ask', async () => {
    const [first, second] = await two();
    expect([serving(first), serving(second)]).toEqual([true, false]);
    expect(first.bridge.status().sentence).toContain('This replica takes what peers ask.');
    expect(second.bridge.status()).toMatchObject({
      state: 'online',
      sentence: expect.stringContaining('Another replica takes what peers ask.'),
    });
  });

  it('hand the leadership over at once when the leader stops, without a conflict', async () => {
    const [first, second] = await two();
    await first.stop();
    await until(() => serving(second), 30_000);
    expect([conflicts(first), conflicts(second)]).toEqual([0, 0]);
  });

  it('replace a leader that is cut off from NATS; it steps down by itself before', async () => {
    const [first, second] = await two();
    first.link.freeze();
    await until(() => serving(first) === false, 30_000);
    expect(first.bridge.status().state).toBe('online');
    await until(() => serving(second), 30_000);
    expect([conflicts(first), conflicts(second)]).toEqual([0, 0]);
    first.link.heal();
  });

  it('replace a leader that lost its login; it comes back as a standby', async () => {
    const [first, second] = await two();
    first.xmpp.cut();
    await until(() => serving(second), 30_000);
    first.xmpp.heal();
    await until(() => online(first), 60_000);
    expect([serving(first), serving(second)]).toEqual([false, true]);
    expect([conflicts(first), conflicts(second)]).toEqual([0, 0]);
  });

  it('get what they asked of a peer that answers to the account, whichever of them serves, and where none does', async () => {
    const peer = await AztmPeer.login(loginOf('ada'));
    const map = { AZTM_PASSWORD: 'pw-bob', SERVICE_MAP: '{"old.example": "aztm:ada@xmpp.test"}' };
    const asked = async ({ bridge }: Replica, body: string) => {
      const input = { host: 'old.example:443', method: 'POST', resource: '/a', headers: [] };
      const call = {
        signal: new AbortController().signal,
        deadline: Date.now() + 30_000,
        progress: () => undefined,
      };
      const answer = await bridge.carry({ ...input, body: Buffer.from(body).toString('base64') }, call);
      return [answer.status, Buffer.from(answer.body, 'base64').toString()];
    };
    try {
      const only = await replica({ ...map, AZTM_SERVER_MODE: 'false' });
      await until(() => online(only), 30_000);
      expect(await asked(only, 'none serves')).toEqual([200, '{"echo":"none serves"}']);
      await only.stop();
      const first = await replica(map);
      await until(() => serving(first), 30_000);
      const second = await replica(map);
      await until(() => online(second), 30_000);
      expect([serving(first), serving(second)]).toEqual([true, false]);
      const both = await Promise.all([asked(first, 'שלום'), asked(second, '😀')]);
      expect(both).toEqual([
        [200, '{"echo":"שלום"}'],
        [200, '{"echo":"😀"}'],
      ]);
      // From now on both know that the one that serves hands answers on: no other session of the account wants them.
      const watcher = await watch();
      try {
        await until(() => watcher.wanting().length === 1, 30_000);
        const from = watcher.heard.length;
        for (const each of [first, second]) expect(await asked(each, 'again')).toEqual([200, '{"echo":"again"}']);
        expect(watcher.wanting()).toEqual(['bob@xmpp.test/aztm']);
        expect(watcher.heard.slice(from)).toEqual([]);
        await first.stop();
        await until(() => serving(second), 30_000);
        await until(() => watcher.wanting().join() === 'bob@xmpp.test/aztm', 30_000);
        expect(await asked(second, 'and after')).toEqual([200, '{"echo":"and after"}']);
      } finally {
        watcher.close();
      }
    } finally {
      peer.close();
    }
  });

  it('do not fight over the resource with somebody who takes it: one conflict, then the other replica serves (fault 22)', async () => {
    const [first, second] = await two();
    const thief = new Session(
      await login(loginOf('bob', 'aztm'), new AbortController().signal),
      {
        onQuestion: () => undefined,
        onMessage: () => undefined,
        onPresence: () => undefined,
        onDropped: () => undefined,
        onClose: () => undefined,
      },
      SESSION_DEFAULTS,
    );
    await until(() => serving(second), 30_000);
    expect(serving(first)).toBe(false);
    expect(thief.open).toBe(false);
    expect(first.told.filter((line) => line.includes('the server ended the stream: conflict'))).toHaveLength(1);
    expect(conflicts(second)).toBe(0);
  });
});

describe('a password in a file', () => {
  it('is tried once where it is wrong, and again as soon as the file holds another one (fault 28)', async () => {
    const file = join(dir, 'password');
    writeFileSync(file, 'wrong\n');
    const { bridge, told } = await replica({ AZTM_PASSWORD_FILE: file });
    await until(() => bridge.status().state === 'failed', 30_000);
    expect(bridge.status()).toMatchObject({
      failure: { code: 'NOT_AUTHORIZED', then: 'fatal' },
      sentence: expect.stringContaining('the user or password of bob@xmpp.test is wrong'),
    });
    const tries = () => told.filter((line) => line.includes('NOT_AUTHORIZED')).length;
    await new Promise((resolve) => setTimeout(resolve, 2_500)); // longer than the first pauses between tries
    expect(tries()).toBe(1);
    writeFileSync(file, 'pw-bob\n');
    await until(() => bridge.status().state === 'online', 30_000);
    expect(tries()).toBe(1);
  });

  it('is read again when the service is asked to, and a file that went away leaves the last one in place', async () => {
    const file = join(dir, 'password-2');
    writeFileSync(file, 'pw-bob');
    const { bridge, told, xmpp } = await replica({ AZTM_PASSWORD_FILE: file });
    await until(() => bridge.status().state === 'online', 30_000);
    rmSync(file);
    await bridge.reload();
    expect(bridge.status().state).toBe('online');
    expect(told.join('')).toContain('"event":"xmpp_file_unreadable"');
    xmpp.drop();
    await until(() => bridge.status().state !== 'online', 30_000);
    await until(() => bridge.status().state === 'online', 60_000);
    expect(told.join('')).not.toContain('pw-bob');
  });
});

/** The service as it is deployed: the built program, in a process of its own. */
class Process {
  readonly #child: ChildProcess;
  lines = '';
  readonly exited: Promise<number | null>;

  constructor(env: Record<string, string>, args: string[] = []) {
    this.#child = spawn(process.execPath, [fileURLToPath(new URL('../dist/main.js', import.meta.url)), ...args], {
      env: { PATH: process.env['PATH'], ...servers.accessOf('xmpp-bridge'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (text: Buffer) => (this.lines += text.toString()));
    this.exited = new Promise((resolve) => this.#child.once('exit', resolve));
    processes.push(this);
  }

  count(text: string): number {
    return this.lines.split(text).length - 1;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}
const processes: Process[] = [];
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.signal('SIGKILL');
    await each.exited;
  }
});
const account = (password: string) => ({
  AZTM_JID: 'bob@xmpp.test',
  AZTM_PASSWORD: password,
  AZTM_HOST: '127.0.0.1',
  AZTM_PORT: String(prosody.port),
  AZTM_CA_FILE: join(authority.dir, 'ca.pem'),
});

describe('the program', () => {
  it('that is suspended does not stay leader; when it goes on, it is a standby (fault 22)', async () => {
    const zombie = new Process(account('pw-bob'));
    await until(() => zombie.count('"event":"leader_elected"') === 1, 60_000);
    const other = await replica();
    await until(() => online(other), 30_000);
    expect(serving(other)).toBe(false);
    zombie.signal('SIGSTOP');
    await until(() => serving(other), 60_000);
    zombie.signal('SIGCONT');
    await until(() => zombie.count('"event":"leader_stepped_down"') === 1, 30_000);
    // Longer than any replica waits to become leader.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    await until(() => serving(other), 30_000);
    expect(zombie.count('"event":"leader_elected"')).toBe(1);
    expect(zombie.count('the server ended the stream: conflict') + conflicts(other)).toBeLessThanOrEqual(1);
  }, 180_000);

  it('that is killed leaves what it was asked under a key to the next: the same answer, performed once', async () => {
    const gateway = await connectBus({ ...servers.busOf('gateway'), log });
    let performed = 0;
    let hung = false;
    await gateway.answer(httpRequest, async ({ body }) => {
      if (Buffer.from(body, 'base64').toString() === 'hangs' && !hung) {
        hung = true;
        return new Promise(() => undefined);
      }
      performed += 1;
      return { status: 201, headers: [], body: Buffer.from(`done ${performed}`).toString('base64') };
    });
    const policy = join(dir, 'policy.json');
    writeFileSync(policy, JSON.stringify({ 'ada@xmpp.test': { methods: ['POST'], paths: ['/a2a'] } }));
    const leader = new Process({ ...account('pw-bob'), AZTM_PEER_POLICY: policy });
    await until(() => leader.count('"event":"leader_elected"') === 1, 60_000);
    const next = await replica({ AZTM_PASSWORD: 'pw-bob', AZTM_PEER_POLICY: policy });
    const ada = await RawPeer.login(loginOf('ada'));
    const ask = async (key: string, text = 'hi'): Promise<string> => {
      const header = xml('header', { name: 'idempotency-key' }, key);
      const headers = xml('headers', { xmlns: 'http://jabber.org/protocol/shim' }, header);
      const attributes = { xmlns: NS_HTTP, method: 'POST', resource: '/a2a', version: '1.1' };
      const request = xml('req', attributes, headers, xml('data', {}, xml('text', {}, text)));
      const { signal } = new AbortController();
      const answer = await ada.session.ask('set', request, { to: 'bob@xmpp.test/aztm', timeoutMs: 30_000, signal });
      const response = answer.getChild('resp', NS_HTTP);
      return `${response?.attrs['statusCode']} ${response?.getChild('data')?.getChild('text')?.text() ?? ''}`;
    };
    try {
      await until(() => online(next), 30_000);
      expect(await ask('k-1')).toBe('201 done 1');
      const lost = ask('k-3', 'hangs').catch((error: unknown) => error);
      await until(() => hung, 20_000);
      leader.signal('SIGKILL');
      await until(() => serving(next), 60_000);
      await lost;
      // The rest of a deadline of 15 s, of which the way to the next replica took up to eight.
      const began = Date.now();
      expect(await ask('k-3', 'hangs')).toBe('201 done 2');
      expect(Date.now() - began).toBeLessThan(7_000);
      expect(await ask('k-1')).toBe('201 done 1');
      expect(await ask('k-1', 'something else')).toMatch(/^422 /);
      expect(performed).toBe(2);
      expect(await ask('k-2')).toBe('201 done 3');
    } finally {
      ada.session.close();
      await gateway.close();
    }
  }, 180_000);

  it('tries a wrong password once, and once more when it is sent SIGHUP (fault 28)', async () => {
    const program = new Process(account('wrong'));
    await until(() => program.count('"NOT_AUTHORIZED"') === 1, 60_000);
    program.signal('SIGHUP');
    await until(() => program.count('"NOT_AUTHORIZED"') === 2, 60_000);
    expect(program.lines).not.toContain('wrong"');
    program.signal('SIGTERM');
    expect(await program.exited).toBe(0);
  });

  it('does not start with a map that is no JSON, and says where it is wrong', async () => {
    const program = new Process({ ...account('pw-bob'), SERVICE_MAP: '{\n "a.example": oops}' }, ['--no-server-mode']);
    expect(await program.exited).toBe(78);
    expect(program.lines).toMatch(
      /SERVICE_MAP: not valid JSON at line 2, column 15: expected a value \(nothing was loaded\)/,
    );
  });
});
