import { z } from 'zod';
import { Id } from '../base/ids.ts';
import { Principal } from '../base/principal.ts';
import { StepTarget, ToolConstraints } from './steps.ts';

/** The specification of a run: its task, its limits, and the planner's possible decisions. */

/**
 * Opaque text of a model server about one call; it goes back with the call in each later turn.
 * Gemini 3 refuses a conversation without it: https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export const CallSignature = z.string().min(1).max(32_768);

/** Limits of one run. `null` is "no limit of this kind". */
export const Budget = z.object({
  max_steps: z.number().int().min(1).max(1_000).default(10),
  /** The most plannings; null: the deployment's MAX_ITERATIONS_PER_TURN. */
  max_iterations: z.number().int().min(1).max(1_000).nullable().default(null),
  max_tokens: z.number().int().positive().nullable().default(null),
  max_usd: z.number().positive().nullable().default(null),
  /** Wall time; the time in which the run waits for a person does not count. */
  max_seconds: z.number().positive().nullable().default(null),
  /**
   * What follows when a limit is reached. `finish`: one last answer from what is known, where the limit leaves room
   * for it; `fail`: the run ends at once; `ask`: the run pauses until a person raises the limit or declines.
   * Absent: `ask` for an interactive run, else `finish`.
   */
  on_exceeded: z.enum(['ask', 'finish', 'fail']).optional(),
});
export type Budget = z.infer<typeof Budget>;

/**
 * One thing the planner asked for. `invalid` is set where it cannot be performed; it then fails as an answer.
 * `approval` is set where a person must decide first, or, with the target `user`, give the answer.
 */
export const PlannedAct = z.object({
  step_id: Id,
  tool_call_id: z.string().min(1).max(128),
  target: StepTarget,
  task: z.string(),
  tool: z.string().max(128).optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  agent: z.string().max(128).optional(),
  invalid: z.object({ code: z.string().max(64), message: z.string().max(4_000) }).optional(),
  /** An opaque value that the model server expects back (`ModelCall.signature`). */
  signature: CallSignature.optional(),
  approval: z.object({ question: z.string().max(4_000), timeout_seconds: z.number().int().positive() }).optional(),
});
export type PlannedAct = z.infer<typeof PlannedAct>;

/** The decision of one planning: acts to perform (in parallel or in order), the answer, or a failure. */
export const Decision = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('act'),
    order: z.enum(['parallel', 'sequence']),
    acts: z.array(PlannedAct).min(1).max(64),
  }),
  z.object({ kind: z.literal('answer'), text: z.string() }),
  z.object({
    kind: z.literal('fail'),
    code: z.string().max(64),
    message: z.string().max(4_000),
    retry_after_ms: z.number().int().nonnegative().optional(),
  }),
]);
export type Decision = z.infer<typeof Decision>;

const RUN_STATUSES = ['success', 'partial', 'failed', 'cancelled'] as const;
export const RunStatus = z.enum(RUN_STATUSES);
export type RunStatus = z.infer<typeof RunStatus>;

const COMPLETION_REASONS = [
  'ok',
  'no_steps',
  'max_steps_reached',
  'error',
  'cancelled',
  'budget_exceeded',
  'clean_exit',
] as const;
export const CompletionReason = z.enum(COMPLETION_REASONS);
export type CompletionReason = z.infer<typeof CompletionReason>;

/** Longest time that a question to a person stays open. */
export const MAX_APPROVAL_SECONDS = 30 * 86_400;

/** Which calls need a person's approval, beside those of tools that always do. */
export const ApprovalPolicy = z.object({
  tools: z
    .array(z.string().min(1).max(128))
    .max(256)
    .default([])
    .describe('Names of tools; "name*", "provider:<name>" and "kind:write" or "kind:destructive" match several'),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(MAX_APPROVAL_SECONDS)
    .optional()
    .describe("How long a question stays open; absent: the deployment's APPROVAL_TIMEOUT_SECONDS"),
});
export type ApprovalPolicy = z.infer<typeof ApprovalPolicy>;

/** The policy for a run without watching clients. */
export const OnDisconnect = z
  .string()
  .regex(/^(continue|cancel|grace:[1-9][0-9]{0,4})$/, 'expected "continue", "cancel" or "grace:<seconds>"')
  .describe('`continue` (default), `cancel`, or `grace:<seconds>`: cancelled when nobody came back in time');

/** How long a run continues without watching clients, in ms; null: to its end. */
export function graceMsOf(onDisconnect: string | undefined): number | null {
  if (onDisconnect === undefined || onDisconnect === 'continue') return null;
  return onDisconnect === 'cancel' ? 0 : Number(onDisconnect.slice('grace:'.length)) * 1_000;
}

/** The policy for a new run while another of the same thread is open. */
export const ThreadConcurrency = z.enum(['reject', 'queue', 'cancel_previous']);
export type ThreadConcurrency = z.infer<typeof ThreadConcurrency>;

/** The limits of a run's history, as the deployment set them at its acceptance. */
export const HistoryLimits = z.object({
  max_events: z.number().int().positive(),
  /** About the length of all its events as JSON. */
  max_bytes: z.number().int().positive(),
});
export type HistoryLimits = z.infer<typeof HistoryLimits>;

/** Characters of the schemas and descriptions of all tools of one client. */
export const MAX_CLIENT_TOOLS_CHARS = 64_000;
/** Characters of all that a client tells beside the conversation. */
export const MAX_CONTEXT_CHARS = 32_000;
/** Characters of all images of a task, as data URLs: with the rest of the run they fit one message. */
export const MAX_IMAGES_CHARS = 512_000;
export const MAX_IMAGES = 8;

/** A tool that the client itself performs: a call of it pauses the run until the client brings the result. */
export const ClientTool = z.object({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  description: z.string().max(MAX_CLIENT_TOOLS_CHARS),
  /** JSON Schema of the arguments; absent: an object with anything in it. */
  parameters: z.record(z.string(), z.unknown()).optional(),
});
export type ClientTool = z.infer<typeof ClientTool>;

/** Everything that a run was accepted with; nothing about it is decided later. */
export const RunSpec = z.object({
  task: z.string().min(1).max(200_000),
  thread_id: Id,
  principal: Principal,
  tool_constraints: ToolConstraints.prefault({}),
  budget: Budget.prefault({}),
  /** The model to plan with; absent: the deployment's default. */
  engine: z.string().max(128).optional(),
  /** `false` hands the whole task to the computer-use agent as one step. */
  use_orchestrator: z.boolean().default(true),
  /** The computer-use agent looks back at each turn before it plans the next. */
  enable_reflection: z.boolean().default(true),
  /** The planner may ask the person a question and wait for the answer. */
  interactive: z.boolean().optional(),
  approvals: ApprovalPolicy.optional(),
  on_disconnect: OnDisconnect.optional(),
  thread_concurrency: ThreadConcurrency.optional(),
  /** Earlier turns that the client itself sent (AG-UI), oldest first; used instead of the stored thread. */
  history: z
    .array(z.object({ role: z.enum(['user', 'assistant']), text: z.string() }))
    .max(1_000)
    .optional(),
  client_tools: z.array(ClientTool).max(64).optional(),
  /** The client's context. Data for the planner, never instructions. */
  context: z
    .array(z.object({ description: z.string().max(MAX_CONTEXT_CHARS), value: z.string().max(MAX_CONTEXT_CHARS) }))
    .max(64)
    .optional(),
  /** Images that belong to the task: https addresses and data URLs. */
  images: z
    .array(z.object({ url: z.string().max(MAX_IMAGES_CHARS) }))
    .max(MAX_IMAGES)
    .optional(),
});
export type RunSpec = z.infer<typeof RunSpec>;
