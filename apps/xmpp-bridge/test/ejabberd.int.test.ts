import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ejabberdIsInstalled, type EjabberdServer, startEjabberd } from '@switchyard/local-servers';
import { LoginError } from '../src/login-failure.ts';
import { login, type LoginOptions } from '../src/login.ts';
import { Authority } from './certificates.ts';

/** The login at the server that the failure of the old client was seen at. */

let authority: Authority;
let dir: string;
let server: EjabberdServer;

const options = (over: Partial<LoginOptions> = {}): LoginOptions => ({
  jid: 'ada@xmpp.test',
  password: 'pw-ada',
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
});

(ejabberdIsInstalled() ? describe : describe.skip)('a login at ejabberd', () => {
  beforeAll(async () => {
    authority = new Authority();
    dir = mkdtempSync(join(tmpdir(), 'switchyard-ejabberd-'));
    server = await startEjabberd({
      dir: join(dir, 'ejabberd'),
      domain: 'xmpp.test',
      users: { ada: 'pw-ada' },
      tls: authority.issue('xmpp.test'),
    });
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    authority?.remove();
    if (dir) rmSync(dir, { recursive: true, force: true });
  }, 30_000);

  it('stands with the strongest mechanism, in each policy of channel binding that TLS 1.3 allows', async () => {
    for (const channelBinding of ['prefer', 'off'] as const) {
      const stream = await login(options({ channelBinding }), new AbortController().signal);
      expect(stream).toMatchObject({ jid: 'ada@xmpp.test/r', tlsVersion: 'TLSv1.3', mechanism: 'SCRAM-SHA-512' });
      stream.socket.destroy();
    }
  }, 60_000);

  it.each<[string, Partial<LoginOptions>, string]>([
    ['a wrong password', { password: 'wrong' }, 'NOT_AUTHORIZED'],
    ['a CA that is not ours', { ca: undefined }, 'CERT_UNTRUSTED'],
    ['a domain that it does not host', { domain: 'other.test' }, 'HOST_UNKNOWN'],
    ['TLS at once', { tls: 'direct' }, 'STARTTLS_EXPECTED'],
    ['a channel binding that both ends do not have', { channelBinding: 'require' }, 'CHANNEL_BINDING'],
  ])(
    'fails for %s with its reason',
    async (_name, over, code) => {
      const failed = await login(options(over), new AbortController().signal).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(LoginError);
      expect((failed as LoginError).failure.code).toBe(code);
    },
    60_000,
  );
});
