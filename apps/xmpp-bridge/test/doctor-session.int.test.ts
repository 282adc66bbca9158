import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { ejabberdIsInstalled, type EjabberdServer, type ProsodyServer, startEjabberd } from '@switchyard/local-servers';
import { login } from '../src/login/login.ts';
import { Session, SESSION_DEFAULTS, type SessionHandlers, StanzaRefusal } from '../src/session/session.ts';
import { carry, Clinic, PLAIN, USERS, welcoming } from './clinic.ts';
import { HostileServer } from './hostile-server.ts';
import { Middleman } from './middleman.ts';

/** The checks of the doctor at a login that stands, by their numbers: what the server and the peers let through. */

const NS_DISCO = 'http://jabber.org/protocol/disco#info';
let clinic: Clinic;
let hostile: HostileServer;
let prosody: Record<'plain' | 'small' | 'slow', ProsodyServer>;

beforeAll(async () => {
  clinic = new Clinic();
  hostile = await HostileServer.start(clinic.authority.issue('xmpp.test'));
  const [plain, small, slow] = await Promise.all([
    clinic.prosody('plain'),
    clinic.prosody('small', 'c2s_stanza_size_limit = 40000'),
    clinic.prosody(
      'slow',
      'modules_enabled = { "roster", "saslauth", "disco", "ping", "tls", "limits" }\nmodules_disabled = { "s2s", "http" }\nlimits = { c2s = { rate = "20kb/s"; burst = "1s" } }',
    ),
  ]);
  prosody = { plain, small, slow };
});
afterEach(async () => {
  await clinic.closeAll();
  for (const socket of hostile?.sockets ?? []) socket.destroy();
});
afterAll(async () => {
  await Promise.all([hostile, ...Object.values(prosody ?? {})].map((server) => server?.stop()));
  clinic?.remove();
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
  const trust = { validateCertificate: true, ca: clinic.authority.ca, fingerprint: undefined, allowPlain: false };
  const stream = await login(
    { ...options, ...trust, port: prosody.plain.port, tls: 'starttls', channelBinding: 'prefer', timeoutMs: 20_000 },
    new AbortController().signal,
  );
  const session = new Session(stream, { ...quiet, ...over }, { ...SESSION_DEFAULTS, priority });
  clinic.closes(() => session.close());
  await session.ping(10_000); // The presence has been taken by the server.
}
const MAP = { SERVICE_MAP: '{"bob.test":"bob@xmpp.test"}' };
const features = (...names: string[]) =>
  xml('query', { xmlns: NS_DISCO }, ...names.map((name) => xml('feature', { var: name })));

describe('the checks of the doctor, at a session that stands', () => {
  it('20: a server that cuts below what the bridge sends', async () => {
    const told = await clinic.doctor(prosody.small.port);
    expect(told.at(20)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/cuts at 65536 bytes \(16384 pass\)/),
    });
    expect(told.at(20).evidence.join('\n')).toContain('policy-violation');
  });

  it('20: a server that limits the rate', async () => {
    const told = await clinic.doctor(prosody.slow.port);
    expect(told.at(20)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/^About \d+ KB\/s: rate limit/),
    });
  });

  it('21: a delay that only larger stanzas have', async () => {
    hostile.script = welcoming((client, iq, id) => {
      if (!iq.includes('<payload') || iq.length > 4_000) return false;
      setTimeout(() => carry(client, iq, id), 250);
      return true;
    });
    const told = await clinic.doctor(hostile.port, PLAIN, { stepMs: 3_000 });
    expect(told.at(21)).toMatchObject({ status: 'warn', sentence: expect.stringMatching(/delayed ACK\/Nagle/) });
  });

  it('24: walks through all of them, and finds that Prosody keeps messages for those who are away', async () => {
    const told = await clinic.doctor(prosody.plain.port);
    expect(told.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(told.outcome).toBe('ok');
    expect(told.at(24)).toMatchObject({
      status: 'warn',
      sentence: expect.stringContaining('late execution is possible'),
    });
    expect(told.at(24).evidence.join('\n')).toMatch(/<message [^]*<delay /);
    expect(told.at(20)).toMatchObject({ status: 'ok', sentence: 'Stanzas of 250000 bytes pass.' });
  });

  it('18: a peer whose sessions cannot be seen; 22: one that is away', async () => {
    const told = await clinic.doctor(prosody.plain.port, MAP);
    expect(told.at(18)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/^Not subscribed to bob@xmpp.test/),
    });
    expect(told.at(22)).toMatchObject({ status: 'fail', group: 'peers' });
    expect(told.at(22).sentence).toBe(
      'bob@xmpp.test: service-unavailable — offline or unknown account (servers do not say which).',
    );
  });

  it('22: one that is called by message and shows no presence is not said to be away', async () => {
    const map = { SERVICE_MAP: '{"lib.test":"aztm:bob@xmpp.test"}' };
    const told = await clinic.doctor(prosody.plain.port, map, { only: 'peers' });
    expect(told.outcome).toBe('ok');
    expect(told.at(22)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/^bob@xmpp\.test is called by message .* shows when it is called\.$/),
    });
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
  ])('22: a peer that speaks %s', async (_name, onQuestion, sentence) => {
    await peer('bob', 'aztm', 5, { onQuestion });
    const told = await clinic.doctor(
      prosody.plain.port,
      { SERVICE_MAP: '{"bob.test":"bob@xmpp.test/aztm"}' },
      { only: 'peers' },
    );
    expect(told.at(22)).toMatchObject({ status: 'ok' });
    expect(told.at(22).sentence).toMatch(sentence);
  });

  it('23: another session that takes what is meant for this one, and not the bridge itself', async () => {
    await peer('ada', 'switchyard.0123456789', 10);
    await peer('ada', 'phone', 10);
    const told = await clinic.doctor(prosody.plain.port);
    expect(told.at(23)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/ada@xmpp.test \(own JID\) has 1 other session online with priority ≥ 10/),
    });
    expect(told.at(23).evidence).toEqual(['"ada@xmpp.test/phone": priority 10']);
  });
});

(ejabberdIsInstalled() ? describe : describe.skip)('"Invalid channel binding", at ejabberd', () => {
  let ejabberd: EjabberdServer;
  beforeAll(async () => {
    const tls = clinic.authority.issue('xmpp.test-2', { names: ['xmpp.test'] });
    ejabberd = await startEjabberd({ dir: join(clinic.dir, 'ejabberd'), domain: 'xmpp.test', users: USERS, tls });
  });
  afterAll(() => ejabberd?.stop());

  it('14: cause A: the server computes another binding; nobody is in between', async () => {
    const told = await clinic.doctor(ejabberd.port);
    expect(told.at(14)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(
        /^SCRAM-SHA-\d+-PLUS failed with "Invalid channel binding" for .*tls-exporter.*works with .*tls-unique.*Cause A/,
      ),
    });
    expect(told.at(14).sentence).not.toContain('Cause B');
    // The same server keeps nothing for those who are away.
    expect(told.at(24)).toMatchObject({ status: 'ok' });
  });

  it('14: cause B: something between ends TLS', async () => {
    const tls = clinic.authority.issue('xmpp.test-3', { names: ['xmpp.test'] });
    const middleman = await Middleman.start({ to: ejabberd.port, domain: 'xmpp.test', tls });
    clinic.closes(() => middleman.stop());
    const told = await clinic.doctor(middleman.port);
    // The login stands all the same: what is behind it is looked at as well.
    expect(told.at(15).status).toBe('ok');
    expect(told.at(14)).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/for every type .*Credentials are right\. Cause B.*[0-9a-f]{64}/),
    });
    expect(told.at(14).sentence).not.toContain('Cause A');
  });
});
