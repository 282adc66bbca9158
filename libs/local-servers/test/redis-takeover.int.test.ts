import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { REDIS_COMMANDS, REDIS_RIGHTS, type Servers, startServers } from '../src/index.ts';

/*
 * Somebody with the login of a service on Redis, and nothing else. What such a login may do is in docs/reference/access.md,
 * which is written from the same table as the configuration of the server; here what is beside it is tried.
 */

/** A key of each kind that a service keeps, and one that is nobody's. */
const KEYS = [
  'rl:acme/ada',
  'budget:{acme}:d:user',
  'doctor:x',
  'switchyard%3Amf%3A1/acme/ada',
  'nobodys',
  'rl',
  'budget',
];
/** For want of a right, or (DEBUG, MODULE) refused to every login whatsoever. */
const REFUSED =
  /^-(NOPERM|NOAUTH|ERR (DEBUG|MODULE) command not allowed|ERR .*(ACL failure|can't access at least one of the keys|can't run this command|not allowed from script))/;

let servers: Servers<'redis'>;

beforeAll(async () => {
  servers = await startServers(['redis']);
  for (const key of KEYS) await told(servers.redis.url, ['SET', key, 'theirs']);
}, 60_000);
afterAll(() => servers?.stop());

const encoded = (command: readonly string[]): string =>
  `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;

/** What Redis answers to a command, on a connection of its own. */
function told(url: string, command: readonly string[]): Promise<string> {
  const { port, username, password } = new URL(url);
  const login = username ? [['AUTH', username, password]] : [];
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(port), '127.0.0.1');
    let heard = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${command.join(' ')}`)));
    socket.once('error', reject);
    socket.on('data', (chunk) => (heard += chunk.toString()));
    socket.once('close', () => resolve(login.length > 0 ? heard.slice(heard.indexOf('\r\n') + 2) : heard));
    socket.end([...login, command].map(encoded).join(''));
  });
}

/** Of these commands those that are not refused for want of a right, with what Redis said. */
async function beyond(url: string, commands: readonly (readonly string[])[]): Promise<string[]> {
  const open: string[] = [];
  for (const command of commands) {
    const answer = await told(url, command);
    if (!REFUSED.test(answer)) open.push(`${command.join(' ')}: ${answer}`);
  }
  return open;
}

const words = (text: string): string[][] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' '));

/** What rules the server, looks at everything, or has others wait; no login of a service needs any. */
const RULES = words(`
  CONFIG GET requirepass
  CONFIG SET dir /tmp
  CONFIG REWRITE
  FLUSHALL
  FLUSHDB
  SWAPDB 0 1
  KEYS *
  SCAN 0
  DBSIZE
  RANDOMKEY
  DEBUG SLEEP 0
  DEBUG OBJECT rl
  ACL WHOAMI
  ACL LIST
  ACL GETUSER admin
  ACL SETUSER mine on nopass ~* +@all
  ACL DELUSER gateway
  ACL SAVE
  SHUTDOWN NOSAVE
  SAVE
  BGSAVE
  BGREWRITEAOF
  LASTSAVE
  MONITOR
  SUBSCRIBE mine
  PSUBSCRIBE *
  SSUBSCRIBE mine
  PUBLISH mine x
  CLIENT LIST
  CLIENT KILL TYPE normal
  CLIENT PAUSE 1
  CLIENT NO-EVICT on
  CLIENT TRACKING on BCAST
  SLAVEOF 127.0.0.1 1
  REPLICAOF 127.0.0.1 1
  PSYNC ? -1
  SYNC
  MIGRATE 127.0.0.1 1 rl 0 1
  FAILOVER
  CLUSTER INFO
  MODULE LIST
  MODULE LOAD /tmp/mine.so
  SCRIPT FLUSH
  SCRIPT KILL
  SCRIPT LOAD return
  FUNCTION LIST
  FUNCTION FLUSH
  FUNCTION LOAD mine
  SLOWLOG GET
  LATENCY LATEST
  MEMORY STATS
  COMMAND COUNT
  WAIT 0 0
  MULTI
  OBJECT ENCODING rl
`);

/** Every way to a key of somebody else that a login could try, in commands that some service has. */
const touching = (key: string): string[][] => [
  ...words(`
    GET ${key}
    SET ${key} mine
    DEL ${key}
    EXPIRE ${key} 1
    PTTL ${key}
    INCRBY ${key} 1
    HGET ${key} a
    HSET ${key} a 1
    HDEL ${key} a
    ZADD ${key} 1 a
    COPY ${key} rl:mine
    RENAME ${key} rl:mine
    DUMP ${key}
    TYPE ${key}
    SORT ${key}
    GETDEL ${key}
    UNLINK ${key}
    APPEND ${key} x
  `),
  ['EVAL', `return redis.call('get', KEYS[1])`, '1', key],
  ['EVAL', `return redis.call('set', '${key}', 'mine')`, '0'],
  ['EVAL', `return redis.call('del', '${key}')`, '0'],
  ['EVAL_RO', `return redis.call('get', KEYS[1])`, '1', key],
];

describe.each(Object.entries(REDIS_RIGHTS))('the login of %s on Redis', (app, { keys, commands }) => {
  const url = (): string => servers.redis.urlFor(app);
  const own = (key: string): boolean => keys.some((pattern) => key.startsWith(pattern.replace(/\*$/, '')));

  it('has the keys, channels and commands of its page, as the server itself says', async () => {
    const [, line] = new RegExp(`user (${app} [^\\r]*)`).exec(await told(servers.redis.url, ['ACL', 'LIST']))!;
    const [granted] = [line!.split(' ')];
    expect(granted.filter((word) => word.startsWith('~') || word.startsWith('%'))).toEqual(
      keys.map((key) => `~${key}`),
    );
    expect(granted.filter((word) => word.startsWith('&'))).toEqual([]);
    expect(granted.filter((word) => /^[+-]/.test(word)).sort()).toEqual(
      ['-@all', ...[...REDIS_COMMANDS, ...commands].map((name) => `+${name}`)].sort(),
    );
    expect(granted).toContain('on');
    expect(granted).not.toContain('nopass');
  });

  it('rules nothing, and hears and watches nobody', async () => {
    expect(await beyond(url(), RULES)).toEqual([]);
  });

  it('reaches no key of another service, nor from a script', async () => {
    const others = KEYS.filter((key) => !own(key));
    expect(others.length).toBeLessThan(KEYS.length);
    for (const key of others) expect(await beyond(url(), touching(key))).toEqual([]);
    const rules = [`'flushall'`, `'keys', '*'`, `'publish', 'a', 'b'`, `'config', 'get', 'dir'`, `'scan', '0'`].map(
      (call) => ['EVAL', `return redis.call(${call})`, '0'],
    );
    expect(await beyond(url(), rules)).toEqual([]);
    for (const key of others) expect(await told(servers.redis.url, ['GET', key])).toBe('$6\r\ntheirs\r\n');
  });
});

describe('without a login on Redis', () => {
  it('nobody is answered: not without a password, as the default user, or with the password of another', async () => {
    const open = `redis://127.0.0.1:${servers.redis.port}`;
    expect(await beyond(open, [...RULES, ...touching('rl:acme/ada'), ['PING'], ['INFO']])).toEqual([]);
    const password = new URL(servers.redis.urlFor('gateway')).password;
    for (const login of [
      ['default', ''],
      ['default', password],
      ['orchestrator', password],
      ['admin', password],
      ['a2a', ''],
    ])
      expect(await told(open, ['AUTH', ...login])).toMatch(/^-WRONGPASS/);
    for (const app of ['a2a', 'audit', 'xmpp-bridge']) expect(() => servers.redis.urlFor(app)).toThrow('has no login');
  });
});
