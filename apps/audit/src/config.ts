import { databaseSettings, databaseVariables, integer, serviceSettings, serviceVariables } from '@switchyard/platform';
import { LEAST_KEPT_DAYS } from '@switchyard/store';
import { z } from 'zod';

const DAY_MS = 86_400_000;

/** Audit's environment: one line per variable; the documentation is generated from it. */
export const Config = z
  .object({
    ...serviceVariables('audit'),
    ...databaseVariables('switchyard_audit', 6),
    LOG_TREE_DIR: z.string().optional().describe('Folder of the log tree; unset: no log tree'),
    LOG_TREE_KEEP_DAYS: integer(0, 36_500, 30).describe(
      'Days for which the log tree keeps a run after its end; 0: for ever',
    ),
    LOG_TREE_MAX_MB: integer(0, 100_000_000, 2_048).describe(
      'What the log tree may take of the disk, in MB: beyond it the oldest runs that have ended go; 0: no limit',
    ),
    LOG_TREE_PRUNE_MS: integer(100, 86_400_000, 600_000).describe(
      'How often the log tree is looked at for what may go',
    ),
    AUDIT_RETENTION_DAYS: integer(0, 36_500, 0)
      .refine((days) => days === 0 || days >= LEAST_KEPT_DAYS, `0, or at least ${LEAST_KEPT_DAYS}`)
      .describe(`Days for which the audit log keeps its records, ${LEAST_KEPT_DAYS} or more; 0: for ever`),
    AUDIT_PRUNE_MS: integer(100, 86_400_000, 3_600_000).describe('How often old records are looked for'),
    AUDIT_SWEEP_MS: integer(200, 600_000, 15_000).describe(
      'How often runs are looked for whose end was not seen, to complete them from the journal',
    ),
    AUDIT_COMPARE_MS: integer(200, 3_600_000, 60_000).describe(
      'How often the audit log is compared with the runs of the journal, for those of which the bus told nothing',
    ),
    AUDIT_COMPARE_AGE_MS: integer(0, 86_400_000, 300_000).describe('How old a run is when it is compared'),
  })
  .transform((env, context) => ({
    ...serviceSettings(env, context),
    database: databaseSettings(env, context),
    logTree:
      env.LOG_TREE_DIR === undefined || env.LOG_TREE_DIR === ''
        ? undefined
        : {
            dir: env.LOG_TREE_DIR,
            limits: { keepMs: env.LOG_TREE_KEEP_DAYS * DAY_MS, maxBytes: env.LOG_TREE_MAX_MB * 1_048_576 },
            pruneMs: env.LOG_TREE_PRUNE_MS,
          },
    retention: { keepDays: env.AUDIT_RETENTION_DAYS, pruneMs: env.AUDIT_PRUNE_MS },
    sweepMs: env.AUDIT_SWEEP_MS,
    comparison: { everyMs: env.AUDIT_COMPARE_MS, minAgeMs: env.AUDIT_COMPARE_AGE_MS },
  }));
export type AuditConfig = z.output<typeof Config>;
