import { createHash } from 'node:crypto';
import { ADMIN, passwordName } from './logins.ts';
import type { Passwords } from './passwords.ts';

/* Who may log in to Redis, and which keys and commands each login may use: those that its code needs, and no others. */

export interface RedisRights {
  readonly keys: readonly string[];
  readonly commands: readonly string[];
}

/** The commands that every client sends before it calls a connection ready. */
export const REDIS_COMMANDS: readonly string[] = ['ping', 'info', 'select', 'quit', 'client|setname'];

export const REDIS_RIGHTS: Readonly<Record<string, RedisRights>> = {
  // The rate limit: a script that counts a caller's requests.
  gateway: { keys: ['rl:*'], commands: ['eval', 'evalsha', 'set', 'incrby', 'pttl', 'expire'] },
  // The daily spending of users and tenants, in scripts (daily-scripts.ts), and the doctor's own key, since the doctor
  // logs in as this app.
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

/** The lines of redis.conf. They hold digests of the passwords, so a reader of the file cannot log in. */
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
  // No client is the default user, but Redis itself is while it reads its file. A command that the default user may not
  // run is lost there (a transaction, so everything that a script wrote).
  return ['user default off resetpass ~* &* +@all', `user ${ADMIN} on ${digest(ADMIN)} ~* &* +@all`, ...services];
}

export const redisLogins = (): string[] => [ADMIN, ...Object.keys(REDIS_RIGHTS)];
