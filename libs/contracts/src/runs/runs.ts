import { z } from 'zod';
import { ASK_AGAIN_MS, request } from '../base/define.ts';
import { Id, RunId, ThreadId } from '../base/ids.ts';
import { Principal, Role } from '../base/principal.ts';
import { RunEventSchema } from '../events/run-events.ts';
import { CompletionReason, RunSpec, RunStatus } from '../steps/run-spec.ts';
import { FinishReason, Usage } from '../base/usage.ts';

const RUN_PHASES = ['queued', 'running', 'waiting', 'ended'] as const;
export const RunPhase = z.enum(RUN_PHASES);

/** One step as the answer of a run shows it. */
export const StepSummary = z.object({
  step_id: Id,
  target: z.string(),
  task: z.string(),
  result: z.unknown(),
  success: z.boolean(),
  error: z.string().nullable(),
  in_doubt: z.literal(true).optional().describe('Whether its effect happened is not known; see GET /effects'),
});
export type StepSummary = z.infer<typeof StepSummary>;

/** A question that waits for a person. */
export const OpenApproval = z.object({
  approval_id: Id,
  kind: z.enum(['approval', 'question', 'budget']),
  step_id: Id.nullable(),
  tool_call_id: z.string().optional(),
  question: z.string(),
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  expires_at: z.number().int(),
  required_role: Role.optional(),
});
export type OpenApproval = z.infer<typeof OpenApproval>;

/** The public view of a run. `status` and the fields after it are null until the run has ended. */
export const RunView = z.object({
  runId: RunId,
  threadId: ThreadId,
  tenantId: Id,
  userId: Id,
  task: z.string(),
  phase: RunPhase,
  lastSeq: z.number().int(),
  createdAt: z.number().int(),
  endedAt: z.number().int().nullable(),
  status: RunStatus.nullable(),
  completionReason: CompletionReason.nullable(),
  answer: z.string().nullable(),
  error: z.string().nullable(),
  errorCode: z.string().nullable(),
  finishReason: FinishReason.optional(),
  retryAfterMs: z.number().int().nonnegative().optional(),
  steps: z.array(StepSummary),
  usage: Usage,
  /** The questions that the run waits for, oldest first. */
  approvals: z.array(OpenApproval).default([]),
});
export type RunView = z.infer<typeof RunView>;

export const startRun = request({
  subject: 'rpc.runs.start',
  summary: 'Accept a run. The answer comes after the commit: from then on the run is not lost.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway'],
  input: z.object({
    runId: RunId,
    run: RunSpec,
    /** Unique per tenant and user. The same key with the same request attaches; with another it is a conflict. */
    idempotencyKey: z.string().min(1).max(256),
  }),
  output: z.object({
    /** The run that serves this request: the one just made, or the earlier one with the same key. */
    runId: RunId,
    created: z.boolean(),
    lastSeq: z.number().int(),
    ended: z.boolean(),
  }),
  timeoutMs: 10_000,
});

export const getRun = request({
  subject: 'rpc.runs.get',
  summary: 'Read one run of this tenant.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'audit', 'operator'],
  input: z.object({ principal: Principal, runId: RunId }),
  output: RunView,
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

export const MAX_EVENTS_PAGE = 500;

export const readRunEvents = request({
  subject: 'rpc.runs.events',
  summary: 'Read the journal of a run after a sequence number, in order. Holes in a stream are filled with it.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'audit', 'operator'],
  input: z.object({
    principal: Principal,
    runId: RunId,
    after: z.number().int().min(0).default(0),
    limit: z.number().int().min(1).max(MAX_EVENTS_PAGE).default(200),
  }),
  output: z.object({
    events: z.array(RunEventSchema),
    lastSeq: z.number().int(),
    ended: z.boolean(),
    /** The oldest sequence number still kept. */
    firstSeq: z.number().int(),
    /** The run that the asked id means: what its events are published under. */
    runId: RunId.optional(),
  }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

const MAX_ACCEPTED_PAGE = 500;

export const listAcceptedRuns = request({
  subject: 'rpc.runs.accepted',
  summary:
    'List the ids of the runs of all tenants in the order of their acceptance; audit compares its log with them.',
  answeredBy: 'orchestrator',
  askedBy: ['audit'],
  input: z.object({
    /** The place after which the list begins: a time in ms since 1970, and the id of a run accepted then. */
    acceptedAt: z.number().int().min(0).max(8_640_000_000_000_000),
    runId: z.union([z.literal(''), RunId]),
    /** Runs that were accepted less than this ago are left out. */
    minAgeMs: z.number().int().min(0).max(86_400_000),
    limit: z.number().int().min(1).max(MAX_ACCEPTED_PAGE).default(MAX_ACCEPTED_PAGE),
  }),
  output: z.object({ runs: z.array(z.object({ runId: RunId, tenantId: Id, acceptedAt: z.number().int() })) }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

export const cancelRun = request({
  subject: 'rpc.runs.cancel',
  summary: 'Ask a run to stop. Idempotent; an ended run stays as it is.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, runId: RunId, reason: z.string().max(500).default('asked by the caller') }),
  output: z.object({ runId: RunId, phase: RunPhase, accepted: z.boolean() }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

/** The duration of one `rpc.runs.watch`, beside the grace of the run; it is renewed several times within it. */
export const WATCH_MS = 5_000;

export const watchRun = request({
  subject: 'rpc.runs.watch',
  summary: 'Say that somebody watches a run whose `on_disconnect` is not `continue`. Holds for a time, by its clock.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway'],
  input: z.object({
    principal: Principal,
    runId: RunId,
    /** How long the run continues from now on without a renewal. */
    forMs: z.number().int().min(1).max(200_000_000),
  }),
  output: z.object({ runId: RunId, watched: z.boolean() }),
  timeoutMs: 2_000,
});

/** The longest answer to a question, and the longest result of a tool that a client performs. */
export const MAX_ANSWER_CHARS = 20_000;

/** A person's decision: `answer` carries a text, the others may. */
export const ApprovalDecision = z
  .object({
    decision: z.enum(['approve', 'deny', 'answer']),
    arguments: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('With `approve`: the arguments to use instead; for a budget {"limit": n}'),
    text: z
      .string()
      .min(1)
      .max(MAX_ANSWER_CHARS)
      .optional()
      .describe('The answer, or a remark that the planner is given'),
  })
  .refine(({ decision, text }) => decision !== 'answer' || text !== undefined, {
    path: ['text'],
    message: 'an answer needs a text',
  });
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

export const decideApproval = request({
  subject: 'rpc.runs.decide',
  summary: 'Answer a question of a waiting run. The first answer stands; the same one again is accepted again.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, runId: RunId, approvalId: Id, answer: ApprovalDecision }),
  output: z.object({ runId: RunId, approvalId: Id, phase: RunPhase, accepted: z.boolean() }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

/** One finished turn of a conversation. */
export const ThreadTurn = z.object({
  runId: RunId,
  task: z.string(),
  answer: z.string().nullable(),
  status: RunStatus,
  createdAt: z.number().int(),
});
export type ThreadTurn = z.infer<typeof ThreadTurn>;

export const getThread = request({
  subject: 'rpc.threads.get',
  summary: 'Read the turns of a conversation of this user, oldest first.',
  answeredBy: 'orchestrator',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, threadId: ThreadId, limit: z.number().int().min(1).max(200).default(50) }),
  output: z.object({ threadId: ThreadId, turns: z.array(ThreadTurn) }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});
