import { z } from 'zod';
import { AuditRecord } from './audit.ts';
import { BudgetScope } from './budgets.ts';
import { DeadLetter } from './dead-letters.ts';
import { EffectSettlement, EffectState } from './effects.ts';
import { ERROR_CODES } from './errors.ts';
import { Id, RunId, ThreadId } from './ids.ts';
import { ApprovalPolicy, Budget, CompletionReason, OnDisconnect, RunStatus, ThreadConcurrency } from './run-spec.ts';
import { Usage } from './usage.ts';
import { ApprovalDecision, OpenApproval, RunPhase, StepSummary } from './runs.ts';
import { StepResult, ToolConstraints } from './steps.ts';

/*
 * What HTTP clients send and get. Field names are the ones they have always spoken (snake_case); unknown
 * fields are ignored, so that old and new clients may send more than this version knows.
 */

const text = (max: number) => z.string().max(max);

/** Body of POST /orchestrate, POST /orchestrate/stream and POST /runs. `null` means "not given" throughout. */
export const OrchestrateRequest = z.object({
  task: text(200_000)
    .refine((task) => task.trim() !== '', 'expected a task in words')
    .describe('What is to be done, in words'),
  worker: z
    .object({
      max_steps: z.number().int().min(1).max(1_000).nullish(),
      enable_reflection: z.boolean().nullish(),
      engine: text(128).nullish().describe('Model to plan with'),
    })
    .nullish(),
  grounding: z.object({ base_url: text(2_000).nullish(), api_key: text(2_000).nullish() }).nullish(),
  controller: z.object({ host: text(255).nullish(), port: z.number().int().min(0).max(65_535).nullish() }).nullish(),
  tool_constraints: z
    .object({
      mode: z.enum(['auto', 'custom']).nullish(),
      providers: ToolConstraints.shape.providers.unwrap().nullish(),
      tools: ToolConstraints.shape.tools.unwrap().nullish(),
    })
    .nullish()
    .describe('Which tools the run may see; a custom list that names nothing allows nothing'),
  budget: z
    .object({
      max_steps: Budget.shape.max_steps.unwrap().nullish(),
      max_iterations: Budget.shape.max_iterations.unwrap().nullish(),
      max_tokens: Budget.shape.max_tokens.unwrap().nullish(),
      max_usd: Budget.shape.max_usd.unwrap().nullish(),
      max_seconds: Budget.shape.max_seconds.unwrap().nullish(),
      on_exceeded: Budget.shape.on_exceeded.unwrap().nullish(),
    })
    .nullish(),
  interactive: z.boolean().nullish().describe('A person is there: the planner may ask, and limits may be raised'),
  approvals: ApprovalPolicy.nullish().describe('Which calls a person must approve, beside those that always need it'),
  on_disconnect: OnDisconnect.nullish(),
  thread_concurrency: ThreadConcurrency.nullish().describe(
    'What becomes of this run while another of the same thread is under way',
  ),
  tenant: z
    .object({ tenant_id: text(256).nullish(), user_id: text(256).nullish() })
    .nullish()
    .describe('Honoured only where the identity does not come from a token'),
  thread_id: ThreadId.nullish().describe('The conversation that this run continues'),
  run_id: RunId.nullish().describe('Made by the client; the same id with the same body attaches'),
});
export type OrchestrateRequest = z.infer<typeof OrchestrateRequest>;

export const ANSWER_STATUSES = ['success', 'partial', 'failed'] as const;

/** Answer of POST /orchestrate, and the `response` event of the stream. A cancelled run is `failed`, `cancelled`. */
export const OrchestrateAnswer = z.object({
  task: z.string(),
  status: z.enum(ANSWER_STATUSES),
  completion_reason: CompletionReason,
  steps: z.array(StepSummary),
  run_id: RunId,
  answer: z.string().nullable(),
});
export type OrchestrateAnswer = z.infer<typeof OrchestrateAnswer>;

/** Answer 202 of POST /orchestrate: the run waits for a person, and goes on when the questions are answered. */
export const WaitingAnswer = z.object({
  run_id: RunId,
  status: z.literal('waiting'),
  approvals: z.array(OpenApproval),
  events_url: z.string(),
});
export type WaitingAnswer = z.infer<typeof WaitingAnswer>;

/** Answer 202 of POST /runs. */
export const RunStarted = z.object({
  run_id: RunId,
  thread_id: ThreadId,
  status: RunPhase,
  events_url: z.string(),
});
export type RunStarted = z.infer<typeof RunStarted>;

/** One run as GET /runs/{id} shows it. Times in ms since 1970. */
export const RunResource = z.object({
  run_id: RunId,
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
  steps: z.array(StepSummary),
  usage: Usage,
  approvals: z.array(OpenApproval).describe('Questions that the run waits for'),
  events_url: z.string(),
});
export type RunResource = z.infer<typeof RunResource>;

/** One page of GET /runs, newest first. */
export const RunList = z.object({
  runs: z.array(
    z.object({
      run_id: RunId,
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

/** Body of POST /runs/{id}/approvals/{approvalId}. */
export const ApprovalBody = ApprovalDecision;
export const ApprovalParams = z.object({ id: RunId, approvalId: Id });
export const ApprovalAnswer = z.object({
  run_id: RunId,
  approval_id: Id,
  phase: RunPhase,
  accepted: z.boolean(),
});
export type ApprovalAnswer = z.infer<typeof ApprovalAnswer>;

/** One effect of a tool, as GET /effects/{id} shows it. */
export const EffectResource = z.object({
  effect_id: Id,
  user_id: Id,
  run_id: Id.nullable(),
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

export const CancelAnswer = z.object({ run_id: RunId, phase: RunPhase, accepted: z.boolean() });
export type CancelAnswer = z.infer<typeof CancelAnswer>;

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

/** One page of GET /dead-letters, newest first. */
export const DeadLetterList = z.object({
  dead_letters: z.array(
    z.object({
      run_id: RunId,
      user_id: Id,
      task: z.string(),
      reason: DeadLetter.shape.reason,
      error: z.string().nullable(),
      attempts: z.number().int(),
      at: z.number().int(),
      requeued_as: RunId.nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
});
export type DeadLetterList = z.infer<typeof DeadLetterList>;

export const Requeued = z.object({
  run_id: RunId,
  requeued_as: RunId,
  created: z.boolean(),
  events_url: z.string(),
});
export type Requeued = z.infer<typeof Requeued>;

/** Every error body: RFC 9457 with our `code`. `detail` is also what old clients read. */
export const Problem = z.object({
  type: z.string().describe('urn:switchyard:problem:<code>'),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES) as [keyof typeof ERROR_CODES]),
  details: z.array(z.string()).optional().describe('Places in the request that are wrong'),
  run_id: z.string().optional().describe('The run that the error is about'),
  snapshot_url: z.string().optional().describe('With history_expired: where the run can still be read'),
});
export type Problem = z.infer<typeof Problem>;

/** GET /config: defaults, never a secret. */
export const ConfigAnswer = z.object({
  controller: z.object({ host: z.string(), port: z.number().int() }),
  worker: z.object({ max_steps: z.number().int(), enable_reflection: z.boolean(), engine: z.string() }),
  grounding: z.object({ base_url: z.string().nullable(), api_key: z.null() }),
});
export type ConfigAnswer = z.infer<typeof ConfigAnswer>;

export const Health = z.object({ status: z.literal('ok') });
export const Readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), required: z.boolean(), detail: z.string().optional() })),
});
export type Readiness = z.infer<typeof Readiness>;

/** The small JSON view of GET /metrics-debug. Latencies in milliseconds. */
export const MetricsDebug = z.object({
  requests: z.number().int(),
  errors: z.number().int(),
  latencies: z.object({
    count: z.number().int(),
    mean_ms: z.number(),
    p50_ms: z.number(),
    p95_ms: z.number(),
    max_ms: z.number(),
  }),
  routes: z.record(z.string(), z.object({ requests: z.number().int(), errors: z.number().int(), mean_ms: z.number() })),
});
export type MetricsDebug = z.infer<typeof MetricsDebug>;

const MAX_AG_UI_MESSAGES = 5_000;

/**
 * Body of POST /ag-ui: the official RunAgentInput, with limits of our own on ids and counts. Only what a run is
 * made from is looked at; every other known field must have its type, and unknown fields are ignored.
 */
export const AgUiInput = z.object({
  threadId: ThreadId,
  runId: RunId,
  protocolVersion: text(32).optional(),
  parentRunId: text(256).optional(),
  messages: z
    .array(
      z.looseObject({
        id: text(256),
        role: text(32),
        content: z.unknown().optional().describe('Text, or content parts of which the text is used'),
      }),
    )
    .max(MAX_AG_UI_MESSAGES),
  state: z.unknown().optional(),
  tools: z
    .array(z.looseObject({ name: text(256) }))
    .max(1_024)
    .optional(),
  context: z.array(z.unknown()).max(1_024).optional(),
  resume: z
    .array(
      z.object({
        interruptId: text(256),
        status: z.enum(['resolved', 'cancelled']),
        payload: z.unknown().optional(),
        metadata: z.unknown().optional(),
      }),
    )
    .max(256)
    .optional()
    .describe('Answers to the interrupts of an earlier run of this thread'),
  forwardedProps: z
    .looseObject({
      tool_constraints: OrchestrateRequest.shape.tool_constraints,
      budget: OrchestrateRequest.shape.budget,
      interactive: OrchestrateRequest.shape.interactive,
      approvals: OrchestrateRequest.shape.approvals,
      on_disconnect: OrchestrateRequest.shape.on_disconnect,
      thread_concurrency: OrchestrateRequest.shape.thread_concurrency,
    })
    .optional()
    .describe(
      'The fields named here mean what they mean in POST /orchestrate; thread_concurrency is `reject` if absent',
    ),
});
export type AgUiInput = z.infer<typeof AgUiInput>;

export const DIALECTS = ['orchestrate', 'ag-ui', 'legacy', 'raw'] as const;
export const DialectName = z.enum(DIALECTS);
export type DialectName = z.infer<typeof DialectName>;

const page = (max: number, fallback: number) => z.coerce.number().int().min(1).max(max).default(fallback);
const view = z
  .enum(['default', 'all'])
  .default('default')
  .describe('`all` adds the events outside the documented table');

export const StreamViewQuery = z.object({ view });
export const StreamTaskQuery = z.object({
  task: OrchestrateRequest.shape.task,
  run_id: RunId.optional(),
  thread_id: ThreadId.optional(),
  on_disconnect: OnDisconnect.optional(),
  view,
});
export const DEFAULT_USER_MESSAGE = 'What is the weather like in London?';
export const AgUiEventsQuery = z.object({
  user_message: OrchestrateRequest.shape.task.default(DEFAULT_USER_MESSAGE),
  on_disconnect: OnDisconnect.optional(),
});
export const RunParams = z.object({ id: RunId });
export const RunEventsQuery = z.object({
  after: text(128).optional().describe('A cursor <runId>:<seq>, or the bare number'),
  dialect: DialectName.default('orchestrate'),
  view,
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
export const RunListQuery = z.object({
  thread_id: ThreadId.optional(),
  status: RunStatus.optional(),
  cursor: text(200).optional(),
  limit: page(200, 50),
});
export const DeadLetterQuery = z.object({ cursor: text(200).optional(), limit: page(200, 50) });
export const EffectListQuery = z.object({
  state: EffectState.optional(),
  run_id: RunId.optional(),
  cursor: text(200).optional(),
  limit: page(100, 50),
});
export const AuditQuery = z.object({
  run_id: RunId.optional(),
  type: text(128).optional().describe('Exact type, or a prefix that ends in ".*"'),
  since: z.coerce.number().int().optional().describe('Milliseconds since 1970'),
  until: z.coerce.number().int().optional().describe('Milliseconds since 1970'),
  cursor: text(200).optional(),
  limit: page(500, 100),
});
export const CancelBody = z.object({ reason: text(500).optional() });

/** OAuth protected resource metadata (RFC 9728). */
export const ProtectedResource = z.object({
  resource: z.url(),
  authorization_servers: z.array(z.string()),
  bearer_methods_supported: z.array(z.string()),
  resource_name: z.string(),
});
export type ProtectedResource = z.infer<typeof ProtectedResource>;
