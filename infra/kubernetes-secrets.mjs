#!/usr/bin/env node
// @ts-check
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { containerVariables, ownerOf } from './compose-secrets.mjs';

/*
 * The Secrets that the Helm chart reads, on standard output: for each component exactly its own variables, as the
 * containers of Compose get them. Guarantees:
 *  - A password is made once; a second call prints the same ones, with what a new version needs besides.
 *  - No secret is an argument: what is given comes by the environment.
 */

const HELP = `infra/kubernetes-secrets [options] | kubectl apply -n NAMESPACE -f -

  --prefix NAME        beginning of the names, as secrets.prefix of the chart: the full name of the release (switchyard)
  --nats URL           (nats://PREFIX-nats:4222, the bundled one); several: nats://one:4222,nats://two:4222
  --postgres URL       with the owner's name, without password (postgresql://switchyard@PREFIX-postgres:5432/switchyard)
                       several: postgresql://switchyard@one:5432,two:5432/switchyard
  --redis URL          (redis://PREFIX-redis:6379); Sentinels: rediss-sentinel://one:26379,two:26379/0#GROUP
  --try                keys for the development model and the tool get_weather
  --state FOLDER       where passwords are kept (infra/secrets/kubernetes/PREFIX)

From the environment, where it is set: POSTGRES_OWNER_PASSWORD (of a server that is there already), OPENAI_API_KEY,
MOCK_WEATHER_TOOL_API_KEY, VAULT_KEYS, A2A_SIGNING_KEYS, GOOGLE_CLIENT_SECRET, SLACK_CLIENT_SECRET, AZTM_PASSWORD, JWT_HS256_SECRET,
EDGE_SHARED_SECRET, and TOOL_SECRET_*.
`;

/** Variable -> whose it is, of what is taken from the environment of the call. */
const GIVEN = /** @type {const} */ ({
  OPENAI_API_KEY: 'orchestrator',
  MOCK_WEATHER_TOOL_API_KEY: 'mcp-tool',
  VAULT_KEYS: 'mcp-tool',
  A2A_SIGNING_KEYS: 'a2a',
  GOOGLE_CLIENT_SECRET: 'mcp-tool',
  SLACK_CLIENT_SECRET: 'mcp-tool',
  AZTM_PASSWORD: 'xmpp-bridge',
  JWT_HS256_SECRET: 'gateway',
  EDGE_SHARED_SECRET: 'gateway',
});

/** @param {NodeJS.ProcessEnv} env @param {boolean} trying */
function given(env, trying) {
  const forTrying = trying ? { OPENAI_API_KEY: 'dev', MOCK_WEATHER_TOOL_API_KEY: 'dev-weather-key' } : {};
  const all = { ...forTrying, ...Object.fromEntries(Object.entries(env).filter(([, value]) => value)) };
  return Object.entries(all).flatMap(([name, value]) => {
    const owner = name.startsWith('TOOL_SECRET_') ? 'mcp-tool' : GIVEN[/** @type {keyof typeof GIVEN} */ (name)];
    return owner === undefined ? [] : [{ owner, name, value: String(value) }];
  });
}

/** A URL of one server or, separated by commas, of several: its login, their addresses, the rest. */
const SERVERS = /^[a-z][a-z0-9+.-]*:\/\/(?:([^@/?#]*)@)?([^/?#]+)([^?#]*)(\?[^#]*)?(#.*)?$/i;

/** As psql takes them: it looks for the server that takes writes among several. @param {string} address @param {string} owner */
function serverVariables(address, owner) {
  const [, , hosts = '', path = '', query] = SERVERS.exec(address) ?? [];
  const urls = hosts.split(',').map((host) => new URL(`postgresql://${host.trim()}`));
  const mode = new URLSearchParams(query).get('sslmode');
  return {
    PGHOST: urls.map(({ hostname }) => hostname).join(','),
    PGPORT: urls.map(({ port }) => port || '5432').join(','),
    PGUSER: owner,
    PGDATABASE: decodeURIComponent(path.slice(1)),
    ...(urls.length > 1 ? { PGTARGETSESSIONATTRS: 'read-write' } : {}),
    ...(mode === null ? {} : { PGSSLMODE: mode }),
  };
}

/**
 * Component -> its variables.
 * @param {{prefix: string, state: string, trying?: boolean, nats?: string, postgres?: string, redis?: string, env: NodeJS.ProcessEnv}} options
 * @returns {Promise<Record<string, Record<string, string>>>}
 */
export async function secretVariables({ prefix, state, trying = false, env, ...servers }) {
  const access = await import(new URL('../libs/local-servers/dist/index.js', import.meta.url).href);
  const kept = new access.Passwords(state);
  const own = env['POSTGRES_OWNER_PASSWORD'];
  const owner = access.passwordName('postgres', 'owner');
  const passwords = { of: (/** @type {string} */ name) => (name === owner && own ? own : kept.of(name)) };
  const urls = {
    nats: servers.nats ?? `nats://${prefix}-nats:4222`,
    postgres: servers.postgres ?? `postgresql://switchyard@${prefix}-postgres:5432/switchyard`,
    redis: servers.redis ?? `redis://${prefix}-redis:6379`,
  };
  const all = containerVariables(access, passwords, await access.loadBusKeys(passwords), urls);
  Object.assign(all['database-logins'] ?? {}, serverVariables(urls.postgres, ownerOf(urls.postgres)));
  for (const { owner: component, name, value } of given(env, trying))
    Object.assign(all[component] ?? {}, { [name]: value });
  return all;
}

/** @param {string} prefix @param {Record<string, Record<string, string>>} variables */
export function asSecrets(prefix, variables) {
  return Object.entries(variables).map(([component, stringData]) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${prefix}-${component}`, labels: { 'app.kubernetes.io/part-of': 'switchyard' } },
    type: 'Opaque',
    stringData,
  }));
}

async function main() {
  const text = /** @type {const} */ ({ type: 'string' });
  const { values } = parseArgs({
    options: {
      prefix: text,
      nats: text,
      postgres: text,
      redis: text,
      state: text,
      try: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const { prefix = 'switchyard', try: trying = false, help: _, ...rest } = values;
  for (const url of [rest.nats, rest.postgres, rest.redis].flatMap((several) => several?.split(',') ?? []))
    if (/:[^/]/.test(/^(?:[a-z][a-z0-9+.-]*:\/\/)?([^@/?#]*)@/i.exec(url)?.[1] ?? ''))
      throw new Error('An address with a password is for the environment: see --help.');
  const state = rest.state ?? join(fileURLToPath(new URL('.', import.meta.url)), 'secrets/kubernetes', prefix);
  const variables = await secretVariables({ ...rest, prefix, state, trying, env: process.env });
  process.stdout.write(
    asSecrets(prefix, variables)
      .map((secret) => `---\n${stringify(secret, { lineWidth: 0 })}`)
      .join(''),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 64;
  });
}
