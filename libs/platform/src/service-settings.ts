import type { AppName } from '@switchyard/contracts';
import { z } from 'zod';
import { busTrust, busVariables, integer, OPS_VARIABLES, opsAccessOf } from './config-values.ts';
import { LOG_VARIABLES } from './log/index.ts';
import { tlsFilesOf, tlsVariables } from './tls-files.ts';

/*
 * The settings that services have in common: each variable and what it becomes are declared here, once. A service spreads
 * both into its own schema, and may declare one of the variables anew behind them.
 */

/** What each process on the bus reads. */
export const processVariables = (app: AppName) => ({
  ...busVariables,
  ...LOG_VARIABLES,
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('OTLP/HTTP collector; unset: no traces'),
  OTEL_SERVICE_NAME: z.string().default(`switchyard-${app}`).describe('Service name in traces'),
  DRAIN_TIMEOUT_MS: integer(500, 60_000, 8_000).describe('Longest time for finishing work on SIGTERM'),
});

/** The same for a service whose port for operations is one of its own. */
export const serviceVariables = (app: AppName) => ({
  ...processVariables(app),
  OPS_PORT: integer(0, 65_535, 0).describe('Port of /health, /readiness and /metrics; 0: any free one'),
  ...OPS_VARIABLES,
});

/** For a service with a login of its own at PostgreSQL. */
export const databaseVariables = (role: string, poolSize: number) => ({
  DATABASE_URL: z
    .string()
    .min(1)
    .describe(`PostgreSQL with the role ${role}; of several hosts, separated by commas, the one that takes writes`)
    .meta({ alias: 'SUPABASE_DATABASE_URL' }),
  ...tlsVariables('DATABASE'),
  DATABASE_POOL_SIZE: integer(1, 100, poolSize).describe('Most connections to PostgreSQL'),
});

type Env<V extends (...args: never[]) => z.ZodRawShape> = z.output<z.ZodObject<ReturnType<V>>>;

export const processSettings = (env: Env<typeof processVariables>, context: z.RefinementCtx) => ({
  natsUrl: env.NATS_URL,
  natsTls: tlsFilesOf('NATS', env, context),
  busTrust: busTrust(env, context),
  logLevel: env.LOG_LEVEL,
  logLevels: env.LOG_LEVELS,
  telemetry: { serviceName: env.OTEL_SERVICE_NAME, endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT },
  drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
});

export const serviceSettings = (env: Env<typeof serviceVariables>, context: z.RefinementCtx) => ({
  ...processSettings(env, context),
  opsPort: env.OPS_PORT,
  ops: opsAccessOf(env),
});

export const databaseSettings = (env: Env<typeof databaseVariables>, context: z.RefinementCtx) => ({
  url: env.DATABASE_URL,
  tls: tlsFilesOf('DATABASE', env, context),
  poolSize: env.DATABASE_POOL_SIZE,
});
