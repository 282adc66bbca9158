import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from 'nats';
import pg from 'pg';
import { REDIS_RIGHTS, type Servers, startRedis, startServers, stockClient } from '../src/index.ts';

/* The servers as every stack has them: who enters, and what each may do there. */

let servers: Servers<'nats' | 'postgres' | 'redis'>;

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres', 'redis']);
}, 60_000);
afterAll(() => servers?.stop());

/** The answers of Redis to commands, one connection for all, in its own words. */
function redis(url: string, ...commands: string[]): Promise<string[]> {
  const { port, username, password } = new URL(url);
  const login = username ? [`AUTH ${username} ${password}`] : [];
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(port), '127.0.0.1');
    let heard = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.on('data', (chunk) => (heard += chunk.toString()));
    socket.once('close', () => resolve(heard.split('\r\n').slice(login.length, -1)));
    socket.end([...login, ...commands, 'QUIT', ''].join('\r\n'));
  });
}

const enter = (url: string, inbox?: string): Promise<NatsConnection> =>
  connect({ ...stockClient(url, inbox), maxReconnectAttempts: 0 });

describe('NATS', () => {
  it('lets nobody in without a login, or with another password', async () => {
    const open = `nats://127.0.0.1:${servers.nats.port}`;
    await expect(enter(open, 'x')).rejects.toThrow(/authorization/i);
    const wrong = servers.nats.urlFor('gateway').replace(/:[^:@]+@/, ':guess@');
    await expect(enter(wrong)).rejects.toThrow(/authorization/i);
  });

  it('refuses a service what its permissions do not name', async () => {
    const audit = await enter(servers.nats.urlFor('audit'));
    const refused = (async () => {
      for await (const status of audit.status()) if (String(status.data).includes('PERMISSIONS')) return true;
      return false;
    })();
    audit.publish('run.acme.r.orchestrator.task.completed', '{}');
    await audit.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await audit.close();
    expect(await refused).toBe(true);
  });
});

describe('Redis', () => {
  const url = (app: string): string => servers.redis.urlFor(app);

  it('answers nobody without a login', async () => {
    const open = `redis://127.0.0.1:${servers.redis.port}`;
    expect(await redis(open, 'PING', 'GET rl:acme')).toEqual([
      expect.stringMatching(/NOAUTH/),
      expect.stringMatching(/NOAUTH/),
      '+OK',
    ]);
  });

  it('lets each service keep what is its own', async () => {
    const count = `EVAL "redis.call('set', KEYS[1], 0, 'EX', 9, 'NX') return redis.call('incrby', KEYS[1], 2)" 1 rl:acme/ada`;
    expect(await redis(url('gateway'), count)).toEqual([':2', '+OK']);
    const day = `EVAL "redis.call('HINCRBY', KEYS[1], 'nano', 5) return redis.call('HGET', KEYS[1], 'nano')" 1 budget:{acme}:d:user`;
    expect(await redis(url('orchestrator'), day)).toEqual(['$1', '5', '+OK']);
    const list = 'switchyard%3Amf%3A1/acme/ada';
    expect(await redis(url('mcp-tool'), `SET ${list} x PX 9000`, `GET ${list}`)).toEqual(['+OK', '$1', 'x', '+OK']);
  });

  it('that starts again has what a script wrote, though nobody may be its default user', async () => {
    const at = { dir: join(servers.dir, 'again') };
    const first = await startRedis(at);
    await redis(
      first.urlFor('orchestrator'),
      `EVAL "return redis.call('HINCRBY', KEYS[1], 'nano', 5)" 1 budget:{acme}:d`,
    );
    await first.stop();
    const second = await startRedis(at);
    try {
      expect(await redis(second.urlFor('orchestrator'), 'HGET budget:{acme}:d nano')).toEqual(['$1', '5', '+OK']);
    } finally {
      await second.stop();
    }
  });

  it('refuses each the keys of another, also from a script, and what rules the server', async () => {
    const others = { gateway: 'budget:{acme}:d:user', orchestrator: 'rl:acme/ada', 'mcp-tool': 'rl:acme/ada' };
    for (const [app, key] of Object.entries(others)) {
      const script = `EVAL "return redis.call('set', KEYS[1], '9')" 1 ${key}`;
      const hidden = `EVAL "return redis.call('set', '${key}', '9')" 0`;
      const refused = await redis(url(app), `SET ${key} 9`, script, hidden, 'KEYS *', 'FLUSHALL', 'CONFIG GET dir');
      const refusal = expect.stringMatching(/NOPERM|ACL failure|can't access at least one of the keys/);
      expect([app, ...refused]).toEqual([app, ...Array.from({ length: 6 }, () => refusal), '+OK']);
      expect(await redis(url(app), 'ACL WHOAMI', 'CLIENT LIST', 'MONITOR')).toEqual([refusal, refusal, refusal, '+OK']);
    }
    expect(Object.keys(others)).toEqual(Object.keys(REDIS_RIGHTS));
  });
});

describe('PostgreSQL', () => {
  it('gives an app a login that holds its role, and what nobody granted it is refused', async () => {
    const owner = new pg.Client({ connectionString: servers.postgres.url });
    await owner.connect();
    await owner.query('create table theirs (n int); create table own (n int); grant select on own to switchyard_audit');
    await owner.end();
    const audit = new pg.Client({ connectionString: servers.accessOf('audit').DATABASE_URL });
    await audit.connect();
    try {
      expect((await audit.query('select * from own')).rows).toEqual([]);
      await expect(audit.query('select * from theirs')).rejects.toThrow(/permission denied/);
      await expect(audit.query('set role switchyard_orchestrator')).rejects.toThrow(/permission denied/);
      await expect(audit.query('create temporary table t (n int)')).rejects.toThrow(/permission denied/);
    } finally {
      await audit.end();
    }
  });
});
