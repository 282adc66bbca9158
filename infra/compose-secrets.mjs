#!/usr/bin/env node
// @ts-check
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The logins of the Compose stack: one file of variables for each container, in infra/secrets. Guarantees:
 *  - A password is made once; a second call keeps it and writes the files as the contracts are now.
 *  - A container's file holds its own logins alone. The gateway, a2a and the bridge have none on the database; only the
 *    migrations have that of its owner.
 *  - The folder and its files are for the account that called.
 */

const INFRA = fileURLToPath(new URL('.', import.meta.url));
const SERVICES = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge'];
/** The services that own tables, and their roles (libs/store). */
export const DATABASE_ROLES = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  audit: 'switchyard_audit',
};
const ADMIN = 'admin';
const CONNECTION = ['ping', 'info', 'select', 'quit', 'client|setname'];
/** Which keys and commands a service has in Redis: what its code uses. */
const REDIS_RIGHTS = {
  gateway: { keys: ['rl:*'], commands: ['eval', 'evalsha', 'set', 'incrby', 'pttl', 'expire'] },
  orchestrator: {
    keys: ['budget:*', 'doctor:*'],
    commands: [
      ...['eval', 'evalsha', 'expire', 'set', 'get', 'pttl', 'del'],
      ...['hget', 'hmget', 'hset', 'hsetnx', 'hexists', 'hincrby', 'hdel', 'zadd', 'zrem', 'zrangebyscore'],
    ],
  },
  'mcp-tool': { keys: ['switchyard%3Amf%3A1/*'], commands: ['get', 'set'] },
};

/** `mcp-tool` -> `MCP_TOOL` */
const constantOf = (/** @type {string} */ login) => login.toUpperCase().replaceAll('-', '_');

/** The logins that the generated permissions name. @param {string} permissions */
export function natsLogins(permissions) {
  return [...permissions.matchAll(/user: "([^"]+)", password: \$NATS_[A-Z0-9_]+_PASSWORD/g)].map((match) =>
    String(match[1]),
  );
}

/** @param {(name: string) => string} passwordOf */
function redisUsers(passwordOf) {
  const digest = (/** @type {string} */ login) =>
    `#${createHash('sha256')
      .update(passwordOf(`redis.${login}`))
      .digest('hex')}`;
  const services = Object.entries(REDIS_RIGHTS).map(([login, { keys, commands }]) => {
    const may = [...keys.map((key) => `~${key}`), '-@all', ...[...CONNECTION, ...commands].map((name) => `+${name}`)];
    return `user ${login} on ${digest(login)} resetchannels ${may.join(' ')}`;
  });
  // Redis reads its own file as the default user, who lets nobody in: what that one may not do is lost (redis-access.ts).
  return ['user default off resetpass ~* &* +@all', `user ${ADMIN} on ${digest(ADMIN)} ~* &* +@all`, ...services];
}

/**
 * The variables of each container. Pure but for `passwordOf`, which makes what there is not.
 * @param {{permissions: string, passwordOf: (name: string) => string, busKeysFor: (app: string, root: string) => string}} from
 * @returns {Record<string, Record<string, string>>}
 */
export function containerVariables({ permissions, passwordOf, busKeysFor }) {
  const owner = passwordOf('postgres.owner');
  const loginOf = (/** @type {string} */ role) => `${role}_login`;
  const databasePassword = (/** @type {string} */ role) => passwordOf(`postgres.${loginOf(role)}`);
  const database = (/** @type {string} */ login, /** @type {string} */ password) =>
    `postgresql://${login}:${password}@postgres:5432/switchyard`;
  const services = SERVICES.map((app) => {
    const role = /** @type {Record<string, string>} */ (DATABASE_ROLES)[app];
    return [
      app,
      {
        NATS_URL: `nats://${app}:${passwordOf(`nats.${app}`)}@nats:4222`,
        BUS_KEYS: busKeysFor(app, passwordOf('bus.root')),
        OPS_TOKEN: passwordOf('ops'),
        ...(role ? { DATABASE_URL: database(loginOf(role), databasePassword(role)) } : {}),
        ...(app in REDIS_RIGHTS ? { REDIS_URL: `redis://${app}:${passwordOf(`redis.${app}`)}@redis:6379` } : {}),
      },
    ];
  });
  const nats = natsLogins(permissions).map((login) => [
    `NATS_${constantOf(login)}_PASSWORD`,
    passwordOf(`nats.${login}`),
  ]);
  const logins = Object.values(DATABASE_ROLES).map((role) => [`${constantOf(role)}_PASSWORD`, databasePassword(role)]);
  return {
    ...Object.fromEntries(services),
    nats: Object.fromEntries(nats),
    redis: { REDIS_USERS: redisUsers(passwordOf).join(';') },
    postgres: { POSTGRES_PASSWORD: owner },
    migrate: { DATABASE_URL: database('switchyard', owner) },
    'database-logins': { PGPASSWORD: owner, ...Object.fromEntries(logins) },
  };
}

/** Passwords that are kept in a file, each made when it is first asked for. @param {string} file */
function keptPasswords(file) {
  /** @type {Record<string, string>} */
  let known = {};
  try {
    known = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
  return {
    of: (/** @type {string} */ name) => (known[name] ??= randomBytes(24).toString('hex')),
    text: () => `${JSON.stringify(known, null, 2)}\n`,
  };
}

/** A reader sees the old or the new text, never a part. @param {string} file @param {string} text */
function writeClosed(file, text) {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  chmodSync(`${file}.new`, 0o600);
  renameSync(`${file}.new`, file);
}

/** Writes the files. @param {string} folder */
export async function writeSecrets(folder) {
  const { busKeysFor } = await import(new URL('../libs/contracts/dist/index.js', import.meta.url).href);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const file = join(folder, 'passwords.json');
  const passwords = keptPasswords(file);
  const permissions = readFileSync(join(INFRA, 'nats', 'permissions.conf'), 'utf8');
  const variables = containerVariables({ permissions, passwordOf: passwords.of, busKeysFor });
  // First the passwords: a file of variables that was written names none that a next call would not know.
  writeClosed(file, passwords.text());
  for (const [container, own] of Object.entries(variables)) {
    const lines = Object.entries(own).map(([name, value]) => `${name}='${value}'`);
    writeClosed(join(folder, `${container}.env`), `${lines.join('\n')}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeSecrets(join(INFRA, 'secrets'));
  process.stdout.write('The logins of the Compose stack are in infra/secrets.\n');
}
