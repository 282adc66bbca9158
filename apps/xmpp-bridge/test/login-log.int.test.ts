import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { LoginError } from '../src/login/failure.ts';
import { loginLog } from '../src/login/log.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Authority } from './certificates.ts';
import { FEATURES as F, HostileServer, upTo } from './hostile-server.ts';
import { type Again, reoffering } from './reoffering-server.ts';

/** What the log says of a login at debug, with a server that answers as real ones do. */

const PASSWORD = 'canary-31415';
let authority: Authority;
let server: HostileServer;
beforeAll(async () => {
  authority = new Authority();
  server = await HostileServer.start(authority.issue('xmpp.test'));
});
afterAll(async () => {
  await server?.stop();
  authority?.remove();
});

interface Line {
  readonly message: string;
  readonly ms: number;
  readonly atMs: number;
}

async function logged(level: string, over: Partial<LoginOptions> = {}): Promise<Line[]> {
  const lines: string[] = [];
  const log = createLogger({ app: 'test', level, destination: { write: (line) => void lines.push(line) } });
  const options: LoginOptions = {
    jid: 'ada@xmpp.test',
    password: PASSWORD,
    resource: 'r',
    domain: 'xmpp.test',
    host: '127.0.0.1',
    port: server.port,
    tls: 'starttls',
    validateCertificate: true,
    ca: authority.ca,
    fingerprint: undefined,
    allowPlain: false,
    channelBinding: 'prefer',
    timeoutMs: 20_000,
    ...over,
  };
  try {
    const stream = await login(options, new AbortController().signal, undefined, loginLog(log));
    stream.socket.destroy();
  } catch (error) {
    if (!(error instanceof LoginError)) throw error;
  }
  const all = lines.join('');
  const heard = server.heard.join('');
  const payloads = [...heard.matchAll(/<(?:auth|response)[^>]*>([^<]{8,})</g)].map(([, payload]) => payload!);
  // The name of the user and the nonces are in them as well.
  for (const secret of [PASSWORD, Buffer.from(PASSWORD).toString('base64'), ...payloads])
    expect(all.includes(secret)).toBe(false);
  return lines.map((line) => JSON.parse(line) as Line);
}

const says = (again: Again, level = 'debug'): Promise<Line[]> => {
  server.heard.length = 0;
  server.script = reoffering(PASSWORD, again);
  return logged(level);
};

it('tells each step at debug, in its order, with its time, and never a secret', async () => {
  const lines = await says('never');
  const expected = [
    /Using host: 127\.0\.0\.1:\d+ \(starttls\), as configured \(AZTM_HOST/,
    /connected to 127\.0\.0\.1 port \d+/,
    /stream opened/,
    /the server opened its stream/,
    /features offered: starttls \(required\)/,
    /STARTTLS asked/,
    /STARTTLS granted/,
    /TLS handshake begun/,
    /TLS stands: TLSv1\.3; certificate of "CN=.*valid until .*SHA-256 [0-9a-f]{64}; checked; can be bound by tls-exporter/,
    /features offered: mechanisms \[SCRAM-SHA-512-PLUS, .*X-OAUTH2\], channel binding by \[tls-exporter\]/,
    /SASL: SCRAM-SHA-512-PLUS chosen, bound to the TLS connection/,
    /SASL: refused, not-authorized "Invalid channel binding"/,
    /SASL: SCRAM-SHA-512 chosen, without channel binding/,
    /SASL: the server asks for the proof/,
    /SASL: proof sent/,
    /SASL: success \(SCRAM-SHA-512\)/,
    /features offered: bind/,
    /bind asked, as "r"/,
    /bound as "ada@xmpp\.test\/d": the session stands/,
  ];
  let from = 0;
  for (const pattern of expected) {
    const found = lines.findIndex(({ message }, n) => n >= from && pattern.test(message));
    expect([pattern, found]).toEqual([pattern, expect.any(Number)]);
    expect([String(pattern), found >= 0]).toEqual([String(pattern), true]);
    from = found + 1;
  }
  expect(lines.every(({ ms, atMs }) => ms >= 0 && atMs >= 0)).toBe(true);
});

it('tells what a login failed of, a stream error and its words included', async () => {
  const lines = (await says('stream error')).map(({ message }) => message);
  expect(lines).toContainEqual(expect.stringContaining('stream error: policy-violation "Use of STARTTLS required"'));
  expect(lines.at(-1)).toBe('AZTM login: given up while binding a resource: TLS_REOFFERED');
});

it('never shows a password that is sent as it is', async () => {
  server.heard.length = 0;
  server.script = upTo('auth', (c) => c.write(F.failure('not-authorized')), ['PLAIN']);
  const lines = await logged('trace', { allowPlain: true });
  expect(lines.map(({ message }) => message)).toContain('AZTM login: SASL: PLAIN chosen');
});

it('says nothing of it at info', async () => {
  expect(await says('never', 'info')).toEqual([]);
});
