import { busTrust, busVariables, integer, LOG_VARIABLES, OPS_VARIABLES, opsAccessOf } from '@switchyard/platform';
import { z } from 'zod';

/** Audit's environment: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...busVariables,
    DATABASE_URL: z
      .string()
      .min(1)
      .describe('PostgreSQL with the role switchyard_audit')
      .meta({ alias: 'SUPABASE_DATABASE_URL' }),
    DATABASE_POOL_SIZE: integer(1, 100, 6).describe('Most connections to PostgreSQL'),
    OPS_PORT: integer(0, 65_535, 0).describe('Port of /health, /readiness and /metrics; 0: any free one'),
    ...OPS_VARIABLES,
    ...LOG_VARIABLES,
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('OTLP/HTTP collector; unset: no traces'),
    OTEL_SERVICE_NAME: z.string().default('switchyard-audit').describe('Service name in traces'),
    LOG_TREE_DIR: z.string().optional().describe('Folder of the log tree; unset: no log tree'),
    AUDIT_SWEEP_MS: integer(200, 600_000, 15_000).describe(
      'How often runs are looked for whose end was not seen, to complete them from the journal',
    ),
    DRAIN_TIMEOUT_MS: integer(500, 60_000, 8_000).describe('Longest time for finishing work on SIGTERM'),
  })
  .transform((env, context) => ({
    natsUrl: env.NATS_URL,
    busTrust: busTrust(env, context),
    database: { url: env.DATABASE_URL, poolSize: env.DATABASE_POOL_SIZE },
    opsPort: env.OPS_PORT,
    ops: opsAccessOf(env),
    logLevel: env.LOG_LEVEL,
    logLevels: env.LOG_LEVELS,
    telemetry: { serviceName: env.OTEL_SERVICE_NAME, endpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT },
    logTreeDir: env.LOG_TREE_DIR,
    sweepMs: env.AUDIT_SWEEP_MS,
    drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
  }));
export type AuditConfig = z.output<typeof Config>;
