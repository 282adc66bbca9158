import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { APPS, parseBusKeys } from '@switchyard/contracts';
import { loadBusKeys } from './bus-keys.ts';
import { databaseLogins } from './database-access.ts';
import { guarded } from './guarded.ts';
import { ADMIN, asLogin, DATABASE_ROLES } from './logins.ts';
import { natsAuthorization, natsLogins } from './nats-access.ts';
import { Passwords } from './passwords.ts';
import { REDIS_RIGHTS, redisLogins, redisUsers } from './redis-access.ts';
import { serviceAccess } from './service-access.ts';

const dir = mkdtempSync(join(tmpdir(), 'switchyard-access-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const named = { of: (name: string) => `password of ${name}` };

describe('passwords', () => {
  it('are made once each, differ, and lie where their owner alone reads', () => {
    const folder = join(dir, 'logins');
    const passwords = new Passwords(folder);
    expect(passwords.known('nats.gateway')).toBeUndefined();
    const first = passwords.of('nats.gateway');
    expect(first).toMatch(/^[0-9a-f]{48}$/);
    expect(passwords.of('redis.gateway')).not.toBe(first);
    expect(new Passwords(folder).known('nats.gateway')).toBe(first);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'passwords.json')).mode & 0o777).toBe(0o600);
  });

  it('are not made anew over a file that cannot be read', () => {
    const folder = join(dir, 'broken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'passwords.json'), '{"nats.gate');
    expect(() => new Passwords(folder).of('nats.gateway')).toThrow(/JSON/);
    expect(new Passwords(folder).known('nats.gateway')).toBeUndefined();
    expect(readFileSync(join(folder, 'passwords.json'), 'utf8')).toBe('{"nats.gate');
  });
});

describe('who may enter', () => {
  it('NATS: every login of the permissions with its own password, one administrator, and nobody without a login', () => {
    const text = natsAuthorization(named);
    for (const login of natsLogins()) {
      expect(text).toContain(`{ user: "${login}", password: "password of nats.${login}", permissions: $PERMISSIONS_`);
    }
    expect(text).toContain(`{ user: "${ADMIN}", password: "password of nats.${ADMIN}" }`);
    expect(text).not.toMatch(/\$NATS_|no_auth_user/);
    expect(natsLogins()).toEqual(expect.arrayContaining([...APPS]));
  });

  it('NATS: a password in a place that is not known is an error, and no server without it', () => {
    expect(() => natsAuthorization(named, [], 'users: [ { nkey: x, pass: $NATS_NEW_PASSWORD } ]')).toThrow(
      /\$NATS_NEW_PASSWORD/,
    );
  });

  it('Redis: its configuration holds digests alone, and the default user is off', () => {
    const lines = redisUsers(named);
    expect(lines.join('\n')).not.toContain('password of');
    expect(lines[0]).toBe('user default off resetpass ~* &* +@all');
    expect(lines.filter((line) => line.includes('+@')).map((line) => line.split(' ', 3))).toEqual([
      ['user', 'default', 'off'],
      ['user', 'admin', 'on'],
    ]);
    expect(redisLogins()).toHaveLength(lines.length - 1);
  });

  it('PostgreSQL: one login for each app that owns tables', () => {
    expect(databaseLogins(named).map(({ login }) => login)).toEqual(
      Object.values(DATABASE_ROLES).map((role) => `${role}_login`),
    );
  });
});

describe('a service', () => {
  const servers = {
    nats: guarded('nats', 'nats://127.0.0.1:1', named),
    postgres: guarded('postgres', 'postgresql://owner:secret@127.0.0.1:2/switchyard', named),
    redis: guarded('redis', 'redis://127.0.0.1:3', named),
  };

  it('reaches the servers that it uses as itself, and is told of no other', async () => {
    const keys = await loadBusKeys(named);
    for (const app of APPS) {
      const access = serviceAccess(app, servers, keys.of(app));
      expect(new URL(access.NATS_URL!).username).toBe(app);
      expect(Object.keys(access).sort()).toEqual(
        [
          'BUS_KEYS',
          'NATS_URL',
          ...(DATABASE_ROLES[app] ? ['DATABASE_URL'] : []),
          ...(REDIS_RIGHTS[app] ? ['REDIS_URL'] : []),
        ].sort(),
      );
      expect(Object.values(access).join()).not.toMatch(/owner|secret/);
    }
    expect(new URL(serviceAccess('audit', servers).DATABASE_URL!).username).toBe('switchyard_audit_login');
  });

  it('holds the keys of its own pairs, and of no others', async () => {
    const keys = await loadBusKeys(named);
    for (const app of APPS) {
      const pairs = parseBusKeys(keys.of(app).BUS_KEYS);
      expect(pairs.every(({ asker, answerer }) => asker === app || answerer === app)).toBe(true);
    }
  });

  it('without a login on a server is given no URL of it', () => {
    expect(() => servers.redis.urlFor('a2a')).toThrow('a2a has no login on redis');
    expect(() => servers.postgres.urlFor('gateway')).toThrow('gateway has no login on postgres');
  });
});

describe('asLogin', () => {
  it('changes who asks, not whom', () => {
    expect(asLogin('nats://admin:all@127.0.0.1:20001', 'a2a', 'own')).toBe('nats://a2a:own@127.0.0.1:20001');
    expect(asLogin('nats://127.0.0.1:20001', 'a2a', 'own')).toBe('nats://a2a:own@127.0.0.1:20001');
    expect(asLogin('postgresql://x:y@127.0.0.1:2/db', 'a', "it's")).toBe("postgresql://a:it's@127.0.0.1:2/db");
  });
});
