import { type DoctorCheck, type DoctorGroup, type Finding, found, toCheck } from '@switchyard/contracts';
import { type CertificateFiles, loadBusKeys } from '@switchyard/local-servers';
import { databaseLoginsFor, natsLoginsFor, redisLoginFor } from './logins.ts';
import { type NatsFindings, natsFindings } from './nats.ts';
import { isBuilt, runPart } from './run.ts';
import { type Environment, hasOwnModel } from '../environment/environment.ts';
import { passwordsOf } from '../environment/logins.ts';
import { readStatus } from '../environment/process-files.ts';
import type { VerbContext } from '../command-line/verb.ts';

/*
 * Checks 30 to 40, and 42 to 46: NATS, PostgreSQL, Redis, the model, the MCP servers behind us and other agents, each asked
 * by the doctor itself, with the logins of the services. First whether each is reached, then whether it is as it should be; a failure of one does not hide another.
 */

const NAMES: Readonly<Record<number, readonly [DoctorGroup, string]>> = {
  30: ['nats', 'NATS'],
  31: ['postgres', 'PostgreSQL'],
  32: ['redis', 'Redis'],
  33: ['model', 'model endpoint'],
  34: ['model', 'streaming and tools'],
  35: ['nats', 'NATS permissions'],
  36: ['nats', 'streams'],
  37: ['nats', 'consumers'],
  38: ['postgres', 'migrations'],
  39: ['postgres', 'rights in the database'],
  40: ['redis', 'keys in Redis'],
  42: ['nats', 'key-value buckets'],
  43: ['mcp', 'MCP upstreams'],
  44: ['mcp', 'an upstream'],
  45: ['a2a', 'A2A agents'],
  46: ['a2a', 'an agent'],
};

export async function serverChecks(
  context: VerbContext,
  asks: (group: DoctorGroup) => boolean,
  limitMs: number,
): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  const take = (check: DoctorCheck): void => void checks.push(check);
  const tell = (number: number, finding: Finding, ms = 0): void => {
    const [group, name] = NAMES[number]!;
    take(toCheck({ number, group, name }, finding, ms));
  };
  await Promise.all([
    asks('nats') ? nats(context, limitMs, tell) : undefined,
    asks('postgres') ? postgres(context, limitMs, take, tell) : undefined,
    asks('redis') ? redis(context, limitMs, take, tell) : undefined,
    asks('model') ? model(context, limitMs, take, tell) : undefined,
    asks('mcp') ? upstreams(context, limitMs, take, tell) : undefined,
    asks('a2a') ? agents(context, limitMs, take, tell) : undefined,
  ]);
  return checks.sort((a, b) => a.number - b.number);
}

type Take = (check: DoctorCheck) => void;
type Tell = (number: number, finding: Finding, ms?: number) => void;

async function nats({ workspace, environment }: VerbContext, limitMs: number, tell: Tell): Promise<void> {
  const serving = readStatus(workspace).processes.some(({ name }) => /^orchestrator/.test(name));
  const began = performance.now();
  const seen = await natsFindings(natsLoginsFor(workspace, environment), limitMs, serving).catch((error: unknown) =>
    brokeOff(error instanceof Error ? error.message : 'no reason was given'),
  );
  tell(30, seen.reached, performance.now() - began);
  tell(35, seen.permissions);
  tell(36, seen.streams);
  tell(37, seen.consumers);
  tell(42, seen.buckets);
}

/** A check that fails by itself is told as one that failed, and hides no other. */
function brokeOff(why: string): NatsFindings {
  const rest = found.notReached('check 30 failed.');
  const reached = found.fail(`This check broke off: ${why}`);
  return { reached, permissions: rest, streams: rest, consumers: rest, buckets: rest };
}

async function postgres(context: VerbContext, limitMs: number, take: Take, tell: Tell): Promise<void> {
  const { owner, logins, none } = databaseLoginsFor(context.workspace, context.environment);
  if (none !== undefined) return tell(31, { status: 'skipped', sentence: none });
  const urls = logins.map(({ app, url }) => [`DATABASE_URL_${app!.toUpperCase().replaceAll('-', '_')}`, url]);
  const env = { ...Object.fromEntries(urls), ...(owner ? { DATABASE_URL: owner } : {}) };
  await part(context, 'libs/store', [], env, limitMs, 31, take, tell);
}

async function redis(context: VerbContext, limitMs: number, take: Take, tell: Tell): Promise<void> {
  const { logins, none } = redisLoginFor(context.workspace, context.environment);
  if (none !== undefined) return tell(32, { status: 'skipped', sentence: none });
  await part(
    context,
    'apps/orchestrator',
    ['redis'],
    { REDIS_URL: logins[0]?.url, ...tlsVariables('REDIS', logins[0]?.tls) },
    limitMs,
    32,
    take,
    tell,
  );
}

function tlsVariables(server: 'NATS' | 'REDIS', files: CertificateFiles | undefined): Environment {
  if (!files) return {};
  const { ca, cert, key } = files;
  return { [`${server}_TLS_CA_FILE`]: ca, [`${server}_TLS_CERT_FILE`]: cert, [`${server}_TLS_KEY_FILE`]: key };
}

async function model(context: VerbContext, limitMs: number, take: Take, tell: Tell): Promise<void> {
  const { workspace, environment } = context;
  const development = readStatus(workspace).processes.find(({ name }) => name === 'dev-model');
  const own = development && !hasOwnModel(environment);
  const at = own ? { OPENAI_BASE_URL: `${development.url}/v1`, OPENAI_API_KEY: 'dev' } : {};
  // A model that is mapped is asked through the bridge, as the orchestrator would.
  const { logins } = natsLoginsFor(workspace, environment);
  const bus = logins.find(({ app }) => app === 'orchestrator') ?? logins[0];
  // On the servers of this clone it asks with the orchestrator's own keys, elsewhere with those of the environment.
  const keys = bus?.app === undefined ? {} : (await loadBusKeys(passwordsOf(workspace))).of('orchestrator');
  const env = {
    ...environment,
    ...at,
    ...(bus ? { NATS_URL: bus.url, ...tlsVariables('NATS', bus.tls) } : {}),
    ...keys,
  };
  await part(context, 'apps/orchestrator', ['model'], env, limitMs, 33, take, tell);
}

/** The file and its variables are the person's; how many definitions wait is asked with the login of the service. */
async function upstreams(context: VerbContext, limitMs: number, take: Take, tell: Tell): Promise<void> {
  const { workspace, environment } = context;
  const { logins } = databaseLoginsFor(workspace, environment);
  const url = logins.find(({ app }) => app === 'mcp-tool')?.url;
  const env = { ...environment, ...(url ? { DATABASE_URL: url } : {}) };
  await part(context, 'apps/mcp-tool', [], env, limitMs, 43, take, tell);
}

/** Without agents of its own, a stack that runs has the small one that it brings. */
async function agents(context: VerbContext, limitMs: number, take: Take, tell: Tell): Promise<void> {
  const { workspace, environment } = context;
  const small = readStatus(workspace).processes.find(({ name }) => name === 'mock-a2a')?.url;
  const own = environment['A2A_AGENTS'] || small;
  const { logins } = natsLoginsFor(workspace, environment);
  const bus = logins.find(({ app }) => app === 'a2a') ?? logins[0];
  const keys = bus?.app === undefined ? {} : (await loadBusKeys(passwordsOf(workspace))).of('a2a');
  const env = { ...environment, ...(own ? { A2A_AGENTS: own } : {}), ...(bus ? { NATS_URL: bus.url } : {}), ...keys };
  await part(context, 'apps/a2a', [], env, limitMs, 45, take, tell);
}

async function part(
  { workspace }: VerbContext,
  project: 'apps/orchestrator' | 'apps/mcp-tool' | 'apps/a2a' | 'libs/store',
  args: readonly string[],
  env: Environment,
  limitMs: number,
  first: number,
  take: Take,
  tell: Tell,
): Promise<void> {
  if (!isBuilt(workspace, project))
    return tell(first, { status: 'skipped', sentence: 'Apps are not built: ./switchyard up builds them.' });
  let told = 0;
  const { PATH, NODE_EXTRA_CA_CERTS } = process.env;
  const own = { PATH, NODE_EXTRA_CA_CERTS, ...env, DOCTOR_LIMIT_MS: String(limitMs) };
  const end = await runPart(workspace, project, args, own, (check) => {
    told += 1;
    take(check);
  });
  if (end.code === 0 && told > 0) return;
  const why = end.said.split('\n').find((line) => /error/i.test(line)) ?? `exit code ${end.code}`;
  tell(first + told, {
    status: 'fail',
    sentence: `This check broke off: ${why.trim()}`,
    evidence: end.said.split('\n'),
  });
}
