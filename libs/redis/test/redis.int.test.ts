import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { connectRedis, dialRedis } from '../src/index.ts';

let servers: Servers<'redis'>;
let link: Proxy;
let url: string;
const lines: string[] = [];
const log = createLogger({ app: 'test', destination: { write: (line: string) => void lines.push(line) } });
const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
const LIMITS = { log, commandTimeoutMs: 500, maxPauseMs: 200 };

beforeAll(async () => {
  servers = await startServers(['redis']);
  link = await startProxy(servers.redis.port);
  const proxied = new URL(servers.redis.url);
  proxied.port = String(link.port);
  url = proxied.href;
});
beforeEach(() => {
  link.heal();
  lines.length = 0;
});
afterAll(async () => {
  link?.stop();
  await servers?.stop();
});

describe('a connection to Redis', () => {
  it('survives an outage: commands fail at once, it comes back by itself, and the log says both once', async () => {
    const redis = connectRedis(url, { ...LIMITS, without: 'each replica counts alone' });
    try {
      await until(() => redis.status === 'ready');
      link.cut();
      await until(() => events().length === 1);
      const began = performance.now();
      await expect(redis.ping()).rejects.toThrow();
      expect(performance.now() - began).toBeLessThan(400);
      await new Promise((resolve) => setTimeout(resolve, 500)); // several attempts to connect
      link.heal();
      await until(async () => (await redis.ping().catch(() => '')) === 'PONG');
      expect(events()).toEqual(['redis_unreachable', 'redis_recovered']);
    } finally {
      redis.disconnect();
    }
  });

  it('lets a command wait for the connection where it is told to, and no longer than a command may', async () => {
    const waits = connectRedis(url, { ...LIMITS, waits: true });
    const fails = connectRedis(url, LIMITS);
    try {
      await expect(fails.ping()).rejects.toThrow();
      expect(await waits.ping()).toBe('PONG');
      link.freeze();
      await expect(waits.ping()).rejects.toThrow('timed out');
      expect(lines).toEqual([]);
    } finally {
      waits.disconnect();
      fails.disconnect();
    }
  });
});

describe('one attempt', () => {
  it('connects, or rejects with what went wrong first', async () => {
    const redis = await dialRedis(url, { limitMs: 2_000, name: 'test' });
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    await expect(dialRedis('redis://127.0.0.1:1', { limitMs: 2_000, name: 'test' })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});
