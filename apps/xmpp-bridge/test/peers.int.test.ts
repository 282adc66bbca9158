import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { type RequestOf, xmppRequest } from '@switchyard/contracts';
import { ejabberdIsInstalled, type LocalServer, startEjabberd, startProsody } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import type { LoginOptions } from '../src/login/login.ts';
import { AztmPeer } from './aztm-peer.ts';
import { Authority } from './certificates.ts';
import { echo, Organisation } from './organisation.ts';
import { RawPeer } from './raw-peer.ts';
import { SlixmppPeer, slixmppIsInstalled } from './slixmpp-peer.ts';

/** Peers that are none of ours: one that speaks urn:aztm:v1, and slixmpp; at both servers, both ways. */

const SERVERS = ['prosody', ...(ejabberdIsInstalled() ? ['ejabberd'] : [])] as const;
const USERS = { ada: 'pw-ada', lib: 'pw-lib', old: 'pw-old', slix: 'pw-slix', eve: 'pw-eve' };
const MAP = {
  'lib.example': 'aztm:lib@xmpp.test',
  'old.example': 'old@xmpp.test',
  'slix.example': 'slix@xmpp.test',
};
const RULE = { methods: ['GET', 'POST'], paths: ['/a2a*'], perMinute: 1_000 };
const POLICY = { 'lib@xmpp.test': RULE, 'slix@xmpp.test': RULE };
const ADA = 'ada@xmpp.test';

describe.each(SERVERS)('at %s', (name) => {
  let dir: string;
  let authority: Authority;
  let server: LocalServer;
  let ada: Organisation;
  const peers: AztmPeer[] = [];
  let lib: AztmPeer;

  const optionsOf = (user: keyof typeof USERS): LoginOptions => ({
    jid: `${user}@xmpp.test`,
    password: USERS[user],
    resource: randomUUID().slice(0, 8),
    domain: 'xmpp.test',
    host: '127.0.0.1',
    port: server.port,
    tls: 'auto',
    validateCertificate: true,
    ca: authority.ca,
    fingerprint: undefined,
    allowPlain: false,
    channelBinding: 'off',
    timeoutMs: 20_000,
  });
  const peer = async (user: keyof typeof USERS): Promise<AztmPeer> => {
    const made = await AztmPeer.login(optionsOf(user));
    peers.push(made);
    return made;
  };
  const raws: RawPeer[] = [];
  const raw = async (user: keyof typeof USERS): Promise<RawPeer> => {
    const made = await RawPeer.login(optionsOf(user));
    raws.push(made);
    return made;
  };
  const call = (over: Partial<RequestOf<typeof xmppRequest>>, timeoutMs = 20_000) =>
    ada.out.request(
      xmppRequest,
      { host: 'lib.example', method: 'POST', resource: '/a2a/echo?x=1', ...over },
      { timeoutMs },
    );
  const text = (body: string): string => Buffer.from(body, 'base64').toString();
  const base64 = (body: string): string => Buffer.from(body).toString('base64');

  /** How often a login of ada was lost. */
  const lost = async (): Promise<number> =>
    (await ada.metric('xmpp_login_changes_total', 'offline')) +
    (await ada.metric('xmpp_login_changes_total', 'connecting'));

  beforeAll(async () => {
    authority = new Authority();
    dir = mkdtempSync(join(tmpdir(), `switchyard-${name}-peers-`));
    chmodSync(dir, 0o755);
    const options = { dir: join(dir, name), domain: 'xmpp.test', users: USERS, tls: authority.issue('xmpp.test') };
    server = name === 'prosody' ? await startProsody(options) : await startEjabberd(options);
    const policy = join(dir, 'policy.json');
    writeFileSync(policy, JSON.stringify(POLICY));
    ada = await Organisation.start({
      dir,
      account: ADA,
      port: server.port,
      caFile: join(authority.dir, 'ca.pem'),
      env: { SERVICE_MAP: JSON.stringify(MAP), AZTM_PEER_POLICY: policy },
    });
    lib = await peer('lib');
  });
  beforeEach(() => {
    ada.served.length = 0;
    ada.answer = echo;
  });
  afterEach(() => {
    for (const extra of peers.splice(1)) extra.close();
    for (const extra of raws.splice(0)) extra.session.close();
  });
  afterAll(async () => {
    for (const each of peers) each.close();
    await ada?.stop();
    await server?.stop();
    authority?.remove();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  describe('stanzas that are too large or nested too deep to be read', () => {
    const nested = (depth: number): Element => {
      let inner = xml('a');
      for (let level = 1; level < depth; level += 1) inner = xml('a', {}, inner);
      return inner;
    };
    /** Small here; the server repeats the namespace for each element when it passes it on. */
    const swelling = (): Element =>
      xml(
        'message',
        { to: ADA, 'xmlns:p': `urn:${'n'.repeat(2_000)}` },
        ...Array.from({ length: 3_000 }, () => xml('p:a')),
      );
    it.each([70, 300, 2_000])('50 of an unknown JID, %i deep, end no session and fail no request', async (depth) => {
      const eve = await raw('eve');
      const [lostBefore, skipped] = [await lost(), await ada.metric('xmpp_stanzas_skipped_total', 'depth')];
      const stanza = xml('message', { to: ADA, type: 'chat' }, nested(depth));
      const ours: string[] = [];
      for (let n = 0; n < 50; n += 1) {
        eve.send(stanza);
        ours.push(lib.request(ADA, { method: 'GET', path: '/a2a/x' }).id);
        if (n % 10 === 0) expect(await call({})).toMatchObject({ status: 200 });
      }
      await until(() => ours.every((id) => lib.heard.some((said) => said.id === id)), 20_000);
      const answers = lib.heard.filter(({ id }) => ours.includes(id));
      expect(answers.map(({ control }) => control['status'])).toEqual(ours.map(() => 200));
      await until(async () => (await ada.metric('xmpp_stanzas_skipped_total', 'depth')) === skipped + 50, 20_000);
      expect(await lost()).toBe(lostBefore);
    });

    it('one that grows to megabytes on its way ends no session', async () => {
      const eve = await raw('eve');
      const before = await lost();
      const skipped = await ada.metric('xmpp_stanzas_skipped_total', 'size');
      eve.send(swelling());
      if (name === 'prosody')
        await until(async () => (await ada.metric('xmpp_stanzas_skipped_total', 'size')) === skipped + 1, 20_000);
      const { id } = lib.request(ADA, { method: 'GET', path: '/a2a/x' });
      await until(() => lib.heard.some((said) => said.id === id), 20_000);
      expect(await lost()).toBe(before);
    });

    it('a question whose answer would be too large, as it repeats its id, ends no session', async () => {
      const eve = await raw('eve');
      const before = await lost();
      for (const [quote, mark] of [
        ['"', "'"],
        ["'", '"'],
      ] as const)
        eve.write(
          `<iq type='get' to='${ADA}/aztm' id=${quote}${mark.repeat(100_000)}${quote}><ping xmlns='urn:xmpp:ping'/></iq>`,
        );
      await eve.session.ask('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), { to: `${ADA}/aztm`, timeoutMs: 20_000 });
      expect(await lost()).toBe(before);
    });

    it('a question of an unknown JID is refused at once', async () => {
      const eve = await raw('eve');
      const asked = eve.session.ask('get', nested(70), { to: `${ADA}/aztm`, timeoutMs: 10_000 });
      await expect(asked).rejects.toMatchObject({ code: 'refused', condition: 'policy-violation' });
    });
  });

  describe('a request to a peer of urn:aztm:v1', () => {
    it('is the documented message, and its answer an HTTP response', async () => {
      lib.asked.length = 0;
      const body = '{"שלום": "😀 <&>\\u0000", "n": 12345678901234567890}';
      const headers: [string, string][] = [
        ['content-type', 'application/json'],
        ['idempotency-key', 'k-1'],
      ];
      const answered = await call({ headers, body: base64(body) });
      expect(answered.status).toBe(200);
      expect(JSON.parse(text(answered.body))).toEqual({ echo: JSON.parse(body) });
      const [asked] = lib.asked;
      expect(asked!.stanza.attrs).toMatchObject({ type: 'chat', to: 'lib@xmpp.test' });
      expect(asked!.id).toMatch(/^[0-9a-f-]{36}$/);
      expect(asked!.subject).toBe('/a2a/echo');
      expect(asked!.control).toEqual({
        ns: 'urn:aztm:v1',
        version: '1.0',
        method: 'POST',
        path: '/a2a/echo',
        query: 'x=1',
        corr: expect.stringMatching(/^[0-9a-f-]{36}$/),
        ts: expect.any(Number),
        headers: expect.objectContaining({ 'content-type': 'application/json', 'idempotency-key': 'k-1' }),
      });
      expect(asked!.stanza.getChildText('body')).toContain('12345678901234567890');
      expect(asked!.stanza.getChild('no-store', 'urn:xmpp:hints')).toBeDefined();
    });

    it('is a message for a peer, too, that is there and announces nothing', async () => {
      const old = await peer('old');
      await until(
        () =>
          call({ host: 'old.example', body: base64('a\r\nb') }, 2_000).then(
            () => true,
            () => false,
          ),
        20_000,
      );
      expect(old.asked.at(-1)).toMatchObject({ payload: 'a\r\nb' });
    });

    it('refuses a body that is neither JSON nor text, and one that no message carries', async () => {
      const bytes = Buffer.from([0xff, 0xfe, 0x00]).toString('base64');
      await expect(call({ body: bytes })).rejects.toMatchObject({ code: 'unsupported_media_type' });
      await expect(call({ body: base64('x'.repeat(250_000)) })).rejects.toMatchObject({ code: 'payload_too_large' });
    });

    it('of which the server would end the stream, as XML makes more of it, is refused before it is sent', async () => {
      const lostBefore = await lost();
      const headers: [string, string][] = [['content-type', 'application/json']];
      const swells = call({ headers, body: base64(JSON.stringify({ x: '<&'.repeat(60_000) })) });
      await expect(swells).rejects.toMatchObject({ code: 'payload_too_large' });
      const fits = JSON.stringify({ x: '<&'.repeat(13_000) });
      lib.asked.length = 0;
      lib.answer = () => ({ status: 200, payload: 'taken' });
      expect(await call({ headers, body: base64(fits) })).toMatchObject({ status: 200 });
      expect(lib.asked[0]!.payload).toEqual(JSON.parse(fits));
      // The largest that there is.
      const most = JSON.stringify('&'.repeat(51_400));
      expect(await call({ headers, body: base64(most) })).toMatchObject({ status: 200 });
      lib.answer = (said) => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        payload: { echo: said.payload },
      });
      expect(await lost()).toBe(lostBefore);
    });

    it('carries the path as the text that it stands for', async () => {
      lib.asked.length = 0;
      await call({ resource: '/a2a/caf%C3%A9%20au%20lait/100%25?q=a%20b' });
      expect(lib.asked[0]).toMatchObject({
        subject: '/a2a/café au lait/100%',
        control: { path: '/a2a/café au lait/100%', query: 'q=a%20b' },
      });
    });

    it('ends at once with the error that names it by corr alone, as the library says that an app broke', async () => {
      const usual = lib.answer;
      lib.answer = () => ({ status: 500, payload: null, id: null });
      const began = Date.now();
      expect(await call({}, 15_000)).toMatchObject({ status: 500 });
      expect(Date.now() - began).toBeLessThan(5_000);
      lib.answer = usual;
    });

    it('ends as failed where the body that came is not as long as was said', async () => {
      const usual = lib.answer;
      const headers = { 'content-type': 'application/octet-stream', 'content-length': '300' };
      lib.answer = () => ({ status: 200, headers, payload: 'x'.repeat(172) });
      await expect(call({})).rejects.toMatchObject({
        code: 'upstream_failed',
        message: expect.stringMatching(/as it was sent/),
      });
      lib.answer = () => ({ status: 200, headers, payload: 'x'.repeat(300) });
      expect(await call({})).toMatchObject({ status: 200 });
      lib.answer = usual;
    });

    it('ends at once when the peer leaves while it works', async () => {
      const old = await peer('old');
      old.answer = () => undefined;
      await until(
        () =>
          call({ host: 'old.example' }, 1_000).then(
            () => false,
            () => old.asked.length > 0,
          ),
        30_000,
      );
      const before = old.asked.length;
      const lost = call({ host: 'old.example' }, 60_000).catch((error: unknown) => error);
      await until(() => old.asked.length > before, 20_000);
      old.close();
      expect(await lost).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('not known') });
    });

    it('counts no answer of another account, with another corr, or to an unknown id', async () => {
      const eve = await peer('eve');
      lib.answer = (said) => {
        eve.say(ADA, said.id, 'x:response', {
          _aztm: { status: 200, headers: {}, corr: said.control['corr'] },
          payload: 'forged',
        });
        return { status: 200, payload: 'other', corr: randomUUID() };
      };
      const before = await ada.metric('xmpp_replies_dropped_total', 'wrong_corr');
      const enough = new AbortController();
      const asked = ada.out
        .request(xmppRequest, { host: 'lib.example', method: 'POST', resource: '/a2a' }, { signal: enough.signal })
        .catch((error: unknown) => error);
      await until(async () => (await ada.metric('xmpp_replies_dropped_total', 'wrong_corr')) > before, 20_000);
      await until(async () => (await ada.metric('xmpp_replies_dropped_total', 'spoofed')) > 0, 20_000);
      enough.abort();
      expect(await asked).toMatchObject({ code: 'cancelled' });
      lib.say(ADA, randomUUID(), 'x:response', { _aztm: { status: 200, headers: {} }, payload: null });
      await until(async () => (await ada.metric('xmpp_replies_dropped_total', 'unknown')) > 0, 20_000);
      lib.answer = (said) => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        payload: { echo: said.payload },
      });
    });
  });

  describe('a request of a peer of urn:aztm:v1', () => {
    const answerOf = async (from: AztmPeer, id: string) => {
      await until(() => from.heard.some((said) => said.id === id), 20_000);
      return from.heard.find((said) => said.id === id)!;
    };

    it('reaches the gateway on behalf of the account that sent it, and is answered with its id', async () => {
      const headers = { 'Content-Type': 'application/json', 'X-AZTM-From-JID': 'eve@xmpp.test' };
      const payload = { hello: 'שלום \u0001 😀' };
      const { id, corr } = lib.request(ADA, { method: 'POST', path: '/a2a', query: 'q=1', headers, payload });
      const answer = await answerOf(lib, id);
      expect(answer).toMatchObject({ subject: '/a2a:response', control: { status: 200, corr }, payload });
      expect(answer.stanza.attrs['to']).toBe(lib.jid);
      const [request] = ada.served;
      expect(request).toMatchObject({
        method: 'POST',
        resource: '/a2a?q=1',
        fromJid: lib.jid,
        principal: { via: 'xmpp' },
      });
      expect(request!.headers.filter(([header]) => header === 'x-aztm-from-jid')).toEqual([
        ['x-aztm-from-jid', lib.jid],
      ]);
    });

    it('gets what comes in pieces as one answer that says so', async () => {
      ada.answer = (_request, { progress }) => {
        const head = { status: 200, headers: [['content-type', 'text/event-stream']] as [string, string][] };
        progress({ head });
        for (const n of [1, 2, 3]) progress({ chunk: base64(`data: ${n}\n\n`) });
        return { ...head, body: '' };
      };
      const { id } = lib.request(ADA, { method: 'GET', path: '/a2a/stream' });
      const answer = await answerOf(lib, id);
      expect(answer.payload).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n');
      expect(answer.control['headers']).toMatchObject({ 'x-bridge-buffered': '1' });
    });

    it('whose answer the server would end the stream for is told so, and the session goes on', async () => {
      const lostBefore = await lost();
      ada.answer = ({ resource }, { progress }) => {
        const head = { status: 200, headers: [['content-type', 'application/json']] as [string, string][] };
        const body = JSON.stringify({ x: '&'.repeat(60_000) });
        if (!resource.endsWith('stream')) return { ...head, body: base64(body) };
        progress({ head });
        for (const piece of [body.slice(0, 30_000), body.slice(30_000)]) progress({ chunk: base64(piece) });
        return { ...head, body: '' };
      };
      for (const path of ['/a2a', '/a2a/stream']) {
        const { id } = lib.request(ADA, { method: 'POST', path });
        const answer = await answerOf(lib, id);
        expect(answer.control).toMatchObject({ status: 502, error: expect.stringMatching(/larger than one message/) });
      }
      expect(await lost()).toBe(lostBefore);
    });

    it('reaches the gateway under the path that its text stands for, and not where its body was damaged', async () => {
      for (const path of ['/a2a/a b', '/a2a/a#b', '/a2a/a?b', '/a2a/a%41', '/a2a/קפה']) {
        const { id } = lib.request(ADA, { method: 'GET', path });
        expect(await answerOf(lib, id)).toMatchObject({ control: { status: 200 } });
      }
      expect(ada.served.map(({ resource }) => resource)).toEqual([
        '/a2a/a%20b',
        '/a2a/a%23b',
        '/a2a/a%3Fb',
        '/a2a/a%2541',
        '/a2a/%D7%A7%D7%A4%D7%94',
      ]);
      const headers = { 'content-type': 'text/plain', 'content-length': '300' };
      const { id } = lib.request(ADA, { method: 'POST', path: '/a2a', headers, payload: 'x'.repeat(172) });
      expect(await answerOf(lib, id)).toMatchObject({ control: { status: 400 } });
      expect(ada.served).toHaveLength(5);
    });

    it('is answered 403 for a path that it may not call, and 400 for a damaged envelope', async () => {
      const { id } = lib.request(ADA, { method: 'GET', path: '/runs' });
      expect(await answerOf(lib, id)).toMatchObject({ control: { status: 403 } });
      const damaged = randomUUID();
      lib.say(ADA, damaged, 'x', '{"_aztm": {"method": "GET"}}');
      expect((await answerOf(lib, damaged)).subject).toMatch(/:error$/);
      expect(ada.served).toEqual([]);
    });

    it('is not performed where it is old or was stored on the way', async () => {
      const old = lib.request(ADA, { method: 'GET', path: '/a2a', ts: Math.floor(Date.now() / 1_000) - 3_600 });
      expect(await answerOf(lib, old.id)).toMatchObject({ control: { status: 408 } });
      const more = xml('delay', { xmlns: 'urn:xmpp:delay', stamp: '2020-01-01T00:00:00Z' });
      const stored = lib.request(ADA, { method: 'GET', path: '/a2a', more });
      expect(await answerOf(lib, stored.id)).toMatchObject({ control: { status: 408 } });
      expect(ada.served).toEqual([]);
    });

    it('is performed once where its message comes twice', async () => {
      const id = randomUUID();
      lib.request(ADA, { method: 'POST', path: '/a2a', payload: 'once', id });
      lib.request(ADA, { method: 'POST', path: '/a2a', payload: 'once', id });
      await until(() => lib.heard.filter((said) => said.id === id).length === 2, 20_000);
      expect(ada.served).toHaveLength(1);
    });

    it('of an unknown JID is not answered at all, and counted', async () => {
      const eve = await peer('eve');
      const before = await ada.metric('xmpp_requests_served_total', 'denied');
      eve.request(ADA, { method: 'GET', path: '/a2a' });
      await until(async () => (await ada.metric('xmpp_requests_served_total', 'denied')) > before, 20_000);
      expect([eve.heard, ada.served]).toEqual([[], []]);
    });
  });

  (slixmppIsInstalled() ? describe : describe.skip)('slixmpp', () => {
    let slix: SlixmppPeer;
    beforeAll(async () => {
      slix = await SlixmppPeer.start('slix@xmpp.test/py', USERS.slix, server.port, join(authority.dir, 'ca.pem'));
    });
    afterAll(() => slix?.stop());

    it('is called, and its answer understood', async () => {
      let answered: Awaited<ReturnType<typeof call>> | undefined;
      const body = 'שלום 😀 <&> "q"';
      await until(async () => {
        answered = await call({ host: 'slix.example', body: base64(body) }, 3_000).catch(() => undefined);
        return answered !== undefined;
      }, 30_000);
      expect(answered).toMatchObject({ status: 201 });
      expect(text(answered!.body)).toBe(body);
      expect(Object.fromEntries(answered!.headers)).toMatchObject({ 'x-by': 'slixmpp' });
      const asked = slix.said.find(({ event }) => event === 'asked');
      expect(asked).toMatchObject({ method: 'POST', resource: '/a2a/echo?x=1', body });
      expect(asked!.from).toMatch(/^ada@xmpp\.test\//);
    });

    it('calls us, and understands the answer', async () => {
      const body = '{"q": "שלום 😀"}';
      const answer = await slix.ask(`${ADA}/aztm`, 'POST', '/a2a', body, { 'Content-Type': 'application/json' });
      expect(answer).toMatchObject({ event: 'answer', status: 200, body });
      expect(ada.served[0]).toMatchObject({ method: 'POST', resource: '/a2a', fromJid: slix.jid });
      expect(await slix.ask(`${ADA}/aztm`, 'GET', '/runs')).toMatchObject({ event: 'answer', status: 403 });
    });
  });
});
