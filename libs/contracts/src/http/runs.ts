import { z } from 'zod';
import { page, PageCursor, text } from '../base/fields.ts';
import { EventsView, Notices } from './fields.ts';
import { Id, PublicRunId, RunId, ThreadId } from '../base/ids.ts';
import { CompletionReason, RunStatus } from '../steps/run-spec.ts';
import { ApprovalDecision, OpenApproval, RunPhase, StepSummary } from '../runs/runs.ts';
import { FinishReason, Usage } from '../base/usage.ts';

/* Runs as resources: started, listed, followed, cancelled, answered. */

export const RunParams = z.object({ id: RunId });

/** Answer 202 of POST /runs. */
export const RunStarted = z.object({
  run_id: PublicRunId,
  thread_id: ThreadId,
  status: RunPhase,
  events_url: z.string(),
  notices: Notices,
});
export type RunStarted = z.infer<typeof RunStarted>;

/** One run as GET /runs/{id} shows it. Times in ms since 1970. */
export const RunResource = z.object({
  run_id: PublicRunId,
  thread_id: ThreadId,
  tenant_id: Id,
  user_id: Id,
  task: z.string(),
  phase: RunPhase,
  last_seq: z.number().int(),
  created_at: z.number().int(),
  ended_at: z.number().int().nullable(),
  status: RunStatus.nullable(),
  completion_reason: CompletionReason.nullable(),
  answer: z.string().nullable(),
  error: z.string().nullable(),
  error_code: z.string().nullable(),
  finish_reason: FinishReason.optional().describe('Why the answer is not whole; absent: it is'),
  retry_after_ms: z.number().int().optional().describe('The pause that the model server asks for'),
  steps: z.array(StepSummary),
  usage: Usage,
  approvals: z.array(OpenApproval).describe('Questions that the run waits for'),
  events_url: z.string(),
});
export type RunResource = z.infer<typeof RunResource>;

export const RunListQuery = z.object({
  thread_id: ThreadId.optional(),
  status: RunStatus.optional(),
  cursor: PageCursor,
  limit: page(200, 50),
});

/** One page of GET /runs, newest first. */
export const RunList = z.object({
  runs: z.array(
    z.object({
      run_id: PublicRunId,
      thread_id: ThreadId,
      user_id: Id,
      task: z.string(),
      phase: RunPhase,
      status: RunStatus.nullable(),
      completion_reason: CompletionReason.nullable(),
      total_steps: z.number().int(),
      created_at: z.number().int(),
      ended_at: z.number().int().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
export type RunList = z.infer<typeof RunList>;

export const DIALECTS = ['orchestrate', 'ag-ui', 'legacy', 'raw', 'a2a'] as const;
export const DialectName = z.enum(DIALECTS);
export type DialectName = z.infer<typeof DialectName>;

export const RunEventsQuery = z.object({
  after: text(128).optional().describe('A cursor <runId>:<seq>, or the bare number'),
  dialect: DialectName.default('orchestrate'),
  view: EventsView,
  mode: z
    .enum(['tail', 'snapshot'])
    .default('tail')
    .describe(
      '`tail`: the events after the cursor, byte for byte as an unbroken stream has them. `snapshot` (ag-ui): for a client that starts empty, first where the run stands, then the rest',
    ),
  live: z
    .enum(['true', 'false'])
    .optional()
    .describe('Text while the model speaks, which no cursor covers; if absent, all but an ag-ui tail show it'),
});
export type RunEventsQuery = z.output<typeof RunEventsQuery>;

export const CancelBody = z.object({ reason: text(500).optional() });

export const CancelAnswer = z.object({ run_id: PublicRunId, phase: RunPhase, accepted: z.boolean() });
export type CancelAnswer = z.infer<typeof CancelAnswer>;

/** Body of POST /runs/{id}/approvals/{approvalId}. */
export const ApprovalBody = ApprovalDecision;
export const ApprovalParams = z.object({ id: RunId, approvalId: Id });
export const ApprovalAnswer = z.object({
  run_id: PublicRunId,
  approval_id: Id,
  phase: RunPhase,
  accepted: z.boolean(),
});
export type ApprovalAnswer = z.infer<typeof ApprovalAnswer>;
