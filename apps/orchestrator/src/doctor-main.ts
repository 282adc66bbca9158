import { type DoctorGroup, type Finding, found, toCheck } from '@switchyard/contracts';
import { busVariables, parseConfig, tlsFilesOf, tlsVariables } from '@switchyard/platform';
import {
  createSafeFetch,
  mappedJid,
  SERVICE_MAP_VARIABLES,
  serviceMapOf,
  withoutFallback,
} from '@switchyard/safe-fetch';
import { z } from 'zod';
import * as model from './doctor/model.ts';
import { judgeWay, wayOverXmpp } from './doctor/over-xmpp.ts';
import * as redis from './doctor/redis.ts';

/*
 * Runs the checks of Redis and of the model; prints one JSON document per line on stdout. It reads the orchestrator's
 * environment, and of it only the variables that these checks need. Arguments: the groups of checks to run.
 */

const MODEL_LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 1_048_576;
const Settings = z.object({
  ...tlsVariables('NATS'),
  ...tlsVariables('REDIS'),
  DOCTOR_LIMIT_MS: z.coerce.number().positive().default(5_000),
  REDIS_URL: z.string().optional(),
  NATS_URL: z.string().optional(),
  BUS_KEYS: busVariables.BUS_KEYS,
  OPENAI_API_KEY: z.string().optional(),
  OPENAI_BASE_URL: z.url().default('https://api.openai.com/v1'),
  OPENAI_MODEL: z.string().default('gpt-4.1-mini'),
  EGRESS_ALLOW_HOSTS: z.string().default(''),
  ...SERVICE_MAP_VARIABLES,
});
const Variables = Settings.transform((env, context) => ({
  ...env,
  natsTls: tlsFilesOf('NATS', env, context),
  redisTls: tlsFilesOf('REDIS', env, context),
}));
type Variables = z.output<typeof Variables>;

async function tell(number: number, group: DoctorGroup, name: string, find: () => Promise<Finding> | Finding) {
  const began = performance.now();
  const finding = await find();
  const check = toCheck({ number, group, name }, finding, performance.now() - began);
  process.stdout.write(`${JSON.stringify(check)}\n`);
  return finding;
}

const groups = process.argv.slice(2);
const parsed = parseConfig(Variables, process.env);
if (!parsed.ok) {
  const [problem] = parsed.problems;
  const finding = found.fail(`${problem?.variable} is not valid: ${problem?.remedy}`);
  if (groups.includes('redis'))
    await tell(32, 'redis', 'Redis', () => found.notReached('the configuration is not valid.'));
  if (groups.includes('model')) await tell(33, 'model', 'model endpoint', () => finding);
} else {
  if (groups.includes('redis')) await redisChecks(parsed.value);
  if (groups.includes('model')) await modelChecks(parsed.value);
}
// Exits even while a connection is still being tried.
process.stdout.write('', () => process.exit());

async function redisChecks({ REDIS_URL: url, DOCTOR_LIMIT_MS: limitMs, redisTls }: Variables): Promise<void> {
  if (url === undefined) {
    await tell(32, 'redis', 'Redis', () => found.skipped('REDIS_URL is not set: limits by day are off.'));
    return;
  }
  const looking = redis.probeRedis(url, limitMs, redisTls);
  const reached = await tell(32, 'redis', 'Redis', async () => redis.judgeReached(await looking, limitMs));
  await tell(40, 'redis', 'keys in Redis', async () =>
    reached.status === 'fail' ? found.notReached('check 32 failed.') : redis.judgeKeeping(await looking),
  );
}

async function modelChecks(variables: Variables): Promise<void> {
  const { OPENAI_API_KEY: key, OPENAI_MODEL: name } = variables;
  const base = variables.OPENAI_BASE_URL.replace(/\/$/, '');
  const { host } = new URL(base);
  const serviceMap = withoutFallback(serviceMapOf(variables));
  const jid = mappedJid(serviceMap, new URL(base));
  const unasked = async (finding: Finding): Promise<void> => {
    await tell(33, 'model', 'model endpoint', () => finding);
    await tell(34, 'model', 'streaming and tools', () => found.notReached('the model was not asked.'));
  };
  if (key === undefined)
    return unasked(found.skipped('OPENAI_API_KEY is not set, and the development model does not run.'));
  const { NATS_URL: nats, BUS_KEYS: keys, DOCTOR_LIMIT_MS: limitMs, natsTls } = variables;
  const way =
    jid === undefined || nats === undefined ? undefined : await wayOverXmpp(nats, keys ?? 'open', limitMs, natsTls);
  const none = jid !== undefined && !way ? judgeWay(undefined, host, jid) : undefined;
  if (none) return unasked(none);
  const at = { base, key, model: name };
  const fetch = createSafeFetch({
    // As in the planner: the address of the model is the operator's own choice.
    allowHosts: [host, ...variables.EGRESS_ALLOW_HOSTS.split(',').map((each) => each.trim())],
    serviceMap,
    ...(way ? { overXmpp: way.overXmpp } : {}),
    timeoutMs: MODEL_LIMIT_MS,
    totalTimeoutMs: 2 * MODEL_LIMIT_MS,
    maxResponseBytes: MAX_ANSWER_BYTES,
  });
  const began = performance.now();
  const seen = await model.probeModel(at, fetch).finally(() => way?.close());
  const nobody = jid === undefined ? undefined : judgeWay(seen, host, jid);
  if (nobody) return unasked(nobody);
  const reached = model.judgeReached(seen, at, MODEL_LIMIT_MS);
  const check = toCheck({ number: 33, group: 'model', name: 'model endpoint' }, reached, performance.now() - began);
  process.stdout.write(`${JSON.stringify(check)}\n`);
  await tell(34, 'model', 'streaming and tools', () => model.judgeAnswer(seen));
}
