import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ejabberdIsInstalled, type EjabberdServer, startEjabberd } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { ConnectionSupervisor, type LoginFlaw } from '../src/session/connection-supervisor.ts';
import { LoginError } from '../src/login/failure.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { SESSION_DEFAULTS } from '../src/session/session.ts';
import { Authority } from './certificates.ts';
import { Middleman, type MiddlemanOptions } from './middleman.ts';

/** The login at the server that the failure of the old client was seen at. */

let authority: Authority;
let dir: string;
let server: EjabberdServer;
/** One that speaks TLS 1.2 at most. */
let older: EjabberdServer;

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
    const tls = authority.issue('xmpp.test');
    const start = (name: string, listener: string[]) =>
      startEjabberd({ dir: join(dir, name), domain: 'xmpp.test', users: { ada: 'pw-ada' }, tls, listener });
    [server, older] = await Promise.all([
      start('ejabberd', []),
      start('older', ['protocol_options: ["no_sslv3", "no_tlsv1", "no_tlsv1_1", "no_tlsv1_3"]']),
    ]);
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), older?.stop()]);
    authority?.remove();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  it('stands with the strongest mechanism, in each policy of channel binding that TLS 1.3 allows', async () => {
    for (const channelBinding of ['prefer', 'off'] as const) {
      const stream = await login(options({ channelBinding }), new AbortController().signal);
      expect(stream).toMatchObject({ jid: 'ada@xmpp.test/r', tlsVersion: 'TLSv1.3', mechanism: 'SCRAM-SHA-512' });
      stream.socket.destroy();
    }
  });

  it.each<[string, Partial<LoginOptions>, string]>([
    ['a wrong password', { password: 'wrong' }, 'NOT_AUTHORIZED'],
    ['a CA that is not ours', { ca: undefined }, 'CERT_UNTRUSTED'],
    ['a domain that it does not host', { domain: 'other.test' }, 'HOST_UNKNOWN'],
    ['TLS at once', { tls: 'direct' }, 'STARTTLS_EXPECTED'],
    ['a channel binding that both ends do not have', { channelBinding: 'require' }, 'CHANNEL_BINDING'],
  ])('fails for %s with its reason', async (_name, over, code) => {
    const failed = await login(options(over), new AbortController().signal).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(LoginError);
    expect((failed as LoginError).failure.code).toBe(code);
  });

  it('is bound to the connection where both ends can, also where that is required', async () => {
    const stream = await login(options({ port: older.port, channelBinding: 'require' }), new AbortController().signal);
    expect(stream).toMatchObject({ tlsVersion: 'TLSv1.2', mechanism: 'SCRAM-SHA-512' });
    stream.socket.destroy();
  });

  describe('through something that ends TLS on the way', () => {
    /** What both sides can bind to without XEP-0440 is of TLS 1.2. */
    const between = (more: Partial<MiddlemanOptions> = {}) => {
      const tls = authority.issue('middle.test', { names: ['xmpp.test'] });
      return Middleman.start({ to: older.port, domain: 'xmpp.test', tls, maxVersion: 'TLSv1.2', ...more });
    };
    const through = async (over: Partial<LoginOptions>, more: Partial<MiddlemanOptions>) => {
      const middleman = await between(more);
      try {
        const outcome = await login(options({ port: middleman.port, ...over }), new AbortController().signal).then(
          ({ socket, jid, bindingRefused }) => (socket.destroy(), { jid, bindingRefused }),
          (error: unknown) => (error as LoginError).failure,
        );
        return { outcome, upstream: middleman.upstream };
      } finally {
        await middleman.stop();
      }
    };

    it('"Invalid channel binding" is told for what it is, with the certificate that was seen', async () => {
      const { outcome } = await through({ channelBinding: 'require' }, {});
      expect(outcome).toMatchObject({
        code: 'CHANNEL_BINDING',
        then: 'fatal',
        sentence: expect.stringMatching(/Invalid channel binding" \(tls-unique, TLSv1\.2\).*ends TLS.*[0-9a-f]{64}/),
      });
    });

    it('the same login stands without binding where that is only preferred: the password was right', async () => {
      const { outcome } = await through({ channelBinding: 'prefer' }, {});
      expect(outcome).toEqual({ jid: 'ada@xmpp.test/r', bindingRefused: 'tls-unique' });
    });

    it('such a login is warned of, once, and said to be without binding for as long as it stands', async () => {
      const [flaws, lines]: [LoginFlaw[], string[]] = [[], []];
      const log = createLogger({ app: 'test', destination: { write: (line: string) => void lines.push(line) } });
      const middleman = await between();
      const nothing = (): undefined => undefined;
      const supervisor = new ConnectionSupervisor(
        { state: 'offline', sentence: '', tries: 0, failure: null, boundJid: null, onlineSince: null },
        {
          login: (signal, onStep) => login(options({ port: middleman.port }), signal, onStep),
          handlers: { onQuestion: nothing, onMessage: nothing, onPresence: nothing, onDropped: nothing },
          session: SESSION_DEFAULTS,
          log,
          onChange: nothing,
          onFlaw: (flaw) => flaws.push(flaw),
        },
      );
      try {
        supervisor.start();
        await until(() => supervisor.state.state === 'online', 30_000);
        expect(supervisor.state.sentence).toMatch(/channel binding refused: tls-unique/);
        expect(flaws).toEqual([{ kind: 'unbound', type: 'tls-unique' }]);
        expect(lines.filter((line) => line.includes('refused channel binding (tls-unique)'))).toHaveLength(1);
      } finally {
        await supervisor.stop();
        await middleman.stop();
      }
    });

    it('TLS that is offered again after SASL, by the real server on a second connection, is told at once', async () => {
      const { outcome, upstream } = await through({ channelBinding: 'off' }, { reconnectsAfterSasl: true });
      expect(upstream).toBe(2);
      expect(outcome).toMatchObject({
        code: 'TLS_REOFFERED',
        step: 'opening the authenticated stream',
        sentence: expect.stringMatching(/^Login succeeded, then this stream asked for STARTTLS again\./),
      });
    });
  });
});
