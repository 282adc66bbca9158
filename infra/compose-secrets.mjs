#!/usr/bin/env node
// @ts-check
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The logins of the Compose stack: one file of variables for each container, in infra/secrets. Who has which login, and
 * what each may do, is said once, in libs/local-servers/src/access. Guarantees:
 *  - A password is made once; a second call keeps it and writes the files as the contracts are now.
 *  - A container's file holds its own logins alone. The gateway, a2a and the bridge have none on the database; only the
 *    migrations have that of its owner.
 *  - The folder and its files are for the account that called.
 */

const INFRA = fileURLToPath(new URL('.', import.meta.url));
/** Logins of people on the bus; every other is that of a service. */
const PEOPLE = ['operator', 'watcher'];
/** The servers as the containers reach them. */
const URLS = {
  nats: 'nats://nats:4222',
  postgres: 'postgresql://postgres:5432/switchyard',
  redis: 'redis://redis:6379',
};

/** The name in the URL of a database. @param {string} url */
export const ownerOf = (url) => decodeURIComponent(/^[^/]*\/\/([^@:/?#]+)[^@/?#]*@/.exec(url)?.[1] ?? 'switchyard');

/** `mcp-tool` -> `MCP_TOOL` */
const constantOf = (/** @type {string} */ login) => login.toUpperCase().replaceAll('-', '_');

/** The 32 bytes of an Ed25519 key, in base64. @param {string} password */
const seedOf = (password) => createHash('sha256').update(password).digest('base64');

/**
 * The variables of each container. Pure but for `passwords`, which makes what there is not.
 * @param {any} access what libs/local-servers exports
 * @param {{of: (name: string) => string}} passwords
 * @param {{of: (app: string) => Record<string, string>}} keys
 * @param {{nats: string, postgres: string, redis: string}} [urls] the servers as the containers reach them
 * @returns {Record<string, Record<string, string>>}
 */
export function containerVariables(access, passwords, keys, urls = URLS) {
  const { asLogin, databaseLogins, guarded, natsLogins, passwordName, redisUsers, serviceAccess } = access;
  const owner = passwords.of(passwordName('postgres', 'owner'));
  const servers = Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, guarded(name, url, passwords)]));
  const apps = natsLogins().filter((/** @type {string} */ login) => !PEOPLE.includes(login));
  const services = apps.map((/** @type {string} */ app) => [
    app,
    {
      ...serviceAccess(app, servers, keys.of(app)),
      OPS_TOKEN: passwords.of('ops'),
      // The same for all replicas, or an answer that comes to another one cannot be opened there.
      ...(app === 'mcp-tool' ? { MCP_STATE_SECRET: passwords.of('mcp.state') } : {}),
      ...(app === 'a2a' ? { A2A_SIGNING_KEYS: `own:${seedOf(passwords.of('a2a.signing'))}` } : {}),
    },
  ]);
  // In quotes: nats-server reads the value of a variable as configuration, where 12e34f… is a mistake in a number.
  const nats = natsLogins().map((/** @type {string} */ login) => [
    `NATS_${constantOf(login)}_PASSWORD`,
    JSON.stringify(passwords.of(passwordName('nats', login))),
  ]);
  const logins = databaseLogins(passwords).map((/** @type {{memberOf: string, password: string}} */ login) => [
    `${constantOf(login.memberOf)}_PASSWORD`,
    login.password,
  ]);
  return {
    ...Object.fromEntries(services),
    nats: Object.fromEntries(nats),
    redis: { REDIS_USERS: redisUsers(passwords).join(';') },
    postgres: { POSTGRES_PASSWORD: owner },
    migrate: { DATABASE_URL: asLogin(urls.postgres, ownerOf(urls.postgres), owner) },
    'database-logins': { PGPASSWORD: owner, ...Object.fromEntries(logins) },
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
  const access = await import(new URL('../libs/local-servers/dist/index.js', import.meta.url).href);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  // Each is kept as soon as it is made: a file of variables that was written names none that a next call would not know.
  const passwords = new access.Passwords(folder);
  const variables = containerVariables(access, passwords, await access.loadBusKeys(passwords));
  for (const [container, own] of Object.entries(variables)) {
    const lines = Object.entries(own).map(([name, value]) => `${name}='${value}'`);
    writeClosed(join(folder, `${container}.env`), `${lines.join('\n')}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeSecrets(join(INFRA, 'secrets'));
  process.stdout.write('The logins of the Compose stack are in infra/secrets.\n');
}
