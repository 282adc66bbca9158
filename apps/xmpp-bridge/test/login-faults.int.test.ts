import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { LoginError, type LoginFailure, type LoginFailureCode, type LoginStep } from '../src/login/failure.ts';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Authority } from './certificates.ts';
import { SilentPort } from './silent-port.ts';
import { type Client, FEATURES as F, HostileServer, type Script, upTo } from './hostile-server.ts';

let authority: Authority;
let server: HostileServer;
beforeAll(async () => {
  authority = new Authority();
  server = await HostileServer.start(authority.issue('xmpp.test'));
});
afterEach(() => {
  server.inClear.length = 0;
  for (const socket of server.sockets) socket.destroy();
});
afterAll(async () => {
  await server?.stop();
  authority?.remove();
});

const PASSWORD = 'canary-31415';
const options = (over: Partial<LoginOptions> = {}): LoginOptions => ({
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
  timeoutMs: 400,
  ...over,
});

async function failure(script: Script, over: Partial<LoginOptions> = {}): Promise<LoginFailure & { ms: number }> {
  server.script = script;
  const began = performance.now();
  const error = await login(options(over), new AbortController().signal).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof LoginError)) throw new Error(`expected a failed login, got ${String(error)}`);
  return { ...error.failure, ms: performance.now() - began };
}

/** At its deadline, in this step: the time that it takes to get there is the machine's, so later ones are tried too. */
async function overdue(
  script: () => Script,
  step: LoginStep,
  over: Partial<LoginOptions> = {},
): Promise<LoginFailure & { ms: number; limitMs: number }> {
  for (const limitMs of [400, 1_600, 6_400, 25_600]) {
    const told = { ...(await failure(script(), { ...over, timeoutMs: limitMs })), limitMs };
    expect(told).toMatchObject({ code: 'TIMEOUT', then: 'retry' });
    expect(told.ms).toBeGreaterThan(limitMs - 50);
    expect(told.ms).toBeLessThan(limitMs + 10_000);
    if (told.step === step) return told;
  }
  throw new Error(`the login never got as far as ${step}`);
}

const PLAIN = { allowPlain: true };

/** A server that asks for the proof, and falls silent when it has it. */
function afterChallenge(): Script {
  return upTo('auth', (client, text) => {
    const said = Buffer.from(/<auth[^>]*>([^<]+)</.exec(text)?.[1] ?? '', 'base64').toString();
    const nonce = /r=([^,]+)/.exec(said)?.[1] ?? '';
    const challenge = `r=${nonce}server,s=${Buffer.from('salt').toString('base64')},i=4096`;
    client.write(
      `<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from(challenge).toString('base64')}</challenge>`,
    );
  });
}

describe('a login that cannot stand (faults 14, 19, 21)', () => {
  it.each<[string, LoginFailureCode, () => Script, Partial<LoginOptions>?]>([
    [
      'a server without STARTTLS',
      'STARTTLS_NOT_OFFERED',
      () => upTo('open', (c) => c.write(F.open() + F.of(F.sasl('PLAIN')))),
    ],
    [
      'STARTTLS that is refused',
      'STARTTLS_REFUSED',
      () => upTo('starttls', (c) => c.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
    ],
    [
      'words put in behind the answer to STARTTLS',
      'TLS_INJECTION',
      () => upTo('starttls', (c) => c.write(`${F.proceed}<message/>`)),
    ],
    [
      'PLAIN alone, without consent',
      'NO_COMMON_MECHANISM',
      () => upTo('secured', (c) => c.write(F.open() + F.of(F.sasl('PLAIN', 'X-OAUTH2')))),
    ],
    [
      'no channel binding where it is required',
      'CHANNEL_BINDING',
      () => upTo('secured', (c) => c.write(F.open() + F.of(F.sasl('SCRAM-SHA-256')))),
      { channelBinding: 'require' },
    ],
    ['a success without a proof of the server', 'SERVER_SIGNATURE', () => upTo('auth', (c) => c.write(F.success()))],
    ['a wrong password', 'NOT_AUTHORIZED', () => upTo('auth', (c) => c.write(F.failure('not-authorized')))],
    ['a locked account', 'ACCOUNT_DISABLED', () => upTo('auth', (c) => c.write(F.failure('account-disabled')))],
    [
      'a server that cannot check now',
      'TEMPORARY_AUTH_FAILURE',
      () => upTo('auth', (c) => c.write(F.failure('temporary-auth-failure'))),
    ],
    [
      'a challenge that is a trap',
      'SASL_FAILED',
      () =>
        upTo('auth', (c) =>
          c.write(
            `<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from('r=x,s=QQ==,i=999999999').toString('base64')}</challenge>`,
          ),
        ),
    ],
    [
      'TLS that is offered again after the login',
      'TLS_REOFFERED',
      () => upTo('authenticated', (c) => c.write(F.open() + F.of(F.starttls)), ['PLAIN']),
      PLAIN,
    ],
    [
      'a stream error that asks for TLS after the login',
      'TLS_REOFFERED',
      () => upTo('bind', (c) => c.write(F.streamError('policy-violation', 'Use of STARTTLS required')), ['PLAIN']),
      PLAIN,
    ],
    [
      'no resource binding',
      'NO_BIND',
      () => upTo('authenticated', (c) => c.write(F.open() + F.of()), ['PLAIN']),
      PLAIN,
    ],
    [
      'a resource that is taken',
      'RESOURCE_CONFLICT',
      () =>
        upTo(
          'bind',
          (c, text) =>
            c.write(
              `<iq type='error' id='${/id="([^"]+)"/.exec(text)?.[1]}'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
            ),
          ['PLAIN'],
        ),
      PLAIN,
    ],
    [
      'a domain that is not hosted',
      'HOST_UNKNOWN',
      () => upTo('open', (c) => c.write(F.open() + F.streamError('host-unknown'))),
    ],
    [
      'a server that sends us elsewhere',
      'STREAM_ERROR',
      () => upTo('open', (c) => c.write(F.open() + F.streamError('see-other-host'))),
    ],
    ['an undefined entity', 'XML_INVALID', () => upTo('open', (c) => c.write(`${F.open()}<a>&nbsp;</a>`))],
    ['broken XML', 'XML_INVALID', () => upTo('open', (c) => c.write(`${F.open()}<a></b>`))],
    [
      'an element without end',
      'XML_INVALID',
      () => upTo('open', (c) => c.write(`${F.open()}<a b="${'x'.repeat(2_000_000)}`)),
    ],
    ['a depth bomb', 'XML_INVALID', () => upTo('open', (c) => c.write(F.open() + '<a>'.repeat(10_000)))],
    ['HTTP', 'NOT_XMPP', () => upTo('open', (c) => c.write('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['noise', 'NOT_XMPP', () => upTo('open', (c) => c.write(Buffer.from([1, 2, 3, 4])))],
    ['a server that hangs up', 'CLOSED', () => upTo('open', (c) => c.end())],
    [
      'TLS at once on a port for STARTTLS',
      'DIRECT_TLS_EXPECTED',
      () => upTo('open', (c) => c.write(Buffer.from('15030100020246', 'hex'))),
    ],
  ])('is told for %s as %s, at once', async (...[, code, script, over]) => {
    const told = await failure(script(), { timeoutMs: 40_000, ...over });
    expect(told.code).toBe(code);
    expect(told.sentence.length).toBeGreaterThan(20);
    expect(told.sentence).not.toContain(PASSWORD);
    expect(told.ms).toBeLessThan(20_000);
    expect(server.inClear.join('')).not.toMatch(/<auth|<iq|<message|<presence|<response/);
    await until(() => server.sockets.size === 0, 5_000); // no connection is left
  });

  it.each<[LoginStep, () => Script, Partial<LoginOptions>?]>([
    ['opening the stream', () => ({ onText: () => undefined })],
    ['opening the stream', () => upTo('open', (c) => c.write(F.open()))],
    ['asking for STARTTLS', () => upTo('starttls', () => undefined)],
    ['the TLS handshake', () => upTo('starttls', (c) => c.write(F.proceed))],
    ['opening the secured stream', () => upTo('secured', () => undefined)],
    ['authenticating', () => upTo('auth', () => undefined)],
    ['authenticating', () => afterChallenge()],
    ['opening the authenticated stream', () => upTo('authenticated', () => undefined, ['PLAIN']), PLAIN],
    ['opening the authenticated stream', () => upTo('authenticated', (c) => c.write(F.open()), ['PLAIN']), PLAIN],
    ['binding a resource', () => upTo('bind', () => undefined, ['PLAIN']), PLAIN],
  ])('ends at its deadline and names the step "%s" where the server falls silent', async (...[step, script, over]) => {
    const told = await overdue(script, step, over);
    expect(told.sentence).toContain(step);
    await until(() => server.sockets.size === 0);
  });

  it('ends at its deadline where DNS does not answer, and at once where it knows no such name', async () => {
    const { script } = server;
    const over = { host: undefined, port: undefined };
    const silent = () => new Promise<never>(() => undefined);
    const dns = { resolveSrv: silent, lookup: silent };
    const hangs = await overdue(() => script, 'looking up the server', { ...over, dns });
    expect(hangs.sentence).toBe(
      'The login did not get further than looking up the server within 0.4 s (AZTM_XMPP_TIMEOUT).',
    );
    const unknown = () => Promise.reject(new Error('ENOTFOUND'));
    const fails = await failure(script, { ...over, dns: { resolveSrv: unknown, lookup: unknown }, timeoutMs: 40_000 });
    expect(fails).toMatchObject({ code: 'DNS', step: 'looking up the server', then: 'retry' });
    expect(fails.sentence).toBe(
      'No SRV record _xmpp-client._tcp.xmpp.test, and xmpp.test has no address; set AZTM_HOST.',
    );
    expect(fails.ms).toBeLessThan(20_000);
  });

  (process.platform === 'linux' ? it : it.skip)('ends at its deadline where no SYN is answered', async () => {
    const silent = await SilentPort.start();
    try {
      const told = await overdue(() => server.script, 'connecting', { port: silent.port });
      expect(told.sentence).toBe('The login did not get further than connecting within 0.4 s (AZTM_XMPP_TIMEOUT).');
    } finally {
      await silent.stop();
    }
  });

  (process.platform === 'linux' ? it : it.skip)(
    'goes on to the next server where one answers no SYN, and ends at its deadline where that is the last',
    async () => {
      const silent = await SilentPort.start();
      const at = (port: number, priority: number) => ({ name: '127.0.0.1', port, priority, weight: 0 });
      const over = (...records: ReturnType<typeof at>[]) => {
        const dns = { resolveSrv: () => Promise.resolve(records), lookup: () => Promise.resolve('') };
        return { host: undefined, port: undefined, dns };
      };
      const refused = upTo('auth', (c) => c.write(F.failure('account-disabled')), ['SCRAM-SHA-256']);
      try {
        const next = over(at(silent.port, 1), at(server.port, 2));
        expect(await failure(refused, { ...next, timeoutMs: 40_000 })).toMatchObject({ code: 'ACCOUNT_DISABLED' });
        const last = over(at(silent.port, 1), at(silent.port, 2));
        const told = await failure(refused, { ...last, timeoutMs: 4_000 });
        expect(told).toMatchObject({ code: 'TIMEOUT', step: 'connecting' });
      } finally {
        await silent.stop();
      }
    },
  );

  it('finds out that the offer of channel binding was taken away on the way, and blames no password', async () => {
    for (const [condition, text] of [
      ['not-authorized', 'Invalid channel binding'],
      ['malformed-request', ''],
    ] as const) {
      const script = upTo('auth', (c) => c.write(F.failure(condition, text)), ['SCRAM-SHA-256']);
      const told = await failure(script, { timeoutMs: 40_000 });
      expect(told).toMatchObject({ code: 'CHANNEL_BINDING', then: 'fatal' });
      expect(told.sentence).toContain('takes the offer (SCRAM-*-PLUS) away. The password was not judged.');
      // Where binding is off nothing was claimed that could be found out.
      expect(await failure(script, { timeoutMs: 40_000, channelBinding: 'off' })).toMatchObject({
        code: 'NOT_AUTHORIZED',
      });
    }
  });

  it('takes a refused channel binding for what it is, and tries the same password once without', async () => {
    const seen: string[] = [];
    const script = upTo(
      'auth',
      (c, text) => {
        seen.push(/mechanism="([^"]+)"/.exec(text)?.[1] ?? '');
        c.write(F.failure('not-authorized', seen.length === 1 ? 'Invalid channel binding' : ''));
      },
      ['SCRAM-SHA-512', 'SCRAM-SHA-512-PLUS'],
    );
    const withTypes: Script = {
      onText: (text, client) => {
        if (text.includes('<stream:stream') && client.tls && client.round === 2) {
          const types =
            "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
          return client.write(F.open() + F.of(F.sasl('SCRAM-SHA-512', 'SCRAM-SHA-512-PLUS'), types));
        }
        script.onText(text, client);
      },
    };
    const told = await failure(withTypes, { timeoutMs: 40_000 });
    expect(seen).toEqual(['SCRAM-SHA-512-PLUS', 'SCRAM-SHA-512']);
    expect(told.code).toBe('NOT_AUTHORIZED');
    seen.length = 0;
    const required = await failure(withTypes, { timeoutMs: 40_000, channelBinding: 'require' });
    expect(required).toMatchObject({ code: 'CHANNEL_BINDING', sentence: expect.stringMatching(/[0-9a-f]{64}/) });
    expect(required.ms).toBeLessThan(20_000);
  });

  it('is told within 200 ms, in the right sentence, for TLS that is offered again and a binding that is refused', async () => {
    let offeredAt = 0;
    const offering = (client: Client, text: string): void => {
      offeredAt = performance.now();
      client.write(text);
    };
    const reoffered = upTo('authenticated', (c) => offering(c, F.open() + F.of(F.starttls)), ['PLAIN']);
    const types =
      "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
    const unbound = upTo('auth', (c) => offering(c, F.failure('not-authorized', 'Invalid channel binding')));
    const refused: Script = {
      onText: (text, client) =>
        text.includes('<stream:stream') && client.tls && client.round === 2
          ? client.write(F.open() + F.of(F.sasl('SCRAM-SHA-512-PLUS'), types))
          : unbound.onText(text, client),
    };
    /** From what the server said to the diagnosis; the quickest of several: the machine may be busy. */
    const quickest = async (script: Script, over: Partial<LoginOptions>) => {
      const told = [];
      for (let n = 0; n < 8; n += 1) {
        const failed = await failure(script, { timeoutMs: 20_000, ...over });
        told.push({ ...failed, ms: performance.now() - offeredAt });
      }
      return told.sort((a, b) => a.ms - b.ms)[0]!;
    };
    const seed = await quickest(reoffered, PLAIN);
    expect(seed).toMatchObject({
      code: 'TLS_REOFFERED',
      step: 'opening the authenticated stream',
      sentence: expect.stringMatching(/^Login succeeded, then this stream asked for STARTTLS again.*are correct\.$/),
    });
    expect(seed.ms).toBeLessThan(200);
    const binding = await quickest(refused, { channelBinding: 'require' });
    expect(binding).toMatchObject({
      code: 'CHANNEL_BINDING',
      step: 'authenticating',
      sentence: expect.stringMatching(/failed with "Invalid channel binding" \(tls-exporter, TLSv1.3\).*[0-9a-f]{64}/),
    });
    expect(binding.ms).toBeLessThan(200);
  });

  it('is given up when the caller goes away', async () => {
    server.script = { onText: () => undefined };
    const caller = new AbortController();
    const done = login(options({ timeoutMs: 30_000 }), caller.signal);
    await until(() => server.sockets.size === 1);
    caller.abort();
    await expect(done).rejects.toBeInstanceOf(LoginError);
    await until(() => server.sockets.size === 0);
  });
});
