import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AppError, type Principal } from '@switchyard/contracts';
import { type McpSuite, mcpSuite, until } from '@switchyard/testing';
import { followLink, isWanted, lookedAt, PUBLIC_URL } from './follow-link.ts';
import { ANN, type Database, startDatabase, startSystem, type System } from './upstream-system.ts';

/**
 * The official suite checks how we authorise at servers that name their issuer themselves. The suite's server is an
 * upstream with `auth: oauth` of the whole service, and a simulated person follows the link as a browser does.
 */

jest.setTimeout(300_000);

interface Job {
  readonly url: string;
  readonly scenario: string;
  readonly context: Readonly<Record<'client_id' | 'client_secret' | 'private_key_pem' | 'issuer', string | undefined>>;
}

/** Extensions that are not required, and protocol versions from before there was a discovery of issuers. */
const NOT_OURS: Readonly<Record<string, string>> = {
  'auth/dpop': 'an extension; our tokens are bearer tokens',
  'auth/dpop-nonce': 'an extension; our tokens are bearer tokens',
  'auth/wif-jwt-bearer': 'an extension; we have no identity of a workload to show',
  'auth/enterprise-managed-authorization': 'an extension; we hold no identity token of our users to exchange',
  'auth/cross-app-access-complete-flow': 'the same by its earlier name',
  'auth/2025-03-26-oauth-endpoint-fallback': 'without metadata nobody says that PKCE is checked',
};
/** In 0.1.16 the metadata names another issuer than the one it is read from, so we refuse it; 0.2 corrected that. */
const BEFORE_RFC_9728 = 'auth/2025-03-26-oauth-metadata-backcompat';
/** After so many logins the simulated person gives up. */
const MAX_LINKS = 3;
/** The machine may be busy. */
const SCENARIO_LIMIT_MS = 120_000;

let suite: McpSuite;
let database: Database;
let system: System;
let control: Server;
let command: string;
let count = 0;
let writes = 0;
/** The result of each scenario, for the reader of a failure. */
const outcomes = new Map<string, unknown>();
const secrets = new Map<string, string>();
const upstreams = new Map<string, object>();

beforeAll(async () => {
  [suite, database] = await Promise.all([mcpSuite(), startDatabase()]);
  system = await startSystem(
    database.store,
    { read: (name) => secrets.get(name) },
    {
      VAULT_KEYS: `first:${randomBytes(32).toString('base64')}`,
      PUBLIC_URL,
      OAUTH_CLIENT_METADATA_URL: 'https://conformance-test.local/client-metadata.json',
      EGRESS_ALLOW_HOSTS: 'localhost',
    },
  );
  control = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const job = JSON.parse(Buffer.concat(chunks).toString()) as Job;
      void (job.scenario in NOT_OURS ? Promise.resolve('not ours') : use(job))
        .catch((error: unknown) => ({ error: error instanceof Error ? (error.stack ?? error.message) : error }))
        .then((told) => {
          outcomes.set(job.scenario, told);
          response.end(JSON.stringify(told));
        });
    });
  });
  await new Promise<void>((resolve) => control.listen(0, '127.0.0.1', resolve));
  const { port } = control.address() as AddressInfo;
  const client = new URL('conformance-client.mjs', import.meta.url).pathname;
  command = `${process.execPath} ${client} http://127.0.0.1:${port}/ auth/`;
});
afterAll(async () => {
  control?.closeAllConnections();
  await new Promise((resolve) => (control ? control.close(resolve) : resolve(0)));
  await system?.stop();
  await database?.stop();
});

/** The suite runs its scenarios side by side, so each has an upstream and a user of its own. */
async function use({ url, scenario, context }: Job): Promise<unknown> {
  const name = `suite${(count += 1)}`;
  const who: Principal = { ...ANN, userId: name };
  const oauth = await settingsFor(name, { url, scenario, context });
  upstreams.set(name, { url, trust: 'trusted', defaults: { kind: 'read', idempotency: 'safe' }, ...oauth });
  await write();
  try {
    return await (oauth.auth === 'service' ? callAll(name, who) : authorised(name, who));
  } finally {
    upstreams.delete(name);
    await write();
  }
}

/** Replaces the file in one step, because the service reads it whenever it changes. */
async function write(): Promise<void> {
  const next = `${system.file}.${(writes += 1)}`;
  await writeFile(next, JSON.stringify({ upstreams: Object.fromEntries(upstreams) }));
  await rename(next, system.file);
}

/** The settings that an operator would write who knows the same as the suite's client. */
async function settingsFor(name: string, { url, scenario, context }: Job) {
  const { client_id, client_secret, private_key_pem, issuer } = context;
  if (client_id === undefined) return { auth: 'oauth' };
  const described = new URL('/.well-known/oauth-protected-resource/mcp', url);
  const { authorization_servers } = (await (await fetch(described)).json()) as { authorization_servers: string[] };
  const variable = `SECRET_${name}`;
  secrets.set(variable, client_secret ?? private_key_pem ?? '');
  const secret = client_secret === undefined ? 'private_key_env' : 'client_secret_env';
  const auth = scenario.startsWith('auth/client-credentials') ? 'service' : 'oauth';
  return { auth, oauth: { issuer: issuer ?? authorization_servers[0], client_id, [secret]: variable } };
}

async function statusOf(name: string) {
  return (await system.statuses()).find((status) => status.name === name);
}

/** Acts like a person: opens the link that the service tells, and opens it again where a tool wants more scopes. */
async function authorised(name: string, who: Principal): Promise<unknown> {
  const said: unknown[] = [];
  await lookedAt(system, name);
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const outcome = await followLink(system, name, who).then(
      () => ({ followed: name }),
      (error: unknown) => {
        if (error instanceof AppError) return { refused: error.code, message: error.message };
        throw error;
      },
    );
    said.push(outcome);
    if ('refused' in outcome) break;
    const results = await callAll(name, who);
    said.push(results);
    if (!(await isWanted(system, name, who))) break;
  }
  return { said, status: await statusOf(name) };
}

async function callAll(name: string, who: Principal): Promise<unknown[]> {
  const mine = async () => (await system.list(who)).filter(({ provider }) => provider === name);
  await until(async () => {
    if ((await mine()).length > 0 || (await isWanted(system, name, who))) return true;
    const { state, reason } = (await statusOf(name)) ?? { state: 'starting', reason: null };
    return state === 'unavailable' && reason !== null && !reason.startsWith('Nobody has authorised');
  }, 30_000);
  const tools = await mine();
  const results: unknown[] = [];
  for (const tool of tools) results.push(await system.call(tool.name, {}, { principal: who }));
  return results;
}

/** The suite's verdict on each scenario. */
function verdictsIn(output: string): { scenario: string; passed: boolean; line: string }[] {
  const lines = [...output.matchAll(/^([✓✗]) (auth\/[^\s:]+): .*(?:\n +- .*)*/gm)];
  return lines.map(([line, mark, scenario]) => ({ scenario: scenario!, passed: mark === '✓', line }));
}

describe('the conformance suite, towards our client for authorisation', () => {
  it.each<['0.1' | '0.2', string, string[], number]>([
    ['0.1', 'all scenarios', ['--suite', 'all'], 19],
    ['0.2', 'all that 2025-11-25 requires', ['--requirements', '2025-11-25'], 16],
    ['0.2', 'all that 2026-07-28 requires', ['--requirements', '2026-07-28'], 27],
    ['0.2', 'a server of before RFC 9728', ['--suite', 'backcompat'], 1],
  ])('%s passes auth/*: %s', async (version, _what, which, count) => {
    const args = ['client', '--command', command, ...which, '--timeout', String(SCENARIO_LIMIT_MS)];
    const { output } = await suite.run(`conformance-${version}/dist/index.js`, args, 250_000);
    const ours = verdictsIn(output).filter(
      ({ scenario }) => !(scenario in NOT_OURS) && !(version === '0.1' && scenario === BEFORE_RFC_9728),
    );
    const lost = ours.filter(({ passed }) => !passed);
    expect(lost.map(({ scenario, line }) => ({ scenario, line, outcome: outcomes.get(scenario) }))).toEqual([]);
    expect(ours).toHaveLength(count);
  });

  it('asks no person to go in circles, and tells what to do', () => {
    const retried = outcomes.get('auth/scope-retry-limit') as { said: unknown[]; status: { reason: string } };
    expect(retried.said).toHaveLength(2);
    expect(retried.status.reason).toContain('does not allow this with what you granted');
    const steps = JSON.stringify(outcomes.get('auth/scope-step-up'));
    expect(steps).toMatch(
      /wants more than you granted for this: mcp:write. Open https:\/\/switchyard\.test\/api\/mcp\/auth/,
    );
  });

  it('shows no token, secret or code to the log or to the bus', () => {
    const told = system.lines.join('\n') + JSON.stringify(system.facts) + JSON.stringify([...outcomes.values()]);
    expect(told).not.toMatch(
      /test-token-|test-auth-code|cc-token|pre-registered-secret|conformance-test-secret|PRIVATE KEY/,
    );
  });
});
