import { MAX_APPROVAL_SECONDS, STREAMS } from '@switchyard/contracts';
import {
  databaseSettings,
  databaseVariables,
  flag,
  integer,
  list,
  serviceSettings,
  serviceVariables,
  tlsFilesOf,
  tlsVariables,
} from '@switchyard/platform';
import { isRedisAddress, REDIS_ADDRESS_FORM } from '@switchyard/redis';
import { SERVICE_MAP_VARIABLES, serviceMapOf } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { TenantLimitsText } from './budgets/daily-limits.ts';
import { PriceTableText } from './budgets/prices.ts';

/** An empty variable, as in a copied .env.example, is one that is not set. */
const unsetIfEmpty = (value: unknown) => (value === '' ? undefined : value);
const optional = z.preprocess(unsetIfEmpty, z.string().optional());
const HOUR_MS = 3_600_000;
const MB = 1_048_576;
const limit = (kind: z.ZodCoercedNumber) => z.preprocess(unsetIfEmpty, kind.min(0).optional());

interface DailyVariables {
  readonly USER_DAILY_TOKENS?: number | undefined;
  readonly USER_DAILY_USD?: number | undefined;
  readonly TENANT_DAILY_TOKENS?: number | undefined;
  readonly TENANT_DAILY_USD?: number | undefined;
  readonly DAILY_LIMITS_BY_TENANT: object;
}

function hasDailyLimits(env: DailyVariables): boolean {
  const { USER_DAILY_TOKENS, USER_DAILY_USD, TENANT_DAILY_TOKENS, TENANT_DAILY_USD, DAILY_LIMITS_BY_TENANT } = env;
  const general = [USER_DAILY_TOKENS, USER_DAILY_USD, TENANT_DAILY_TOKENS, TENANT_DAILY_USD];
  return general.some((amount) => amount !== undefined) || Object.keys(DAILY_LIMITS_BY_TENANT).length > 0;
}

/** USD per million tokens; the stand-in model answers to any name. */
const LIST_PRICES = JSON.stringify({
  'gpt-4.1*': { input: 2, output: 8, cached_input: 0.5 },
  'gpt-4.1-mini*': { input: 0.4, output: 1.6, cached_input: 0.1 },
  'gpt-4.1-nano*': { input: 0.1, output: 0.4, cached_input: 0.025 },
  'gpt-4o*': { input: 2.5, output: 10, cached_input: 1.25 },
  'gpt-4o-mini*': { input: 0.15, output: 0.6, cached_input: 0.075 },
  'dev-model': { input: 1, output: 4, cached_input: 0.25 },
});

/** The orchestrator's environment: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('orchestrator'),
    ...databaseVariables('switchyard_orchestrator', 10),

    OPENAI_API_KEY: z.string().min(1).describe('Key for the model endpoint'),
    OPENAI_BASE_URL: z.url().default('https://api.openai.com/v1').describe('Any OpenAI-compatible endpoint'),
    OPENAI_MODEL: z.string().min(1).max(128).default('gpt-4.1-mini').describe('Model where a run names none'),
    OPENAI_TIMEOUT_MS: integer(1_000, 600_000, 60_000).describe('Longest wait for the first byte of a model answer'),
    OPENAI_STALL_MS: integer(500, 600_000, 30_000).describe('Longest silence within a model answer'),
    OPENAI_MAX_RETRIES: integer(0, 10, 2).describe(
      'Retries of a model call on 408, 409, 429, 5xx and connection errors',
    ),
    MODEL_PRICES: PriceTableText.prefault(LIST_PRICES).describe(
      'JSON object: model name, or prefix with "*" -> USD per million tokens {"input", "output", "cached_input"}; ' +
        'the default holds list prices that may have changed',
    ),
    MODEL_MAX_OUTPUT_TOKENS: integer(16, 1_000_000, 4_096).describe(
      'Most tokens of one model answer where a limit of tokens or money applies',
    ),
    EGRESS_ALLOW_HOSTS: list.describe('Private hosts (host or host:port, comma-separated) that may be called'),
    ...SERVICE_MAP_VARIABLES,

    MAX_ITERATIONS_PER_TURN: integer(1, 1_000, 12).describe('How often the planner may be asked in one run'),
    HISTORY_TOKEN_BUDGET: integer(0, 1_000_000, 4_000).describe('Tokens of earlier turns that the model is given'),
    DISALLOWED_KEYWORDS: list.describe('Words (comma-separated) that neither a task nor an answer may hold'),
    USE_ORCHESTRATOR_AGENT: flag(true).describe('false: hand every task whole to the computer-use agent'),
    TOOL_AGENT: z
      .enum(['never', 'auto', 'always'])
      .default('auto')
      .describe('The agent for tools: auto: in the place of many tools; always: also beside few; never'),
    TOOL_AGENT_ABOVE: integer(0, 100_000, 40).describe(
      'With more visible tools than this, that agent takes their place',
    ),
    APPROVAL_REQUIRED_TOOLS: list.describe(
      'Tools (comma-separated names, "name*", "provider:<name>", "kind:destructive") whose calls a person must approve',
    ),
    APPROVAL_TIMEOUT_SECONDS: integer(1, MAX_APPROVAL_SECONDS, 86_400).describe(
      'How long a question to a person stays open',
    ),
    REDIS_URL: optional
      .refine(isRedisAddress, REDIS_ADDRESS_FORM)
      .describe('Redis, or its Sentinels, with the counts of the day; needed where a limit by day is set'),
    ...tlsVariables('REDIS'),
    USER_DAILY_TOKENS: limit(z.coerce.number().int()).describe('Tokens of one user in a day (UTC); unset: no limit'),
    USER_DAILY_USD: limit(z.coerce.number()).describe('USD of one user in a day; unset: no limit'),
    TENANT_DAILY_TOKENS: limit(z.coerce.number().int()).describe('Tokens of one tenant in a day; unset: no limit'),
    TENANT_DAILY_USD: limit(z.coerce.number()).describe('USD of one tenant in a day; unset: no limit'),
    DAILY_LIMITS_BY_TENANT: TenantLimitsText.prefault('').describe(
      'JSON object: tenant -> {"user_tokens", "user_usd", "tenant_tokens", "tenant_usd"}; null: no limit',
    ),
    BUDGET_FAIL_OPEN: flag(false).describe('true: where Redis does not answer, the limits by day are not enforced'),
    BUDGET_WAIT_MS: integer(0, 60_000, 5_000).describe(
      'How long a call of the model waits for Redis, or for what other calls have reserved',
    ),
    STEP_TIMEOUT_MS: integer(1_000, 3_600_000, 120_000).describe('Longest time for one step'),
    COMPUTER_STEP_TIMEOUT_MS: integer(1_000, 3_600_000, 900_000).describe(
      'Longest time for one step of the computer-use agent',
    ),
    STEP_ATTEMPTS: integer(1, 10, 3).describe('How often a step is dispatched when its worker is lost'),
    WORKER_ABSENCE_MS: integer(0, 600_000, 30_000).describe(
      'How long a step waits where no worker is there to take it, and a planning where nobody tells of the tools',
    ),

    MAX_CONCURRENT_RUNS: integer(1, 10_000, 128).describe('Runs that one replica works on at the same time'),
    MAX_CONCURRENT_RUNS_PER_TENANT: integer(0, 10_000, 0).describe(
      'Most of them of one tenant, also while no other waits; 0: no limit beyond its fair share',
    ),
    MAX_QUEUED_RUNS: integer(1, 10_000_000, 10_000).describe(
      'Runs that may wait for an owner, of all tenants; more are refused with 429',
    ),
    MAX_QUEUED_RUNS_PER_TENANT: integer(1, 10_000_000, 5_000).describe('The same for one tenant'),
    MAX_WAITING_RUNS_PER_TENANT: integer(1, 10_000_000, 10_000).describe(
      'Runs of one tenant that may wait for people at the same time',
    ),
    POISON_ATTEMPTS: integer(1, 100, 5).describe(
      'Owners in a row that may come to nothing before a run becomes a dead letter',
    ),
    RETRY_PAUSE_MS: integer(0, 60_000, 1_000).describe(
      'Pause after the second owner in a row that came to nothing; it doubles with each, up to a minute',
    ),
    LEASE_MS: integer(1_000, 120_000, 6_000).describe('How long a replica owns a run without renewing'),
    SWEEP_INTERVAL_MS: integer(200, 60_000, 1_000).describe('How often runs without an owner are looked for'),
    MAX_RUN_EVENTS: integer(100, 1_000_000, 20_000).describe(
      'How many events a run may have; at nine tenths progress is no longer kept, then the run ends as history_full',
    ),
    MAX_RUN_BYTES: integer(100_000, 1_000_000_000, 67_108_864).describe(
      'How long all events of a run together may be, in about bytes of JSON; the same follows',
    ),
    EVENT_RETENTION_HOURS: integer(0, 876_000, 720).describe(
      'How long the events of an ended run are kept; then a snapshot stands in their place. 0: for ever',
    ),
    RUN_RETENTION_DAYS: integer(0, 36_500, 365).describe(
      'How long an ended run is listed in its conversation and can be read; its events go first. 0: for ever',
    ),
    RUNS_STREAM_HOURS: integer(1, 720, STREAMS.RUNS.maxAgeMs / HOUR_MS).describe(
      'Longest time for which the bus keeps a fact of a run; the journal has it beyond that',
    ),
    RUNS_STREAM_MAX_MB: integer(1, 1_000_000, STREAMS.RUNS.maxBytes / MB).describe(
      'Most disk that these facts take at NATS, in MB; beyond it the oldest go',
    ),
    RUNS_STREAM_MAX_EVENTS: integer(100, 100_000_000, STREAMS.RUNS.maxMessages).describe(
      'Most facts that NATS keeps; each costs it about 600 bytes of memory',
    ),
    NATS_STREAM_REPLICAS: integer(1, 5, 1).describe(
      'How many servers of a NATS cluster keep each stream; with 3 one may be lost',
    ),
  })
  .check(({ value: env, issues }) => {
    if (env.REDIS_URL !== undefined || !hasDailyLimits(env)) return;
    const message =
      'needed for limits by day: set it, or unset USER_DAILY_*, TENANT_DAILY_* and DAILY_LIMITS_BY_TENANT';
    issues.push({ code: 'custom', message, path: ['REDIS_URL'], input: env.REDIS_URL });
  })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    database: databaseSettings(env, context),
    model: {
      apiKey: env.OPENAI_API_KEY,
      baseUrl: env.OPENAI_BASE_URL,
      name: env.OPENAI_MODEL,
      timeoutMs: env.OPENAI_TIMEOUT_MS,
      stallMs: env.OPENAI_STALL_MS,
      maxRetries: env.OPENAI_MAX_RETRIES,
      prices: env.MODEL_PRICES,
      maxOutputTokens: env.MODEL_MAX_OUTPUT_TOKENS,
    },
    egress: { allowHosts: env.EGRESS_ALLOW_HOSTS, serviceMap: serviceMapOf(env) },
    runs: {
      maxIterations: env.MAX_ITERATIONS_PER_TURN,
      history: { max_events: env.MAX_RUN_EVENTS, max_bytes: env.MAX_RUN_BYTES },
      historyTokens: env.HISTORY_TOKEN_BUDGET,
      disallowedKeywords: env.DISALLOWED_KEYWORDS,
      useOrchestrator: env.USE_ORCHESTRATOR_AGENT,
      approvals: { tools: env.APPROVAL_REQUIRED_TOOLS, timeoutSeconds: env.APPROVAL_TIMEOUT_SECONDS },
      toolAgent: { offer: env.TOOL_AGENT, above: env.TOOL_AGENT_ABOVE },
      stepTimeoutMs: env.STEP_TIMEOUT_MS,
      computerStepTimeoutMs: env.COMPUTER_STEP_TIMEOUT_MS,
      stepAttempts: env.STEP_ATTEMPTS,
      workerAbsenceMs: env.WORKER_ABSENCE_MS,
      maxConcurrent: env.MAX_CONCURRENT_RUNS,
      maxPerTenant: env.MAX_CONCURRENT_RUNS_PER_TENANT || env.MAX_CONCURRENT_RUNS,
      admission: {
        maxQueued: env.MAX_QUEUED_RUNS,
        maxQueuedPerTenant: env.MAX_QUEUED_RUNS_PER_TENANT,
        maxWaitingPerTenant: env.MAX_WAITING_RUNS_PER_TENANT,
      },
      poisonAttempts: env.POISON_ATTEMPTS,
      retryPauseMs: env.RETRY_PAUSE_MS,
      leaseMs: env.LEASE_MS,
      sweepIntervalMs: env.SWEEP_INTERVAL_MS,
    },
    budgets: {
      daily:
        env.REDIS_URL !== undefined && hasDailyLimits(env)
          ? {
              redisUrl: env.REDIS_URL,
              redisTls: tlsFilesOf('REDIS', env, context),
              limits: {
                user: { tokens: env.USER_DAILY_TOKENS ?? null, usd: env.USER_DAILY_USD ?? null },
                tenant: { tokens: env.TENANT_DAILY_TOKENS ?? null, usd: env.TENANT_DAILY_USD ?? null },
              },
              byTenant: env.DAILY_LIMITS_BY_TENANT,
            }
          : null,
      failOpen: env.BUDGET_FAIL_OPEN,
      waitMs: env.BUDGET_WAIT_MS,
    },
    runsStream: {
      maxAgeMs: env.RUNS_STREAM_HOURS * HOUR_MS,
      maxBytes: env.RUNS_STREAM_MAX_MB * MB,
      maxMessages: env.RUNS_STREAM_MAX_EVENTS,
    },
    streamReplicas: env.NATS_STREAM_REPLICAS,
    retention: { eventHours: env.EVENT_RETENTION_HOURS, runDays: env.RUN_RETENTION_DAYS },
  }));
export type OrchestratorConfig = z.output<typeof Config>;
