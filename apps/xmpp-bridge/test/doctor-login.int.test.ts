import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProsodyServer } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { Authority } from './certificates.ts';
import { Clinic, type Environment, PLAIN, SHORT, welcoming } from './clinic.ts';
import { FEATURES as F, HostileServer, type Script, upTo } from './hostile-server.ts';
import { SilentPort } from './silent-port.ts';

/** The checks of the doctor up to a login that stands, by their numbers, at a real server where one can be brought to it. */

let clinic: Clinic;
let hostile: Record<'good' | 'misnamed' | 'expired' | 'expiring', HostileServer>;
let prosody: ProsodyServer;

beforeAll(async () => {
  clinic = new Clinic();
  const { authority } = clinic;
  const [good, misnamed, expired, expiring] = await Promise.all([
    HostileServer.start(authority.issue('xmpp.test')),
    HostileServer.start(authority.issue('other', { names: ['a.test', 'b.test'] })),
    HostileServer.start(authority.issue('expired', { names: ['xmpp.test'], days: -1 })),
    HostileServer.start(authority.issue('expiring', { names: ['xmpp.test'], days: 5 })),
  ]);
  hostile = { good, misnamed, expired, expiring };
  prosody = await clinic.prosody('plain');
});
afterEach(async () => {
  await clinic.closeAll();
  for (const { sockets } of Object.values(hostile ?? {})) for (const socket of sockets) socket.destroy();
});
afterAll(async () => {
  await Promise.all([...Object.values(hostile ?? {}), prosody].map((server) => server?.stop()));
  clinic?.remove();
});

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
    const told = await clinic.doctor(1, over());
    expect(told.outcome).toBe('config');
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  it('1: an account that is not set is said, and is no failure', async () => {
    const told = await clinic.doctor(1, { AZTM_JID: undefined, AZTM_PASSWORD: undefined });
    expect(told.outcome).toBe('ok');
    expect(told.at(1)).toMatchObject({ status: 'skipped', sentence: expect.stringContaining('AZTM_JID is set') });
  });

  it.each<[string, { srv: { name: string; port: number; priority: number; weight: number }[] }, RegExp]>([
    ['a domain without any record', { srv: [] }, /No SRV record _xmpp-client._tcp.xmpp.test.*set AZTM_HOST/],
    ['a domain that offers no XMPP', { srv: [{ name: '.', port: 0, priority: 0, weight: 0 }] }, /SRV says "\."/],
  ])('2: %s', async (_name, { srv }, sentence) => {
    const dns = { resolveSrv: () => Promise.resolve(srv), lookup: () => Promise.reject(new Error('ENOTFOUND')) };
    const told = await clinic.doctor(1, { AZTM_HOST: undefined, AZTM_PORT: undefined }, { dns });
    expect(told).toMatchObject({ outcome: 'finding' });
    expect(told.at(2)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  it('2: a configured server whose name has no address, and nothing after it is said to be well', async () => {
    const host = `${'x'.repeat(70)}.test`; // too long to be asked for, so that no resolver takes its time
    const told = await clinic.doctor(5_222, { AZTM_HOST: host });
    expect(told.outcome).toBe('finding');
    expect(told.at(2)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(
        /^The name x{70}\.test has no address \(\w+\); set or correct AZTM_HOST, or mend DNS/,
      ),
    });
  });

  it('2: an IPv6 address that is dead while IPv4 works is a warning', async () => {
    hostile.good.script = upTo('open', (c) => c.end());
    const addresses = () =>
      Promise.resolve([
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const told = await clinic.doctor(hostile.good.port, {}, { addresses });
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
      () => [prosody.port, { AZTM_TLS: 'direct' }],
      /speaks plain XMPP.*AZTM_TLS=starttls/,
    ],
    [
      5,
      'a domain that the server does not host',
      () => [prosody.port, { AZTM_JID: 'ada@other.test' }],
      /host-unknown.*"other.test"/,
    ],
    [
      12,
      'clear text where the server asks for STARTTLS',
      () => [prosody.port, { AZTM_TLS: 'off' }],
      /lets nobody in over clear text \(AZTM_TLS=off\).*use AZTM_TLS=starttls/,
    ],
    [8, 'a CA that is not known', () => [prosody.port, { AZTM_CA_FILE: undefined }], /unknown CA.*set AZTM_CA_FILE/],
    [
      13,
      'a wrong password',
      () => [prosody.port, { AZTM_PASSWORD: 'wrong' }],
      /not-authorized.*user or password of ada@xmpp.test is wrong \(host and TLS are fine\)/,
    ],
  ])('%i: %s at Prosody', async (number, _name, at, sentence) => {
    const told = await clinic.doctor(...at());
    expect(told.outcome).toBe('finding');
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
  });

  it('8: a CA file of another CA is told as that, and TLS is not said to be off', async () => {
    const other = new Authority();
    clinic.closes(() => other.remove());
    const told = await clinic.doctor(prosody.port, { AZTM_CA_FILE: join(other.dir, 'ca.pem') });
    expect(told.at(7)).toMatchObject({ status: 'ok', sentence: expect.stringMatching(/The server speaks TLS/) });
    expect(told.at(8)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/a CA that is not in AZTM_CA_FILE.*put the certificate of that CA into the file/),
    });
  });

  (process.platform === 'linux' ? it : it.skip)('3: a port that answers no SYN', async () => {
    const silent = await SilentPort.start();
    clinic.closes(() => silent.stop());
    const told = await clinic.doctor(silent.port, {}, SHORT);
    expect(told.at(3)).toMatchObject({
      status: 'fail',
      sentence: `127.0.0.1:${silent.port} did not answer within 1.5 s (no SYN answer): a firewall, or no such machine.`,
    });
  });

  it('8: shows the certificate that was refused, and asks for no account over it', async () => {
    const told = await clinic.doctor(prosody.port, { AZTM_CA_FILE: undefined });
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
    const told = await clinic.doctor(hostile.good.port, over, isSilent ? SHORT : {});
    expect(told.at(number)).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
    expect(told.outcome).toBe('finding');
  });

  it.each<[number, keyof typeof hostile, 'fail' | 'warn', RegExp]>([
    [9, 'misnamed', 'fail', /"a\.test, b\.test", not for the domain xmpp.test/],
    [10, 'expired', 'fail', /expired on \d{4}-\d\d-\d\d; renew it/],
    [10, 'expiring', 'warn', /expires on .*, in [45] days/],
  ])('%i: a certificate that is %s', async (number, which, status, sentence) => {
    hostile[which].script = upTo('auth', (c) => c.write(F.failure('not-authorized')));
    const told = await clinic.doctor(hostile[which].port);
    expect(told.at(number)).toMatchObject({ status, sentence: expect.stringMatching(sentence) });
  });

  it('11: a certificate that is not checked ends the diagnosis before anything of the account is said', async () => {
    const heard: string[] = [];
    hostile.good.script = upTo('auth', (_, text) => void heard.push(text));
    const told = await clinic.doctor(hostile.good.port, { AZTM_VALIDATE_CERT: 'false' });
    expect(told.at(11)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/anyone on the way can read the password/),
    });
    expect(heard).toEqual([]);
  });

  it('15: TLS that is offered again after SASL: the failure of the old client, explained with its evidence', async () => {
    hostile.good.script = upTo('authenticated', (c) => c.write(F.open() + F.of(F.starttls)), ['PLAIN']);
    const told = await clinic.doctor(hostile.good.port, PLAIN);
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
    const told = await clinic.doctor(hostile.good.port, PLAIN);
    expect(told.at(15)).toMatchObject({
      status: 'fail',
      sentence: expect.stringContaining('asked for STARTTLS again'),
    });
  });
});

it('leaves no connection behind', async () => {
  await until(() => Object.values(hostile).every(({ sockets }) => sockets.size === 0), 5_000);
});
