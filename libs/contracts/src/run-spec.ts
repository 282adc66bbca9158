import { z } from 'zod';
import { Id } from './ids.ts';
import { Principal } from './principal.ts';
import { StepTarget, ToolConstraints } from './steps.ts';

/** What a run is asked to do, within which limits, and what its planner may decide. */

export const Usage = z.object({
  input_tokens: z.number().int().nonnegative(),
  output_tokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

/** Limits of one run. `null` is "no limit of this kind". */
export const Budget = z.object({
  max_steps: z.number().int().min(1).max(1_000).default(10),
  /** How often the planner may be asked; null: the deployment's MAX_ITERATIONS_PER_TURN. */
  max_iterations: z.number().int().min(1).max(1_000).nullable().default(null),
  max_tokens: z.number().int().positive().nullable().default(null),
  max_usd: z.number().positive().nullable().default(null),
  max_seconds: z.number().positive().nullable().default(null),
});
export type Budget = z.infer<typeof Budget>;

/** One thing the planner asked for. `invalid` is set where it cannot be performed; it then fails as an answer. */
export const PlannedAct = z.object({
  step_id: Id,
  tool_call_id: z.string().min(1).max(128),
  target: StepTarget,
  task: z.string(),
  tool: z.string().max(128).optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  agent: z.string().max(128).optional(),
  invalid: z.object({ code: z.string().max(64), message: z.string().max(4_000) }).optional(),
});
export type PlannedAct = z.infer<typeof PlannedAct>;

/** What one planning decided: acts to perform (together or in order), the answer, or that it cannot go on. */
export const Decision = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('act'),
    order: z.enum(['parallel', 'sequence']),
    acts: z.array(PlannedAct).min(1).max(64),
  }),
  z.object({ kind: z.literal('answer'), text: z.string() }),
  z.object({ kind: z.literal('fail'), code: z.string().max(64), message: z.string().max(4_000) }),
]);
export type Decision = z.infer<typeof Decision>;

export const RUN_STATUSES = ['success', 'partial', 'failed', 'cancelled'] as const;
export const RunStatus = z.enum(RUN_STATUSES);
export type RunStatus = z.infer<typeof RunStatus>;

export const COMPLETION_REASONS = [
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
  enable_reflection: z.boolean().default(false),
  /** Earlier turns that the client itself sent (AG-UI), oldest first; used instead of the stored thread. */
  history: z
    .array(z.object({ role: z.enum(['user', 'assistant']), text: z.string() }))
    .max(1_000)
    .optional(),
});
export type RunSpec = z.infer<typeof RunSpec>;
