#!/usr/bin/env node
// @ts-check
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
const SERVICES = /** @type {const} */ (['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge']);

/** `mcp-tool` -> `MCP_TOOL` */
const constantOf = (/** @type {string} */ login) => login.toUpperCase().replaceAll('-', '_');

/** The logins that the generated permissions name. @param {string} permissions */
function natsLogins(permissions) {
  return [...permissions.matchAll(/user: "([^"]+)", password: \$NATS_[A-Z0-9_]+_PASSWORD/g)].map((match) =>
    String(match[1]),
  );
}

/**
 * The variables of each container. Who has a login where, and what it may do there, is the same as for every other stack
 * (libs/local-servers/src/access).
 * @param {string} folder of the passwords
 * @returns {Promise<Record<string, Record<string, string>>>}
 */
async function containerVariables(folder) {
  const access = await import(new URL('../libs/local-servers/dist/access/index.js', import.meta.url).href);
  const passwords = new access.Passwords(folder);
  const owner = passwords.of('postgres.owner');
  const keys = await access.loadBusKeys(passwords);
  const servers = {
    nats: access.guarded('nats', 'nats://nats:4222', passwords),
    postgres: access.guarded('postgres', 'postgresql://postgres:5432/switchyard', passwords),
    redis: access.guarded('redis', 'redis://redis:6379', passwords),
  };
  const services = SERVICES.map((app) => [
    app,
    { ...access.serviceAccess(app, servers, keys.of(app)), OPS_TOKEN: passwords.of('ops') },
  ]);
  const permissions = readFileSync(join(INFRA, 'nats', 'permissions.conf'), 'utf8');
  // nats-server reads a variable as a value of its configuration: unquoted, 12e4… would be a number.
  const nats = natsLogins(permissions).map((login) => [
    `NATS_${constantOf(login)}_PASSWORD`,
    JSON.stringify(passwords.of(`nats.${login}`)),
  ]);
  /** @type {{memberOf: string, password: string}[]} */
  const logins = access.databaseLogins(passwords);
  return {
    ...Object.fromEntries(services),
    nats: Object.fromEntries(nats),
    redis: { REDIS_USERS: access.redisUsers(passwords).join(';') },
    postgres: { POSTGRES_PASSWORD: owner },
    migrate: { DATABASE_URL: `postgresql://switchyard:${owner}@postgres:5432/switchyard` },
    'database-logins': {
      PGPASSWORD: owner,
      ...Object.fromEntries(logins.map(({ memberOf, password }) => [`${constantOf(memberOf)}_PASSWORD`, password])),
    },
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
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  for (const [container, own] of Object.entries(await containerVariables(folder))) {
    const lines = Object.entries(own).map(([name, value]) => `${name}='${value}'`);
    writeClosed(join(folder, `${container}.env`), `${lines.join('\n')}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeSecrets(join(INFRA, 'secrets'));
  process.stdout.write('The logins of the Compose stack are in infra/secrets.\n');
}
