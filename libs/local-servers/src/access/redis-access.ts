import { createHash } from 'node:crypto';
import { ADMIN, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/* Who may log in to Redis, and which keys and commands each has there: what its code uses, and nothing else. */

export interface RedisRights {
  readonly keys: readonly string[];
  readonly commands: readonly string[];
}

/** What every client says of itself, and asks before it calls a connection ready. */
export const REDIS_COMMANDS: readonly string[] = ['ping', 'info', 'select', 'quit', 'client|setname'];

export const REDIS_RIGHTS: Readonly<Record<string, RedisRights>> = {
  // The rate limit: a script that counts a caller's requests.
  gateway: { keys: ['rl:*'], commands: ['eval', 'evalsha', 'set', 'incrby', 'pttl', 'expire'] },
  // What users and tenants spend in a day, in scripts (daily-scripts.ts); and the doctor's own key, since it asks as this app.
  orchestrator: {
    keys: ['budget:*', 'doctor:*'],
    commands:
      'eval evalsha expire set get pttl del hget hmget hset hsetnx hexists hincrby hdel zadd zrem zrangebyscore'.split(
        ' ',
      ),
  },
  // Lists of tools (shared-manifests.ts).
  'mcp-tool': { keys: ['switchyard%3Amf%3A1/*'], commands: ['get', 'set'] },
};

/** The lines of redis.conf. They hold digests: what is read there lets nobody in. */
export function redisUsers(passwords: Pick<Passwords, 'of'>): string[] {
  const digest = (login: string): string =>
    `#${createHash('sha256')
      .update(passwords.of(passwordName('redis', login)))
      .digest('hex')}`;
  const services = Object.entries(REDIS_RIGHTS).map(([login, { keys, commands }]) => {
    const may = [
      ...keys.map((key) => `~${key}`),
      '-@all',
      ...[...REDIS_COMMANDS, ...commands].map((name) => `+${name}`),
    ];
    return `user ${login} on ${digest(login)} resetchannels ${may.join(' ')}`;
  });
  // Nobody is the default user, but Redis itself is while it reads its file: what it may not do there is lost (transactions,
  // so whatever a script wrote).
  return ['user default off resetpass ~* &* +@all', `user ${ADMIN} on ${digest(ADMIN)} ~* &* +@all`, ...services];
}

export const redisLogins = (): string[] => [ADMIN, ...Object.keys(REDIS_RIGHTS)];
