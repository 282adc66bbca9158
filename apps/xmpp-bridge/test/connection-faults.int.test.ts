import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Element, xml } from '@xmpp/client';
import { xmppRequest } from '@switchyard/contracts';
import type { ProsodyServer } from '@switchyard/local-servers';
import { stockClient } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { connect } from 'nats';
import { NS_HTTP } from '../src/http-over-xmpp/xep-0332.ts';
import { AztmPeer } from './aztm-peer.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import { base64, req, resp, standard, statusOf } from './http-stanzas.ts';
import { echo, Organisation } from './organisation.ts';
import { RawPeer } from './raw-peer.ts';
import { BOB, failureOf, keyed, MAP, POLICY, RULE, TwoBridges } from './two-bridges.ts';

/**
 * What happens to requests where the way, the server or the rules change under them. The numbers are those of the list
 * of faults in docs/xmpp-faults.md.
 */

let world: TwoBridges;

beforeAll(async () => {
  world = await TwoBridges.start();
});
beforeEach(() => world.ready());
afterEach(() => world.closePeers());
afterAll(() => world?.stop());

describe('a bridge that only asks', () => {
  it('hears the answer of a peer of urn:aztm:v1, which goes to the account', async () => {
    const lib = await AztmPeer.login(world.optionsOf('eve', 'lib'));
    lib.answer = ({ payload }) => ({ status: 200, payload });
    const asked = () => world.call({ host: 'lib.example', body: base64('hi') });
    expect(await asked()).toMatchObject({ status: 200, body: base64('hi') });
    const before = await Promise.all(['duplicate', 'unknown'].map((why) => world.dropped(why)));
    expect(await asked()).toMatchObject({ status: 200 });
    expect(await Promise.all(['duplicate', 'unknown'].map((why) => world.dropped(why)))).toEqual(before);
    lib.close();
  });
});

describe('the peer policy', () => {
  afterEach(async () => {
    world.putPolicy();
    const peer = await world.raw('raw', 'after');
    const asks = () => peer.session.ask('set', req(), { to: BOB, timeoutMs: 20_000 });
    await until(async () => statusOf(await asks()) === '200', 20_000);
  });
  const ask = async (peer: RawPeer, payload = req()): Promise<string | undefined> => {
    const answer = (await failureOf(peer.session.ask('set', payload, { to: BOB, timeoutMs: 20_000 }))) as Element & {
      condition?: string;
    };
    return answer.condition ?? statusOf(answer);
  };

  /** Asks now and then: denials are told at a bounded rate. */
  const comes = (asks: () => Promise<string | undefined>, expected: string) =>
    until(async () => {
      if ((await asks()) === expected) return true;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return false;
    }, 30_000);

  it('counts from when its file changes: hours, tools, size; every denial is told', async () => {
    const connection = await connect(stockClient(world.bob.servers.nats.url));
    const told: { jid: string; reason: string }[] = [];
    connection.subscribe('sys.xmpp.peer.denied', {
      callback: (_error, message) => void told.push(message.json<{ data: (typeof told)[0] }>().data),
    });
    await connection.flush();
    const peer = await world.raw();
    const minute = new Date(Date.now() + 7_200_000).toISOString().slice(11, 16);
    const later = new Date(Date.now() + 7_260_000).toISOString().slice(11, 16);
    const put = (rule: object) => world.putPolicy({ 'raw@xmpp.test': { ...RULE, ...rule } });
    put({ hours: { from: minute, to: later } });
    await comes(() => ask(peer), '403');
    put({ maxBodyKb: 0 });
    await comes(() => ask(peer), '413');
    put({ perMinute: 1 });
    await comes(() => ask(peer), '429');
    put({ tools: ['calculator'] });
    await comes(() => ask(peer), '200');
    expect(world.bob.served.at(-1)!.principal).toMatchObject({ via: 'xmpp', tools: ['calculator'] });
    await until(() => ['hours', 'size', 'rate'].every((why) => told.some(({ reason }) => reason === why)), 20_000);
    await connection.close();
    expect(told.every(({ jid }) => jid === 'raw@xmpp.test')).toBe(true);
  });

  it('lets somebody call as a contact alone, which nobody becomes by asking', async () => {
    const [peer, eve, owner] = [await world.raw(), await world.raw('eve'), await world.raw('bob', 'owner')];
    const contacts = { '*@xmpp.test': { ...RULE, contactsOnly: true }, 'raw@xmpp.test': { ...RULE, maxBodyKb: 0 } };
    world.putPolicy({ ...POLICY, ...contacts });
    await comes(() => ask(peer), '413');
    eve.send(xml('presence', { to: 'bob@xmpp.test', type: 'subscribe' }));
    expect(await ask(eve)).toBe('forbidden');
    owner.send(xml('presence', { to: 'eve@xmpp.test', type: 'subscribed' }));
    await comes(() => ask(eve), '200');
  });
});

describe('connections', () => {
  it('1: a lost login ends what was asked at once; what has a key is asked again, and performed once', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.bob.answer = async () => {
      await released;
      return { status: 201, headers: [], body: base64('done') };
    };
    const plain = failureOf(world.call());
    const kept = world.call(keyed('k-lost'), 60_000);
    await until(() => world.bob.served.length === 2, 20_000);
    world.adaWay.cut();
    expect(await plain).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('not known') });
    release();
    expect(await kept).toMatchObject({ status: 201, body: base64('done') });
    expect(world.bob.served.filter(({ headers }) => headers.some(([, value]) => value === 'k-lost'))).toHaveLength(1);
  });

  it('1: a peer that is lost while it works ends what was asked at once; its finished result is kept for its key', async () => {
    await until(async () => (await world.call({ method: 'GET' })).status === 200, 20_000);
    world.bob.served.length = 0;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    world.bob.answer = async () => {
      await released;
      return { status: 201, headers: [], body: base64('done') };
    };
    const plain = failureOf(world.call({}, 60_000));
    const kept = world.call(keyed('k-peer'), 60_000);
    await until(() => world.bob.served.length === 2, 20_000);
    world.bobWay.cut();
    expect(await plain).toMatchObject({ code: 'upstream_failed', message: expect.stringContaining('not known') });
    release();
    expect(await kept).toMatchObject({ status: 201, body: base64('done') });
    expect(world.bob.served.filter(({ headers }) => headers.some(([, value]) => value === 'k-peer'))).toHaveLength(1);
  });

  it('1: a restart of the server in the middle is survived by both, and what has a key ends well', async () => {
    world.bob.answer = async (request) => {
      if (world.bob.served.length === 1) await new Promise((resolve) => setTimeout(resolve, 500));
      return echo(request);
    };
    const kept = world.call({ ...keyed('k-restart'), body: base64('hi') }, 60_000);
    await until(() => world.bob.served.length === 1, 20_000);
    await world.restartServer();
    expect(await kept).toMatchObject({ status: 200, body: base64('hi') });
    expect(world.bob.served).toHaveLength(1);
  });
});

describe('a server with limits of its own', () => {
  let strict: ProsodyServer;
  let way: CuttingProxy;
  let carl: Organisation;
  let peer: RawPeer;
  const ask = (body: string, timeoutMs = 60_000) =>
    carl.out.request(
      xmppRequest,
      { host: 'raw.example', method: 'POST', resource: '/a2a', body: base64(body) },
      { timeoutMs },
    );

  beforeAll(async () => {
    const limits = 'limits = { c2s = { rate = "40kb/s"; burst = "1s" } }';
    strict = await world.startServer(undefined, {
      modules: ['limits'],
      config: `${limits}\nc2s_stanza_size_limit = 20000`,
    });
    way = await CuttingProxy.start(strict.port);
    const { dir, caFile } = world;
    carl = await Organisation.start({
      dir,
      account: 'gone@xmpp.test',
      port: way.port,
      caFile,
      env: { SERVICE_MAP: JSON.stringify({ 'raw.example': MAP['raw.example'] }), AZTM_SERVER_MODE: 'false' },
    });
    peer = await RawPeer.login({ ...world.optionsOf('raw'), port: strict.port });
    peer.onQuestion = standard(async (iq) => {
      const chunked = iq.getChild('req', NS_HTTP)?.getChild('data')?.getChild('chunkedBase64');
      const last = () => peer.messages.some((each) => each.getChild('chunk', NS_HTTP)?.attrs['last'] === 'true');
      if (chunked) await until(last, 20_000).catch(() => undefined);
      return resp(200, 'ok');
    });
  });
  afterAll(async () => {
    peer?.session.close();
    await carl?.stop();
    await way?.stop();
    await strict?.stop();
  });

  it('10: that cuts large stanzas costs the request that was too large, which is not sent again', async () => {
    const large = 'x'.repeat(60_000);
    expect(await failureOf(ask(large))).toMatchObject({ code: 'payload_too_large' });
    await carl.online();
    const connections = way.connections;
    expect(await ask('small')).toMatchObject({ status: 200 });
    expect(way.connections).toBe(connections);
    // Half as much is tried; where that is too much, too, half of it.
    for (let tries = 0; ; tries += 1) {
      expect(tries).toBeLessThan(5);
      const failed = await failureOf(ask(large));
      if ((failed as { status?: number }).status === 200) break;
      expect(failed).toMatchObject({ code: 'payload_too_large' });
      await carl.online();
    }
  });

  it('27: that takes what it is sent slowly slows the callers down, and none of them blames the peer', async () => {
    await carl.online();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask('x'.repeat(8_000))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
  });
});
