import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { type ProsodyServer, startProsody } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { startProxy, until } from '@switchyard/testing';
import type { BridgeState } from '../src/session/bridge-state.ts';
import { IqError } from '../src/session/iq-registry.ts';
import { ConnectionSupervisor } from '../src/session/connection-supervisor.ts';
import { LoginError, type LoginFailureCode } from '../src/login/failure.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { SESSION_DEFAULTS, type SessionHandlers } from '../src/session/session.ts';
import { Capture, inClear } from './capture.ts';
import { Authority } from './certificates.ts';
import { type Client, FEATURES as F, HostileServer, type Script } from './hostile-server.ts';

/** Every byte that leaves, looked at: none of a stanza and none of a credential is ever in clear text. */

const SECRET = 'canary-31415';
const log = createLogger({ app: 'test', level: 'silent' });
let authority: Authority;
let foreign: Authority;
let dir: string;
let prosody: ProsodyServer;
let capture: Capture;

beforeAll(async () => {
  [authority, foreign] = [new Authority(), new Authority()];
  dir = mkdtempSync(join(tmpdir(), 'switchyard-clear-'));
  chmodSync(dir, 0o755);
  prosody = await startProsody({
    dir: join(dir, 'prosody'),
    domain: 'xmpp.test',
    users: { ada: SECRET },
    tls: authority.issue('xmpp.test'),
    config: 'network_settings = { nagle = false }\nauthentication = "internal_hashed"\ndefault_iteration_count = 4096',
  });
  capture = await Capture.start(() => prosody.port);
});
afterAll(async () => {
  await capture?.stop();
  await prosody?.stop();
  authority?.remove();
  foreign?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

const options = (port: number, over: Partial<LoginOptions> = {}): LoginOptions => ({
  jid: 'ada@xmpp.test',
  password: SECRET,
  resource: 'r',
  domain: 'xmpp.test',
  host: '127.0.0.1',
  port,
  tls: 'starttls',
  validateCertificate: true,
  ca: authority.ca,
  fingerprint: undefined,
  allowPlain: false,
  channelBinding: 'prefer',
  timeoutMs: 30_000,
  ...over,
});
const never = new AbortController().signal;
const quiet: SessionHandlers = {
  onQuestion: () => undefined,
  onMessage: () => undefined,
  onPresence: () => undefined,
  onDropped: () => undefined,
  onClose: () => undefined,
};
const INITIAL: BridgeState = {
  state: 'offline',
  sentence: '',
  tries: 0,
  failure: null,
  boundJid: null,
  onlineSince: null,
};

describe('the capture', () => {
  it('finds a single byte in clear text, before TLS and between its records', () => {
    const header =
      '<?xml version=\'1.0\'?><stream:stream to="xmpp.test" version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">';
    const record = Buffer.from([0x16, 0x03, 0x01, 0, 2, 7, 7]);
    const sent = (...pieces: (string | Buffer)[]) => Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
    expect(inClear(sent(header, record, record))).toEqual({ before: header, stray: 0, secured: true });
    expect(inClear(sent(header, record, record.subarray(0, 6)))).toMatchObject({ stray: 0 });
    expect(inClear(sent(header, record, '<message/>', record))).toMatchObject({ stray: 17 });
    expect(inClear(sent(header, '<message/>'))).toMatchObject({ before: `${header}<message/>`, secured: false });
  });
});

describe('no byte of a stanza or a credential is in clear text', () => {
  it('in 200 logins', async () => {
    capture.sent.length = 0;
    const one = async (n: number) => {
      const stream = await login(options(capture.port, { resource: `l${n}` }), never);
      stream.send(xml('presence'));
      stream.socket.end();
    };
    for (let n = 0; n < 200; n += 8) await Promise.all(Array.from({ length: 8 }, (_, i) => one(n + i)));
    expect(capture.sent).toHaveLength(200);
    expect(capture.leaks()).toEqual([]);
    expect(capture.sent.every((pieces) => inClear(Buffer.concat(pieces)).secured)).toBe(true);
  });

  it('in 200 forced reconnects with sends in flight (fault 20)', async () => {
    capture.sent.length = 0;
    let logins = 0;
    let [sent, refused] = [0, 0];
    const supervisors = Array.from({ length: 4 }, (_, n) => {
      const kept: ConnectionSupervisor = new ConnectionSupervisor(INITIAL, {
        login: (signal, onStep) => login(options(capture.port, { resource: `k${n}` }), signal, onStep),
        handlers: quiet,
        session: SESSION_DEFAULTS,
        log,
        onChange: ({ state }) => {
          if (state === 'online') logins += 1;
          if (state === 'offline' || state === 'failed') setImmediate(() => kept.tryAgain());
        },
        random: () => 0,
      });
      kept.start();
      return kept;
    });
    /** Says something at every turn, whatever state the login is in. */
    const talking = setInterval(() => {
      for (const { session } of supervisors) {
        session?.ask('get', xml('query', { xmlns: `urn:test:${SECRET}` }), { timeoutMs: 5_000 }).then(
          () => (sent += 1),
          (error: unknown) => error instanceof IqError && (refused += 1),
        );
      }
    }, 1);
    try {
      for (let cuts = 1; cuts <= 50; cuts += 1) {
        await until(() => logins >= supervisors.length * cuts, 60_000);
        capture.cut();
      }
      await until(() => logins >= supervisors.length * 51, 60_000);
    } finally {
      clearInterval(talking);
      await Promise.all(supervisors.map((kept) => kept.stop()));
    }
    expect(logins).toBeGreaterThanOrEqual(204);
    expect(sent + refused).toBeGreaterThan(200);
    expect(capture.leaks()).toEqual([]);
  }, 180_000);
});

/** A server that goes along with STARTTLS and says what the test wants where the client would log in. */
function afterTls(onStream: (client: Client) => void, onAuth: (client: Client) => void = () => undefined): Script {
  return {
    onText: (text, client) => {
      if (text.includes('<stream:stream'))
        return client.tls && client.round === 2 ? onStream(client) : client.write(F.open() + F.of(F.starttls));
      if (text.includes('<starttls')) {
        client.write(F.proceed);
        return client.secure();
      }
      if (text.includes('<auth')) onAuth(client);
    },
  };
}
const beforeTls = (say: (client: Client, text: string) => void): Script => ({
  onText: (text, client) => say(client, text),
});
const scram = (client: Client): void => client.write(F.open() + F.of(F.sasl('SCRAM-SHA-256')));

describe('every downgrade ends the login with a reason, before anything was said in clear text (fault 19)', () => {
  it.each<[string, LoginFailureCode, Script, 'ours' | 'expired' | 'other name' | 'other CA', Partial<LoginOptions>?]>([
    [
      'STARTTLS is taken away',
      'STARTTLS_NOT_OFFERED',
      beforeTls((c) => c.write(F.open() + F.of(F.sasl('PLAIN', 'SCRAM-SHA-1')))),
      'ours',
      { allowPlain: true },
    ],
    [
      'STARTTLS is refused',
      'STARTTLS_REFUSED',
      beforeTls((c, text) =>
        c.write(
          text.includes('<starttls')
            ? "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
            : F.open() + F.of(F.starttls),
        ),
      ),
      'ours',
    ],
    [
      'words are put in behind the answer to STARTTLS',
      'TLS_INJECTION',
      beforeTls((c, text) =>
        c.write(text.includes('<starttls') ? `${F.proceed}<stream:features/>` : F.open() + F.of(F.starttls)),
      ),
      'ours',
    ],
    ['the certificate is of another CA', 'CERT_UNTRUSTED', afterTls(scram), 'other CA'],
    ['the certificate is for another name', 'CERT_NAME', afterTls(scram), 'other name'],
    ['the certificate has expired', 'CERT_EXPIRED', afterTls(scram), 'expired'],
    ['the pinned certificate is another one', 'CERT_PIN', afterTls(scram), 'ours', { fingerprint: '0'.repeat(64) }],
    [
      'PLAIN is all that is offered',
      'NO_COMMON_MECHANISM',
      afterTls((c) => c.write(F.open() + F.of(F.sasl('PLAIN')))),
      'ours',
    ],
    [
      'PLAIN is offered where the certificate is not checked',
      'NO_COMMON_MECHANISM',
      afterTls((c) => c.write(F.open() + F.of(F.sasl('PLAIN')))),
      'other CA',
      { allowPlain: true, validateCertificate: false },
    ],
    ['SCRAM is skipped', 'SERVER_SIGNATURE', afterTls(scram, (c) => c.write(F.success())), 'ours'],
    [
      'SCRAM ends with a proof of somebody else',
      'SERVER_SIGNATURE',
      afterTls(scram, (c) => c.write(F.success(`v=${Buffer.alloc(32).toString('base64')}`))),
      'ours',
    ],
    ['TLS is offered again inside TLS', 'TLS_REOFFERED', afterTls((c) => c.write(F.open() + F.of(F.starttls))), 'ours'],
    [
      'the login is sent elsewhere',
      'STREAM_ERROR',
      beforeTls((c) => c.write(F.open() + F.streamError('see-other-host'))),
      'ours',
    ],
    [
      'the server speaks plainly on a port for TLS',
      'STARTTLS_EXPECTED',
      beforeTls(() => undefined),
      'ours',
      { tls: 'direct' },
    ],
  ])('%s: %s', async (...[, code, script, certificate, over]) => {
    const issued = {
      ours: () => authority.issue('xmpp.test'),
      expired: () => authority.issue('expired.test', { names: ['xmpp.test'], days: -1 }),
      'other name': () => authority.issue('other.test'),
      'other CA': () => foreign.issue('xmpp.test'),
    }[certificate]();
    const server = await HostileServer.start(issued);
    const between = await Capture.start(() => server.port);
    try {
      server.script =
        over?.tls === 'direct' ? { onText: (_text, client) => client.write(F.open() + F.of(F.starttls)) } : script;
      const failed = await login(options(between.port, over), never).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(failed).toBeInstanceOf(LoginError);
      expect((failed as LoginError).failure).toMatchObject({ code });
      expect(between.leaks()).toEqual([]);
      // Nor is the password inside TLS where its receiver is not known: SCRAM proves it, it is never said.
      const told = server.heard.join('');
      const plain = Buffer.from(`\0ada\0${SECRET}`).toString('base64');
      expect(told.includes(SECRET) || told.includes(plain)).toBe(false);
      await until(() => server.sockets.size === 0, 10_000);
    } finally {
      await between.stop();
      await server.stop();
    }
  });
});

describe('a connection that fails', () => {
  it('at the first attempt leaves exactly one behind when the login stands (fault 23)', async () => {
    capture.sent.length = 0;
    capture.refusing = true;
    const states: string[] = [];
    const kept = new ConnectionSupervisor(INITIAL, {
      login: (signal, onStep) => login(options(capture.port, { resource: 'first' }), signal, onStep),
      handlers: quiet,
      session: SESSION_DEFAULTS,
      log,
      onChange: ({ state }) => states.at(-1) !== state && states.push(state),
      random: () => 0,
    });
    kept.start();
    await until(() => kept.state.state === 'failed', 30_000);
    capture.refusing = false;
    await until(() => kept.state.state === 'online', 30_000);
    expect(capture.sent).toHaveLength(1);
    expect(capture.open).toBe(1);
    await kept.stop();
    await until(() => capture.open === 0, 10_000);
  });

  it('half-open, without a word, is noticed by the ping; what was asked ends, and a new session stands (fault 2)', async () => {
    expect(SESSION_DEFAULTS.pingMs + SESSION_DEFAULTS.pongMs).toBeLessThanOrEqual(20_000);
    const link = await startProxy(prosody.port);
    const kept = new ConnectionSupervisor(INITIAL, {
      login: (signal, onStep) => login(options(link.port, { resource: 'half-open' }), signal, onStep),
      handlers: quiet,
      session: { ...SESSION_DEFAULTS, pingMs: 500, pongMs: 1_500 },
      log,
      onChange: () => undefined,
      random: () => 0,
    });
    try {
      kept.start();
      await until(() => kept.state.state === 'online', 30_000);
      const first = kept.session!;
      link.freeze();
      const asked = first
        .ask('get', xml('query', { xmlns: 'urn:test:hole' }), { timeoutMs: 60_000 })
        .catch((error: unknown) => error);
      await until(() => kept.state.state !== 'online', 30_000);
      expect(await asked).toMatchObject({ code: 'connection_lost', effect: 'unknown' });
      expect(kept.session).toBeNull();
      link.drop();
      link.heal();
      await until(() => kept.state.state === 'online', 60_000);
      expect(kept.session).not.toBe(first);
    } finally {
      await kept.stop();
      link.stop();
    }
  });
});
