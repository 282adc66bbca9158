import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { DoctorCheck } from '@switchyard/contracts';
import {
  ejabberdIsInstalled,
  type EjabberdServer,
  type ProsodyServer,
  startEjabberd,
  startProsody,
} from '@switchyard/local-servers';
import { parseConfig } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { Config } from '../src/config.ts';
import { diagnose, type DoctorOptions, type Outcome } from '../src/doctor.ts';
import { login } from '../src/login.ts';
import { Session, SESSION_DEFAULTS, type SessionHandlers, StanzaRefusal } from '../src/session.ts';
import { Authority } from './certificates.ts';
import { type Client, FEATURES as F, HostileServer, type Script, upTo } from './hostile-server.ts';
import { SilentPort } from './silent-port.ts';
import { TlsMiddlebox } from './tls-middlebox.ts';

/** Every check of the doctor by its number, at a real server where one can be brought to it. */

const PASSWORD = 'canary-31415';
const USERS = { ada: PASSWORD, bob: 'pw-bob' };
const NS_DISCO = 'http://jabber.org/protocol/disco#info';
let authority: Authority;
let dir: string;
let hostile: Record<'good' | 'misnamed' | 'expired' | 'expiring', HostileServer>;
let prosody: Record<'plain' | 'small' | 'slow', ProsodyServer>;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  authority = new Authority();
  dir = mkdtempSync(join(tmpdir(), 'switchyard-doctor-'));
  chmodSync(dir, 0o755);
  const tls = authority.issue('xmpp.test');
  const others = {
    misnamed: authority.issue('other', { names: ['a.test', 'b.test'] }),
    expired: authority.issue('expired', { names: ['xmpp.test'], days: -1 }),
    expiring: authority.issue('expiring', { names: ['xmpp.test'], days: 5 }),
  };
  const server = (name: string, config = ''): Promise<ProsodyServer> =>
    startProsody({ dir: join(dir, name), domain: 'xmpp.test', users: USERS, tls, config });
  const [good, misnamed, expired, expiring, plain, small, slow] = await Promise.all([
    HostileServer.start(tls),
    HostileServer.start(others.misnamed),
    HostileServer.start(others.expired),
    HostileServer.start(others.expiring),
    server('plain'),
    server('small', 'c2s_stanza_size_limit = 40000'),
    server(
      'slow',
      'modules_enabled = { "roster", "saslauth", "disco", "ping", "tls", "limits" }\nmodules_disabled = { "s2s", "http" }\nlimits = { c2s = { rate = "20kb/s"; burst = "1s" } }',
    ),
  ]);
  hostile = { good, misnamed, expired, expiring };
  prosody = { plain, small, slow };
}, 60_000);
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  for (const { sockets } of Object.values(hostile ?? {})) for (const socket of sockets) socket.destroy();
});
afterAll(async () => {
  await Promise.all([...Object.values(hostile ?? {}), ...Object.values(prosody ?? {})].map((server) => server.stop()));
  authority?.remove();
  if (dir) rmSync(dir, { recursive: true, force: true });
}, 30_000);

type Environment = Record<string, string | undefined>;
interface Told {
  readonly outcome: Outcome;
  readonly checks: DoctorCheck[];
  /** By number. */
  at(number: number): DoctorCheck;
}

async function doctor(port: number, over: Environment = {}, options: Partial<DoctorOptions> = {}): Promise<Told> {
  const checks: DoctorCheck[] = [];
  const environment: Environment = {
    AZTM_JID: 'ada@xmpp.test',
    AZTM_PASSWORD: PASSWORD,
    AZTM_HOST: '127.0.0.1',
    AZTM_PORT: String(port),
    AZTM_TLS: 'starttls',
    AZTM_CA_FILE: join(authority.dir, 'ca.pem'),
    ...over,
  };
  const outcome = await diagnose(parseConfig(Config, environment), {
    stepMs: 10_000,
    signal: new AbortController().signal,
    onCheck: (check) => checks.push(DoctorCheck.parse(check)),
    ...options,
  });
  expect(checks.map(({ number }) => number)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1));
  expect(JSON.stringify(checks)).not.toContain(PASSWORD);
  expect(JSON.stringify(checks)).not.toContain(Buffer.from(`\0ada\0${PASSWORD}`).toString('base64'));
  const failed = checks.findIndex(({ status }) => status === 'fail');
  // What was not reached is not said to be well.
  if (failed >= 0) expect(checks.slice(failed + 1).every(({ status }) => status === 'skipped')).toBe(true);
  return { outcome, checks, at: (number) => checks[number - 1]! };
}

const PLAIN = { AZTM_ALLOW_PLAIN: 'true' };
const SHORT = { stepMs: 1_500 };

/** Lets everybody in and carries IQs; `onIq` may take one over. */
function welcoming(onIq: (client: Client, iq: string, id: string) => boolean, greeting = ''): Script {
  const login = upTo('bind', () => undefined, ['PLAIN']);
  const buffers = new WeakMap<Client, string>();
  const jid = '<jid>ada@xmpp.test/d</jid>';
  return {
    onText: (text, client) => {
      if (/<stream:stream|<starttls|<auth/.test(text)) return login.onText(text, client);
      const whole = (buffers.get(client) ?? '') + text;
      let taken = 0;
      for (const { 0: stanza, index } of whole.matchAll(/<iq [^>]*\/>|<iq .*?<\/iq>/gs)) {
        taken = index + stanza.length;
        const id = /id="([^"]+)"/.exec(stanza)?.[1] ?? '';
        if (stanza.includes('xmpp-bind'))
          client.write(`<iq type='result' id='${id}'>${F.bind.replace('/>', `>${jid}</bind>`)}</iq>${greeting}`);
        else if (!onIq(client, stanza, id)) carry(client, stanza, id);
      }
      buffers.set(client, whole.slice(taken));
    },
  };
}
function carry(client: Client, iq: string, id: string): void {
  if (iq.includes('to="ada@xmpp.test/d"')) client.write(iq.replace('<iq ', "<iq from='ada@xmpp.test/d' "));
  else client.write(`<iq type='result' id='${id}'/>`);
}

describe('the checks of the doctor', () => {
  it.each<[number, string, () => Environment, RegExp]>([
    [1, 'an account that is no JID', () => ({ AZTM_JID: 'ada' }), /^AZTM_JID "ada" is not a bare JID user@domain/],
    [
      1,
      'a map that is no JSON',
      () => ({ SERVICE_MAP: '{"a": ' }),
      /^SERVICE_MAP: not valid JSON at line 1, column \d.*nothing was loaded/,
    ],
    [1, 'a map that leads back', () => ({ SERVICE_MAP: '{"a.test":"ada@xmpp.test"}' }), /your own JID \(loop\)/],
  ])('%i: %s is a matter of the configuration', async (number, _name, over, sentence) => {
    const told = await doctor(1, over());
    expect(told.outcome).toBe('config');
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  it('1: an account that is not set is said, and is no failure', async () => {
    const told = await doctor(1, { AZTM_JID: undefined, AZTM_PASSWORD: undefined });
    expect(told.outcome).toBe('ok');
    expect(told.at(1)).toMatchObject({ status: 'skipped', sentence: expect.stringContaining('AZTM_JID is not set') });
  });

  it.each<[string, { srv: { name: string; port: number; priority: number; weight: number }[] }, RegExp]>([
    ['a domain without any record', { srv: [] }, /No SRV record _xmpp-client._tcp.xmpp.test.*set AZTM_HOST/],
    ['a domain that offers no XMPP', { srv: [{ name: '.', port: 0, priority: 0, weight: 0 }] }, /SRV says "\."/],
  ])('2: %s', async (_name, { srv }, sentence) => {
    const dns = { resolveSrv: () => Promise.resolve(srv), lookup: () => Promise.reject(new Error('ENOTFOUND')) };
    const told = await doctor(1, { AZTM_HOST: undefined, AZTM_PORT: undefined }, { dns });
    expect(told).toMatchObject({ outcome: 'finding' });
    expect(told.at(2)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  it('2: an IPv6 address that is dead while IPv4 works is a warning', async () => {
    hostile.good.script = upTo('open', (c) => c.end());
    const addresses = () =>
      Promise.resolve([
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const told = await doctor(hostile.good.port, {}, { addresses });
    expect(told.at(2)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/AAAA ::1 is dead, IPv4 works/),
    });
  });

  it.each<[number, string, () => [number, Environment?], RegExp]>([
    [3, 'a port where nobody listens', () => [1], /ECONNREFUSED\): nothing listens there/],
    [
      4,
      'XMPP where TLS was expected at once',
      () => [prosody.plain.port, { AZTM_TLS: 'direct' }],
      /speaks plain XMPP.*AZTM_TLS=starttls/,
    ],
    [
      5,
      'a domain that the server does not host',
      () => [prosody.plain.port, { AZTM_JID: 'ada@other.test' }],
      /host-unknown.*"other.test"/,
    ],
    [8, 'a CA that is not known', () => [prosody.plain.port, { AZTM_CA_FILE: undefined }], /unknown CA.*AZTM_CA_FILE/],
    [
      13,
      'a wrong password',
      () => [prosody.plain.port, { AZTM_PASSWORD: 'wrong' }],
      /not-authorized.*user or password of ada@xmpp.test is wrong \(host and TLS are fine\)/,
    ],
  ])('%i: %s at Prosody', async (number, _name, at, sentence) => {
    const told = await doctor(...at());
    expect(told.outcome).toBe('finding');
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  (process.platform === 'linux' ? it : it.skip)(
    '3: a port that answers no SYN',
    async () => {
      const silent = await SilentPort.start();
      closing.push(() => silent.stop());
      const told = await doctor(silent.port, {}, SHORT);
      expect(told.at(3)).toMatchObject({
        status: 'fail',
        sentence: `127.0.0.1:${silent.port} did not answer within 1.5 s (no SYN answer): a firewall, or no such machine.`,
      });
    },
    30_000,
  );

  it('8: shows the certificate that was refused, and asks for no account over it', async () => {
    const told = await doctor(prosody.plain.port, { AZTM_CA_FILE: undefined });
    expect(told.at(8).evidence.join('\n')).toMatch(/issuer: "CN=Test CA"[^]*SHA-256: [0-9a-f]{64}/);
  });

  it.each<[number, string, () => Script, Environment | undefined, RegExp]>([
    [
      4,
      'HTTP',
      () => upTo('open', (c) => c.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
      undefined,
      /speaks HTTP, not XMPP/,
    ],
    [
      4,
      'TLS at once',
      () => upTo('open', (c) => c.write(Buffer.from('15030100020246', 'hex'))),
      undefined,
      /speaks TLS at once: use AZTM_TLS=direct/,
    ],
    [
      5,
      'a header without features',
      () => upTo('open', (c) => c.write(F.open())),
      undefined,
      /a stream header and no features in 1.5 s/,
    ],
    [
      6,
      'no STARTTLS',
      () => upTo('open', (c) => c.write(F.open() + F.of(F.sasl('PLAIN')))),
      PLAIN,
      /STARTTLS is not offered; there is no login in clear text/,
    ],
    [
      7,
      'a TLS handshake without end',
      () => upTo('starttls', (c) => c.write(F.proceed)),
      undefined,
      /TLS handshake did not finish in 1.5 s/,
    ],
    [
      12,
      'PLAIN alone',
      () => upTo('secured', (c) => c.write(F.open() + F.of(F.sasl('PLAIN', 'X-OAUTH2')))),
      undefined,
      /offers only \[PLAIN, X-OAUTH2\].*AZTM_ALLOW_PLAIN=true/,
    ],
    [
      13,
      'a server that proves nothing',
      () => upTo('auth', (c) => c.write(F.success())),
      undefined,
      /did not prove that it knows the password/,
    ],
    [
      13,
      'a locked account',
      () => upTo('auth', (c) => c.write(F.failure('account-disabled'))),
      undefined,
      /account-disabled/,
    ],
    [
      16,
      'a resource that is taken',
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
      /is in use \(conflict\)/,
    ],
    [16, 'no answer to bind', () => upTo('bind', () => undefined, ['PLAIN']), PLAIN, /bind\) got no answer in 1.5 s/],
    [
      17,
      'a server that goes down',
      () => welcoming(() => false, F.streamError('system-shutdown', 'Bye')),
      PLAIN,
      /system-shutdown.*the server is going down/,
    ],
    [19, 'no pong', () => welcoming(() => true), PLAIN, /No pong in 1.5 s: the connection is half-open/],
  ])('%i: %s', async (number, _name, script, over, sentence) => {
    hostile.good.script = script();
    // Steps that are meant to be silent are given up soon; the others get all the time that a busy machine needs.
    const isSilent = /1\.5 s/.test(sentence.source);
    const told = await doctor(hostile.good.port, over, isSilent ? SHORT : {});
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
    expect(told.outcome).toBe('finding');
  });

  it.each<[number, keyof typeof hostile, 'fail' | 'warn', RegExp]>([
    [9, 'misnamed', 'fail', /"a\.test, b\.test", not for the domain xmpp.test/],
    [10, 'expired', 'fail', /expired on \d{4}-\d\d-\d\d; renew it/],
    [10, 'expiring', 'warn', /expires on .*, in [45] days/],
  ])('%i: a certificate that is %s', async (number, which, status, sentence) => {
    hostile[which].script = upTo('auth', (c) => c.write(F.failure('not-authorized')));
    const told = await doctor(hostile[which].port);
    expect(told.at(number)).toMatchObject({ status, sentence: expect.stringMatching(sentence) });
  });

  it('11: a certificate that is not checked ends the diagnosis before anything of the account is said', async () => {
    const heard: string[] = [];
    hostile.good.script = upTo('auth', (_, text) => void heard.push(text));
    const told = await doctor(hostile.good.port, { AZTM_VALIDATE_CERT: 'false' });
    expect(told.at(11)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/anyone on the way can read the password/),
    });
    expect(heard).toEqual([]);
  });

  it('15: TLS that is offered again after SASL: the failure of the old client, explained with its evidence', async () => {
    hostile.good.script = upTo('authenticated', (c) => c.write(F.open() + F.of(F.starttls)), ['PLAIN']);
    const told = await doctor(hostile.good.port, PLAIN);
    const { status, sentence, evidence } = told.at(15);
    expect(status).toBe('fail');
    expect(sentence).toMatch(/^Login succeeded, then this stream asked for STARTTLS again\./);
    expect(sentence).toMatch(
      /\(1\) two connections.*\(2\) a proxy ended TLS.*results of it, not causes.*password are correct/,
    );
    const all = evidence.join('\n');
    expect(all).toContain('TCP connections of this login: 1');
    expect(all).toMatch(/connection 1: local port \d+ to 127\.0\.0\.1:\d+/);
    expect(all).toMatch(/stream 1 on connection 1: not encrypted/);
    expect(all).toMatch(/stream 3 on connection 1: TLSv1\.3, certificate SHA-256 [0-9a-f]{64}/);
    expect(all).toContain(`features of stream 3: ${F.of(F.starttls)}`);
    expect(all).toContain('cause 1 is excluded');
  });

  it('15: the same, where the server says it with a stream error at bind', async () => {
    const error = F.streamError('policy-violation', 'Use of STARTTLS required');
    hostile.good.script = upTo('bind', (c) => c.write(error), ['PLAIN']);
    const told = await doctor(hostile.good.port, PLAIN);
    expect(told.at(15)).toMatchObject({
      status: 'fail',
      sentence: expect.stringContaining('asked for STARTTLS again'),
    });
  });

  it('20: a server that cuts below what the bridge sends', async () => {
    const told = await doctor(prosody.small.port);
    expect(told.at(20)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/cuts at 65536 bytes \(16384 pass\)/),
    });
    expect(told.at(20).evidence.join('\n')).toContain('policy-violation');
  });

  it('20: a server that limits the rate', async () => {
    const told = await doctor(prosody.slow.port);
    expect(told.at(20)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/^About \d+ KB\/s: rate limit/),
    });
  }, 60_000);

  it('21: a delay that only larger stanzas have', async () => {
    hostile.good.script = welcoming((client, iq, id) => {
      if (!iq.includes('<payload') || iq.length > 4_000) return false;
      setTimeout(() => carry(client, iq, id), 250);
      return true;
    });
    const told = await doctor(hostile.good.port, PLAIN, { stepMs: 3_000 });
    expect(told.at(21)).toMatchObject({ status: 'warn', sentence: expect.stringMatching(/delayed ACK\/Nagle/) });
  }, 60_000);
});

const quiet: SessionHandlers = {
  onQuestion: () => undefined,
  onMessage: () => undefined,
  onPresence: () => undefined,
  onDropped: () => undefined,
  onClose: () => undefined,
};
async function peer(user: keyof typeof USERS, resource: string, priority: number, over: Partial<SessionHandlers> = {}) {
  const options = { jid: `${user}@xmpp.test`, password: USERS[user], resource, domain: 'xmpp.test', host: '127.0.0.1' };
  const trust = { validateCertificate: true, ca: authority.ca, fingerprint: undefined, allowPlain: false };
  const stream = await login(
    { ...options, ...trust, port: prosody.plain.port, tls: 'starttls', channelBinding: 'prefer', timeoutMs: 20_000 },
    new AbortController().signal,
  );
  const session = new Session(stream, { ...quiet, ...over }, { ...SESSION_DEFAULTS, priority });
  closing.push(() => session.close());
  await session.ping(10_000); // The presence has been taken by the server.
}
const MAP = { SERVICE_MAP: '{"bob.test":"bob@xmpp.test"}' };
const features = (...names: string[]) =>
  xml('query', { xmlns: NS_DISCO }, ...names.map((name) => xml('feature', { var: name })));

describe('the checks of the doctor, at a session that stands', () => {
  it('24: walks through all of them, and finds that Prosody keeps messages for those who are away', async () => {
    const told = await doctor(prosody.plain.port);
    expect(told.outcome).toBe('ok');
    expect(told.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(told.at(24)).toMatchObject({
      status: 'warn',
      sentence: expect.stringContaining('late execution is possible'),
    });
    expect(told.at(24).evidence.join('\n')).toMatch(/<message [^]*<delay /);
    expect(told.at(20)).toMatchObject({ status: 'ok', sentence: 'Stanzas of 250000 bytes pass.' });
  }, 60_000);

  it('18: a peer whose sessions cannot be seen; 22: one that is away', async () => {
    const told = await doctor(prosody.plain.port, MAP);
    expect(told.at(18)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/^Not subscribed to bob@xmpp.test/),
    });
    expect(told.at(22)).toMatchObject({ status: 'fail', group: 'peers' });
    expect(told.at(22).sentence).toBe(
      'bob@xmpp.test: service-unavailable — offline or unknown account (servers do not say which).',
    );
  }, 60_000);

  it.each<[string, SessionHandlers['onQuestion'], RegExp]>([
    [
      'urn:xmpp:http',
      (iq) =>
        iq.getChild('query')
          ? Promise.resolve(features('urn:xmpp:http'))
          : Promise.reject(new StanzaRefusal('bad-request')),
      /^The peer answers/,
    ],
    [
      'the dialect of slixmpp',
      (iq) =>
        iq.getChild('query')
          ? Promise.resolve(features('urn:xmpp:http'))
          : Promise.reject(new StanzaRefusal('feature-not-implemented')),
      /bob@xmpp.test\/aztm speaks the slixmpp dialect/,
    ],
    [
      'urn:aztm:v1',
      () => Promise.resolve(features('urn:xmpp:ping')),
      /answers but without urn:xmpp:http: using aztm-v1/,
    ],
  ])(
    '22: a peer that speaks %s',
    async (_name, onQuestion, sentence) => {
      await peer('bob', 'aztm', 5, { onQuestion });
      const told = await doctor(
        prosody.plain.port,
        { SERVICE_MAP: '{"bob.test":"bob@xmpp.test/aztm"}' },
        { only: 'peers' },
      );
      expect(told.at(22)).toMatchObject({ status: 'ok' });
      expect(told.at(22).sentence).toMatch(sentence);
    },
    60_000,
  );

  it('23: another session that takes what is meant for this one, and not the bridge itself', async () => {
    await peer('ada', 'switchyard.0123456789', 10);
    await peer('ada', 'phone', 10);
    const told = await doctor(prosody.plain.port);
    expect(told.at(23)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/ada@xmpp.test \(own JID\) has 1 other session online with priority ≥ 10/),
    });
    expect(told.at(23).evidence).toEqual(['"ada@xmpp.test/phone": priority 10']);
  }, 60_000);
});

(ejabberdIsInstalled() ? describe : describe.skip)('"Invalid channel binding", at ejabberd', () => {
  let ejabberd: EjabberdServer;
  beforeAll(async () => {
    const tls = authority.issue('xmpp.test-2', { names: ['xmpp.test'] });
    ejabberd = await startEjabberd({ dir: join(dir, 'ejabberd'), domain: 'xmpp.test', users: USERS, tls });
  }, 60_000);
  afterAll(() => ejabberd?.stop());

  it('14: cause A: the server computes another binding; nobody is in between', async () => {
    const told = await doctor(ejabberd.port);
    expect(told.at(14)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(
        /^SCRAM-SHA-\d+-PLUS failed with "Invalid channel binding" for .*tls-exporter.*works with .*tls-unique.*Cause A/,
      ),
    });
    expect(told.at(14).sentence).not.toContain('Cause B');
    // The same server keeps nothing for those who are away.
    expect(told.at(24)).toMatchObject({ status: 'ok' });
  }, 60_000);

  it('14: cause B: something between ends TLS', async () => {
    const box = await TlsMiddlebox.start(ejabberd.port, authority.issue('xmpp.test-3', { names: ['xmpp.test'] }));
    closing.push(() => box.stop());
    const told = await doctor(box.port);
    expect(told.outcome).toBe('finding');
    expect(told.at(14)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/for every type .*Credentials are right\. Cause B.*[0-9a-f]{64}/),
    });
    expect(told.at(14).sentence).not.toContain('Cause A');
  }, 60_000);
});

it('leaves no connection behind', async () => {
  await until(() => Object.values(hostile).every(({ sockets }) => sockets.size === 0), 5_000);
});
