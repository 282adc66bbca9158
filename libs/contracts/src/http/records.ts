import { z } from 'zod';
import { AuditRecord, LAST_INSTANT_MS } from '../runs/audit.ts';
import { BudgetScope } from '../runs/budgets.ts';
import { DeadLetter } from '../runs/dead-letters.ts';
import { EffectSettlement, EffectState } from '../tools/effects.ts';
import { page, PageCursor, text } from '../base/fields.ts';
import { Id, PublicRunId, RunId } from '../base/ids.ts';
import { StepResult } from '../steps/steps.ts';

/* Resources beside the runs: effects, the audit log, spending, dead letters. */

/** One effect of a tool, as GET /effects/{id} shows it. */
export const EffectResource = z.object({
  effect_id: Id,
  user_id: Id,
  run_id: PublicRunId.nullable(),
  step_id: Id.nullable(),
  tool: z.string(),
  kind: z.enum(['read', 'write', 'destructive']),
  idempotency: z.enum(['safe', 'key', 'none']),
  state: EffectState,
  arguments: z.unknown().describe('Without secrets, long texts cut'),
  result: StepResult.nullable(),
  attempts: z.number().int(),
  late: z.boolean().describe('An outcome came after the call was given up'),
  late_outcome: z.enum(['succeeded', 'failed']).nullable(),
  settled: z.object({ by: z.string(), at: z.number().int(), note: z.string() }).nullable(),
  created_at: z.number().int(),
  dispatched_at: z.number().int().nullable(),
  ended_at: z.number().int().nullable(),
});
export type EffectResource = z.infer<typeof EffectResource>;
export const EffectList = z.object({ effects: z.array(EffectResource), next_cursor: z.string().nullable() });
export type EffectList = z.infer<typeof EffectList>;
export const EffectParams = z.object({ id: Id });
/** Body of POST /effects/{id}/settle. */
export const EffectSettleBody = EffectSettlement;

export const EffectListQuery = z.object({
  state: EffectState.optional(),
  run_id: RunId.optional(),
  cursor: PageCursor,
  limit: page(100, 50),
});

export const AuditQuery = z.object({
  run_id: RunId.optional(),
  type: text(128).optional().describe('Exact type, or a prefix that ends in ".*"'),
  since: z.coerce.number().int().min(0).max(LAST_INSTANT_MS).optional().describe('Milliseconds since 1970'),
  until: z.coerce.number().int().min(0).max(LAST_INSTANT_MS).optional().describe('Milliseconds since 1970'),
  cursor: PageCursor,
  limit: page(500, 100),
});

/** One page of GET /audit, newest first. */
export const AuditPage = z.object({ records: z.array(AuditRecord), next_cursor: z.string().nullable() });
export type AuditPage = z.infer<typeof AuditPage>;

/** GET /budget */
export const BudgetAnswer = z.object({
  day: z.string().describe('UTC, YYYY-MM-DD'),
  resets_at: z.number().int().describe('Milliseconds since 1970'),
  user: BudgetScope,
  tenant: BudgetScope.nullable().describe('For admins, else null'),
});
export type BudgetAnswer = z.infer<typeof BudgetAnswer>;

export const DeadLetterQuery = z.object({ cursor: PageCursor, limit: page(200, 50) });

/** One page of GET /dead-letters, newest first. */
export const DeadLetterList = z.object({
  dead_letters: z.array(
    z.object({
      run_id: PublicRunId,
      user_id: Id,
      task: z.string(),
      reason: DeadLetter.shape.reason,
      error: z.string().nullable(),
      attempts: z.number().int(),
      at: z.number().int(),
      requeued_as: PublicRunId.nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
export type DeadLetterList = z.infer<typeof DeadLetterList>;

export const Requeued = z.object({
  run_id: PublicRunId,
  requeued_as: PublicRunId,
  created: z.boolean(),
  events_url: z.string(),
});
export type Requeued = z.infer<typeof Requeued>;
