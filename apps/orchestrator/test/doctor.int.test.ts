import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { asLogin, freePort, type Servers, startServers } from '@switchyard/local-servers';
import { createSafeFetch, parseServiceMap } from '@switchyard/safe-fetch';
import { dialRedis, type Redis } from '@switchyard/redis';
import { connectBus } from '@switchyard/bus';
import { xmppRequest } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import * as model from '../src/doctor/model.ts';
import { judgeWay, wayOverXmpp } from '../src/doctor/over-xmpp.ts';
import { judgeKeeping, judgeReached, probeRedis } from '../src/doctor/redis.ts';

/** What the doctor sees of Redis and of model endpoints, whole and damaged. */

const LIMIT_MS = 20_000;
const KEY = 'canary-of-the-model-key';
let servers: Servers<'redis' | 'nats'>;
let redis: Redis;
let devModel: DevModel;
let endpoint: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  servers = await startServers(['redis', 'nats']);
  redis = await dialRedis(servers.redis.url, { limitMs: LIMIT_MS, name: 'test' });
  devModel = await createDevModel({ port: 0 });
  endpoint = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  redis?.disconnect();
  endpoint?.closeAllConnections();
  endpoint?.close();
  await devModel?.stop();
  await servers?.stop();
});

describe('Redis', () => {
  const look = () => probeRedis(servers.redis.urlFor('orchestrator'), LIMIT_MS);

  it('keeps a key as long as it is to, and nothing of the look stays', async () => {
    const seen = await look();
    expect(judgeReached(seen, LIMIT_MS)).toMatchObject({ status: 'ok' });
    expect(judgeKeeping(seen)).toMatchObject({ status: 'ok' });
    expect(await redis.keys('doctor:*')).toEqual([]);
  });

  it('that may throw counts away is a warning; one without memory, and one that takes no writes, are failures', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await redis.config('SET', 'maxmemory', '100mb');
    expect(judgeKeeping(await look())).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/may throw counts away \(maxmemory-policy allkeys-lru\)/),
    });
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'maxmemory', '1');
    expect(judgeKeeping(await look())).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/no memory left/),
    });
    await redis.config('SET', 'maxmemory', '0');
    await redis.replicaof('127.0.0.1', 1);
    expect(judgeKeeping(await look()).sentence).toMatch(/is a replica that takes no writes/);
    await redis.replicaof('NO', 'ONE');
  });

  it('with another password, and one that is away, are told apart', async () => {
    await redis.acl('SETUSER', 'ada', 'on', '>right', '+@all', '~*');
    const wrong = await probeRedis(asLogin(servers.redis.url, 'ada', 'wrong'), LIMIT_MS);
    expect(judgeReached(wrong, LIMIT_MS)).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/password in REDIS_URL is wrong/),
    });
    const away = judgeReached(await probeRedis('redis://127.0.0.1:1', LIMIT_MS), LIMIT_MS);
    expect(away).toMatchObject({ status: 'fail', sentence: expect.stringMatching(/ECONNREFUSED/) });
    const none = judgeReached(await probeRedis('no such thing', LIMIT_MS), LIMIT_MS);
    expect(none.sentence).toMatch(/^REDIS_URL is no URL such as/);
    expect(JSON.stringify([wrong, away])).not.toContain('wrong@');
  });
});

describe('the model endpoint', () => {
  const own = () => `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/v1`;
  async function ask(base: string, options: { timeoutMs?: number; allow?: boolean } = {}) {
    const at = { base, key: KEY, model: 'gpt-x' };
    const { timeoutMs = LIMIT_MS, allow = true } = options;
    const fetch = createSafeFetch({ allowHosts: allow ? [new URL(base).host] : [], timeoutMs });
    const seen = await model.probeModel(at, fetch);
    const findings = { reached: model.judgeReached(seen, at, timeoutMs), answered: model.judgeAnswer(seen) };
    expect(JSON.stringify(findings)).not.toContain(KEY);
    return findings;
  }
  const json = (status: number, error: unknown) => (request: IncomingMessage, response: ServerResponse) => {
    const said = `${request.headers.authorization} was sent`;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error, said }));
  };

  it('that streams and calls tools is well', async () => {
    const { reached, answered } = await ask(`${devModel.url}/v1`);
    expect({ reached: reached.status, answered: answered.status }).toEqual({ reached: 'ok', answered: 'ok' });
  });

  it.each<[string, number, unknown, RegExp]>([
    ['a wrong key', 401, { message: `Incorrect API key provided: ${KEY}` }, /refuses OPENAI_API_KEY \(401\)/],
    [
      'an unknown model',
      404,
      { code: 'model_not_found', message: 'no' },
      /does not know the model gpt-x \(404\): set OPENAI_MODEL/,
    ],
    ['another path', 404, 'Not Found', /chat\/completions does not exist \(404\).*\/v1/],
    ['no credit', 429, { code: 'insufficient_quota', message: 'x' }, /no credit left/],
    ['too many requests', 429, { message: 'slow down' }, /no more requests/],
    ['trouble of its own', 503, { message: 'x' }, /in trouble itself \(503\)/],
  ])('%s is said in one sentence', async (_name, status, error, sentence) => {
    answer = json(status, error);
    const { reached, answered } = await ask(own());
    expect(reached).toMatchObject({ status: 'fail', sentence: expect.stringMatching(sentence) });
    expect(answered).toMatchObject({ status: 'skipped' });
  });

  it('that never answers, is not there, or must not be called is told apart', async () => {
    answer = () => undefined;
    expect((await ask(own(), { timeoutMs: 1_000 })).reached.sentence).toMatch(/did not answer within 1 s/);
    expect((await ask(`http://127.0.0.1:${await freePort()}/v1`)).reached.sentence).toMatch(
      /refused the connection \(ECONNREFUSED\)/,
    );
    expect((await ask(own(), { allow: false })).reached.sentence).toMatch(/^The call was not made/);
  });

  it('that answers without streaming, calls no tool, or breaks off is not said to be well', async () => {
    const stream = (text: string) => (_: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
    answer = stream('{"choices":[]}');
    expect((await ask(own())).answered).toMatchObject({
      status: 'fail',
      sentence: expect.stringMatching(/does not stream/),
    });
    answer = stream('data: {"choices":[]}\n\ndata: [DONE]\n\n');
    expect((await ask(own())).answered).toMatchObject({
      status: 'warn',
      sentence: expect.stringMatching(/called no tool/),
    });
    answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
      setTimeout(() => response.destroy(), 200);
    };
    expect((await ask(own())).answered).toMatchObject({ status: 'fail', sentence: expect.stringMatching(/broke off/) });
  });
});

describe('a model on a mapped host', () => {
  const at = { base: 'http://model.example/v1', key: KEY, model: 'dev' };
  const ask = async () => {
    const { url, trust } = servers.busOf('orchestrator');
    const way = await wayOverXmpp(url, trust, LIMIT_MS);
    const serviceMap = parseServiceMap('{"model.example": "model@example.org"}');
    const fetch = createSafeFetch({ serviceMap, overXmpp: way!.overXmpp });
    return model.probeModel(at, fetch).finally(() => way!.close());
  };

  it('is asked through the bridge that runs, and not at all where none does', async () => {
    expect(judgeWay(await ask(), 'model.example', 'model@example.org')).toMatchObject({
      status: 'skipped',
      sentence: expect.stringMatching(/no bridge runs that could ask it: check 22 says whether model@example\.org/),
    });
    const log = createLogger({ app: 'test', level: 'silent' });
    const bridge = await connectBus({ ...servers.busOf('xmpp-bridge'), log });
    try {
      await bridge.answer(xmppRequest, async ({ host, method, resource, headers, body }) => {
        expect(host).toBe('model.example:80');
        const init = { method, headers, body: Buffer.from(body, 'base64') };
        const answered = await fetch(`${devModel.url}${resource}`, init);
        const bytes = Buffer.from(await answered.arrayBuffer());
        return { status: answered.status, headers: [...answered.headers], body: bytes.toString('base64') };
      });
      const seen = await ask();
      expect(judgeWay(seen, 'model.example', 'model@example.org')).toBeUndefined();
      expect(model.judgeReached(seen, at, LIMIT_MS)).toMatchObject({ status: 'ok' });
      expect(model.judgeAnswer(seen)).toMatchObject({ status: 'ok' });
    } finally {
      await bridge.close();
    }
  });

  it('is not asked where NATS lets nobody in', () => {
    const finding = judgeWay(undefined, 'model.example', 'model@example.org');
    expect(finding).toMatchObject({ status: 'skipped', sentence: expect.stringMatching(/was not reached: check 22/) });
  });
});
