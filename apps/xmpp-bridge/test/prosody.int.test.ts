import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import type { BridgeState } from '../src/session/bridge-state.ts';
import { IqError } from '../src/session/iq-registry.ts';
import { ConnectionSupervisor } from '../src/session/connection-supervisor.ts';
import { LoginError } from '../src/login/failure.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Session, SESSION_DEFAULTS, type SessionHandlers } from '../src/session/session.ts';
import { Authority } from './certificates.ts';

const USERS = { ada: 'pw-ada', bob: 'pw-bob' };
const log = createLogger({ app: 'test', level: 'silent' });
const ECHO = 'urn:test:echo';
let authority: Authority;
let dir: string;
let server: ProsodyServer;
const sessions: Session[] = [];

async function start(port?: number): Promise<ProsodyServer> {
  const tls = authority.issue('xmpp.test');
  const config = 'network_settings = { nagle = false }';
  return startProsody({
    dir: join(dir, 'prosody'),
    domain: 'xmpp.test',
    users: USERS,
    tls,
    config,
    ...(port ? { port } : {}),
  });
}
beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-prosody-'));
  chmodSync(dir, 0o755);
  server = await start();
});
afterAll(async () => {
  for (const session of sessions) session.close();
  await server?.stop();
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

const options = (user: keyof typeof USERS, over: Partial<LoginOptions> = {}): LoginOptions => ({
  jid: `${user}@xmpp.test`,
  password: USERS[user],
  resource: 'r',
  domain: 'xmpp.test',
  host: '127.0.0.1',
  port: server.port,
  tls: 'auto',
  validateCertificate: true,
  ca: authority.ca,
  fingerprint: undefined,
  allowPlain: false,
  channelBinding: 'prefer',
  timeoutMs: 30_000,
  ...over,
});
const quiet: SessionHandlers = {
  onQuestion: () => undefined,
  onMessage: () => undefined,
  onPresence: () => undefined,
  onDropped: () => undefined,
  onClose: () => undefined,
};
async function session(user: keyof typeof USERS, handlers: Partial<SessionHandlers> = {}): Promise<Session> {
  const stream = await login(options(user, { resource: `r${sessions.length}` }), new AbortController().signal);
  const made = new Session(stream, { ...quiet, ...handlers });
  sessions.push(made);
  return made;
}
const echo: Partial<SessionHandlers> = {
  onQuestion: (iq: Element) => Promise.resolve(xml('echo', { xmlns: ECHO }, iq.getChildText('echo') ?? '')),
};

describe('a login at Prosody', () => {
  it('stands within its time, with SCRAM over checked TLS', async () => {
    const stream = await login(options('ada'), new AbortController().signal);
    expect(stream).toMatchObject({ jid: 'ada@xmpp.test/r', tlsVersion: 'TLSv1.3' });
    expect(stream.mechanism).toMatch(/^SCRAM-SHA-/);
    stream.socket.destroy();
  });

  it.each<[string, Partial<LoginOptions>, string]>([
    ['a wrong password', { password: 'wrong' }, 'NOT_AUTHORIZED'],
    ['a user that there is not', { jid: 'eve@xmpp.test' }, 'NOT_AUTHORIZED'],
    ['a CA that is not ours', { ca: undefined }, 'CERT_UNTRUSTED'],
    ['a domain that it does not host', { domain: 'other.test' }, 'HOST_UNKNOWN'],
    ['another certificate than the pinned one', { fingerprint: '0'.repeat(64) }, 'CERT_PIN'],
    ['TLS at once', { tls: 'direct' }, 'STARTTLS_EXPECTED'],
    ['a port where nothing listens', { port: 1 }, 'REFUSED'],
  ])('fails for %s with its reason', async (_name, over, code) => {
    const failed = await login(options('ada', over), new AbortController().signal).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(LoginError);
    expect((failed as LoginError).failure.code).toBe(code);
  });
});

describe('questions between two accounts', () => {
  it('come back from whom they went to, whatever the text', async () => {
    const [ada, bob] = [await session('ada'), await session('bob', echo)];
    for (const text of ['hello', 'שלום 😀', '<&">]]>', 'x'.repeat(60_000), 'ש'.repeat(40_000)]) {
      const answer = await ada.ask('get', xml('echo', { xmlns: ECHO }, text), { to: bob.jid, timeoutMs: 30_000 });
      expect(answer.getChildText('echo')).toBe(text);
    }
  });

  it('are refused at once by the server where nobody is there', async () => {
    const ada = await session('ada');
    const asked = ada.ask('get', xml('echo', { xmlns: ECHO }), { to: 'bob@xmpp.test/nobody', timeoutMs: 30_000 });
    await expect(asked).rejects.toMatchObject({ code: 'refused', effect: 'refused' });
  });

  it('are answered with an error and nothing more where nobody handles them, or the handler breaks', async () => {
    const broken = { onQuestion: () => Promise.reject(new Error('canary-31415')) };
    const [ada, bob] = [await session('ada'), await session('bob', broken)];
    const error = (await ada
      .ask('get', xml('echo', { xmlns: ECHO }), { to: bob.jid, timeoutMs: 30_000 })
      .catch((reason: unknown) => reason)) as IqError;
    expect(error.stanza?.toString()).toContain('internal-server-error');
    expect(error.stanza?.toString()).not.toContain('canary');
  });

  it('that break their handler are dropped, and the session goes on', async () => {
    const defects: string[] = [];
    const breaks = (element: Element): void => {
      throw new Error(`broke over a ${element.getName()}`);
    };
    const onDefect = (error: unknown): void => void defects.push((error as Error).message);
    const ada = await session('ada', { onMessage: breaks, onPresence: breaks, onDefect });
    const bob = await session('bob');
    for (const name of ['message', 'presence']) bob.send(xml(name, { to: ada.jid }));
    await until(() => defects.includes('broke over a message') && defects.includes('broke over a presence'), 20_000);
    expect(await ada.ping(20_000)).toBeGreaterThan(0);
  });

  it('never count an answer of somebody who was not asked', async () => {
    const dropped: string[] = [];
    let id = '';
    const [ada, bob] = [
      await session('ada', { onDropped: (outcome) => dropped.push(outcome) }),
      await session('bob', {
        onQuestion: (iq) => {
          id = iq.attrs['id']!;
          return new Promise(() => undefined);
        },
      }),
    ];
    const eve = await session('bob');
    const asked = ada.ask('get', xml('echo', { xmlns: ECHO }), { to: bob.jid, timeoutMs: 4_000 });
    const outcome = asked.catch((reason: unknown) => reason);
    await until(() => id !== '');
    eve.send(xml('iq', { type: 'result', id, to: ada.jid }));
    await until(() => dropped.length > 0);
    expect(dropped).toEqual(['spoofed']);
    expect(await outcome).toMatchObject({ code: 'deadline', effect: 'unknown' });
    bob.send(xml('iq', { type: 'result', id, to: ada.jid }));
    await until(() => dropped.length > 1);
    expect(dropped[1]).toBe('late');
  });

  it('are bounded in number, and end at once when the connection does', async () => {
    const stream = await login(options('ada', { resource: 'bounded' }), new AbortController().signal);
    const ada = new Session(stream, quiet, { ...SESSION_DEFAULTS, maxPending: 3 });
    const bob = await session('bob', { onQuestion: () => new Promise(() => undefined) });
    const ask = () => ada.ask('get', xml('echo', { xmlns: ECHO }), { to: bob.jid, timeoutMs: 60_000 });
    const open = [ask(), ask(), ask()].map((asked) => asked.catch((reason: unknown) => reason));
    await expect(ask()).rejects.toMatchObject({ code: 'too_many', effect: 'not_sent' });
    stream.socket.destroy();
    for (const ended of await Promise.all(open))
      expect(ended).toMatchObject({ code: 'connection_lost', effect: 'unknown' });
    await expect(ask()).rejects.toMatchObject({ code: 'connection_lost', effect: 'not_sent' });
  });
});

describe('keeping the login', () => {
  const config = { login: { jid: 'ada@xmpp.test' }, serviceMap: new Map() };
  const start0: BridgeState = {
    state: 'offline',
    sentence: '',
    tries: 0,
    failure: null,
    boundJid: null,
    onlineSince: null,
  };
  const supervisor = (over: () => Partial<LoginOptions>, states: string[]): ConnectionSupervisor =>
    new ConnectionSupervisor(start0, {
      login: (signal, onStep) => login(options('ada', { resource: 'kept', ...over() }), signal, onStep),
      handlers: quiet,
      session: { ...SESSION_DEFAULTS, pingMs: 200, pongMs: 300 },
      log,
      onChange: ({ state }) => states.at(-1) !== state && states.push(state),
      random: () => 0,
    });

  it('passes the states in their order, survives a restart of the server, and ends when it is told', async () => {
    expect(config.login.jid).toBe('ada@xmpp.test');
    const states: string[] = [];
    const kept = supervisor(() => ({}), states);
    kept.start();
    await until(() => kept.state.state === 'online', 10_000);
    expect(states).toEqual(['connecting', 'securing', 'authenticating', 'binding', 'online']);
    const { port } = server;
    await server.stop();
    await until(() => kept.state.state !== 'online', 10_000);
    server = await start(port);
    await until(() => kept.state.state === 'online', 20_000);
    await kept.stop();
    expect(kept.state.state).toBe('offline');
    expect(kept.session).toBeNull();
  });

  it('does not try a wrong password again before the configuration changes', async () => {
    const states: string[] = [];
    let password = 'wrong';
    const kept = supervisor(() => ({ password }), states);
    kept.start();
    await until(() => kept.state.state === 'failed', 10_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(kept.state).toMatchObject({ tries: 1, failure: { code: 'NOT_AUTHORIZED', then: 'fatal' } });
    password = USERS.ada;
    kept.tryAgain();
    await until(() => kept.state.state === 'online', 10_000);
    await kept.stop();
  });
});
