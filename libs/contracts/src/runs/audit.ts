import { z } from 'zod';
import { request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';
import { CompletionReason, RunStatus } from '../steps/run-spec.ts';
import { RunPhase } from './runs.ts';

/** One row of the audit log. */
export const AuditRecord = z.object({
  id: z.string(),
  ts: z.number().int(),
  type: z.string(),
  source: z.string(),
  tenantId: Id.nullable(),
  userId: Id.nullable(),
  runId: RunId.nullable(),
  seq: z.number().int(),
  data: z.unknown(),
});
export type AuditRecord = z.infer<typeof AuditRecord>;

/** The last millisecond of the year 9999: dates that JavaScript, PostgreSQL and ISO 8601 all have. */
export const LAST_INSTANT_MS = 253_402_300_799_999;
const Instant = z.number().int().min(0).max(LAST_INSTANT_MS).describe('Milliseconds since 1970');

export const queryAudit = request({
  subject: 'rpc.audit.query',
  summary:
    'Search the audit log of this tenant, newest first. Users see their own; admin and auditor all; operators also what belongs to no tenant.',
  answeredBy: 'audit',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    scope: z
      .enum(['tenant', 'installation'])
      .optional()
      .describe('`installation`: what belongs to no tenant, for operators; absent: `tenant`'),
    runId: RunId.optional(),
    type: z.string().max(128).optional().describe('Exact type, or a prefix that ends in ".*"'),
    since: Instant.optional(),
    until: Instant.optional(),
    cursor: z.string().max(200).optional(),
    limit: z.number().int().min(1).max(500).default(100),
  }),
  output: z.object({ records: z.array(AuditRecord), nextCursor: z.string().nullable() }),
  timeoutMs: 10_000,
});

export const RunSummary = z.object({
  runId: RunId,
  threadId: Id,
  userId: Id,
  task: z.string().describe('First 500 characters'),
  phase: RunPhase,
  status: RunStatus.nullable(),
  completionReason: CompletionReason.nullable(),
  totalSteps: z.number().int(),
  createdAt: z.number().int(),
  endedAt: z.number().int().nullable(),
});
export type RunSummary = z.infer<typeof RunSummary>;

export const listRuns = request({
  subject: 'rpc.audit.runs',
  summary: 'List runs, newest first: a user its own, admin and auditor all of the tenant.',
  answeredBy: 'audit',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    threadId: Id.optional(),
    status: RunStatus.optional(),
    cursor: z.string().max(200).optional(),
    limit: z.number().int().min(1).max(200).default(50),
  }),
  output: z.object({ runs: z.array(RunSummary), nextCursor: z.string().nullable() }),
  timeoutMs: 5_000,
});
