import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type RedisSentinels, stackCertificates, startRedisSentinels } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { connectRedis, dialRedis } from '../src/index.ts';

/* A real Redis with a replica and three Sentinels, TLS alone. */

const dir = mkdtempSync(join(tmpdir(), 'switchyard-sentinel-'));
const log = createLogger({ app: 'test', level: 'silent' });
let servers: RedisSentinels;

beforeAll(async () => {
  servers = await startRedisSentinels({ dir, tls: await stackCertificates(join(dir, 'tls')) });
});
afterAll(async () => {
  await servers?.stop();
  rmSync(dir, { recursive: true, force: true });
});

it('the primary dies: the connection goes to the one that the Sentinels appoint, and writes are taken again', async () => {
  const tls = servers.tlsFor!('gateway');
  const redis = connectRedis(servers.urlFor('gateway'), { tls, log, commandTimeoutMs: 1_000, maxPauseMs: 500 });
  try {
    await until(() => redis.status === 'ready');
    await redis.set('rl:before', 'kept');
    const admin = await dialRedis(servers.primary.urlFor('admin'), {
      limitMs: 5_000,
      tls: servers.tlsFor!('admin'),
      name: 'test',
    });
    await until(async () => (await admin.info('replication')).includes('state=online'));
    await admin.wait(1, 5_000);
    admin.disconnect();
    process.kill(servers.primary.pid, 'SIGKILL');
    await servers.primary.exited;
    await until(async () => (await redis.incrby('rl:after', 1).catch(() => 0)) > 0, 30_000);
    const appointed = await dialRedis(servers.url, { limitMs: 5_000, tls: servers.tlsFor!('admin'), name: 'test' });
    expect(await appointed.get('rl:before')).toBe('kept');
    expect(appointed.options.name).toBe('switchyard');
    expect(await appointed.role()).toContain('master');
    appointed.disconnect();
  } finally {
    redis.disconnect();
  }
});

it('one attempt fails with what went wrong where no Sentinel answers', async () => {
  await expect(dialRedis('redis-sentinel://127.0.0.1:1#none', { limitMs: 1_000, name: 'test' })).rejects.toThrow();
});
