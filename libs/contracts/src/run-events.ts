import { z } from 'zod';
import { event } from './define.ts';
import { Id } from './ids.ts';
import { Role } from './principal.ts';
import { CompletionReason, Decision, HistoryLimits, RunSpec, RunStatus } from './run-spec.ts';
import { Usage } from './usage.ts';
import { Provenance, StepTarget, ToolConstraints } from './steps.ts';

/*
 * Every fact about a run. The type is <agent>.<noun>.<verb>; it is the CloudEvents `type` and the last three
 * tokens of the subject run.<tenant>.<runId>.<type>. The fields of `data` carry the names that HTTP clients
 * know (snake_case), so that one vocabulary serves the journal, the bus and the streams.
 * Adding a fact: one member here; the compiler then lists what must treat it.
 */

const stepId = { step_id: Id };
const failure = { error: z.string().nullable().default(null), error_code: z.string().max(64).nullable().default(null) };

export const RUN_EVENTS = [
  event(
    'orchestrator.run.accepted',
    'A run was accepted; it will reach exactly one terminal event.',
    z.object({ run: RunSpec, engine_version: z.number().int(), history: HistoryLimits.optional() }),
  ),
  event(
    'orchestrator.task.started',
    'Work on the run began.',
    z.object({ request_id: Id, task: z.string(), max_steps: z.number().int(), tenant_id: Id }),
  ),
  event(
    'orchestrator.planning.started',
    'The planner was asked what to do next.',
    z.object({ step_number: z.number().int(), last_failed: z.boolean() }),
  ),
  event(
    'orchestrator.planning.completed',
    'The planner decided.',
    z.object({
      step_number: z.number().int(),
      decision_type: z.enum(['next_step', 'task_complete', 'failed']),
      target: StepTarget.nullable().default(null),
      task_preview: z.string(),
      decision: Decision,
      /** What the model said beside its tool calls. */
      text: z.string().default(''),
      model: z.string(),
      usage: Usage,
      duration_ms: z.number().int().nonnegative(),
      /** Digest of what the model was asked, as far as that comes from the journal; a replay compares it. */
      prompt_sha256: z.string().max(64).optional(),
    }),
  ),
  event(
    'orchestrator.step.dispatching',
    'A step is about to leave for its worker.',
    z.object({
      ...stepId,
      target: StepTarget,
      task: z.string(),
      attempt: z.number().int().min(1),
      tool_call_id: z.string(),
      tool: z.string().optional(),
      arguments: z.record(z.string(), z.unknown()).optional(),
      agent: z.string().optional(),
    }),
  ),
  event(
    'orchestrator.step.completed',
    'A step has its outcome. `in_doubt`: whether its effect happened is not known.',
    z.object({
      ...stepId,
      target: StepTarget,
      status: z.enum(['completed', 'failed', 'in_doubt']),
      success: z.boolean(),
      result: z.unknown(),
      ...failure,
      duration_ms: z.number().int().nonnegative(),
      /** Set where the outcome is the words of a stranger. */
      provenance: Provenance.optional(),
      /** What its worker used of the language model. */
      usage: Usage.optional(),
    }),
  ),
  event(
    'orchestrator.message.completed',
    'A finished message of the assistant.',
    z.object({ message_id: Id, role: z.literal('assistant'), text: z.string(), final: z.boolean() }),
  ),
  event(
    'orchestrator.guardrail.violated',
    'A guardrail withheld a text.',
    z.object({ where: z.enum(['task', 'output']), rule: z.string(), message: z.string() }),
  ),
  event(
    'orchestrator.budget.exceeded',
    'A limit was reached: of the run, or of its user or tenant for this day.',
    z.object({
      scope: z.enum(['run', 'user', 'tenant']).default('run'),
      kind: z.enum(['steps', 'iterations', 'tokens', 'usd', 'seconds']),
      limit: z.number(),
      used: z.number(),
    }),
  ),
  event(
    'orchestrator.cancel.requested',
    'Somebody asked to stop the run.',
    z.object({ by: z.string(), reason: z.string() }),
  ),
  event(
    'orchestrator.approval.requested',
    'A person must decide before the run goes on.',
    z.object({
      /** Unique within the run. */
      approval_id: Id,
      /** `approval`: may this call be performed? `question`: what is the answer? `budget`: may the run go on? */
      kind: z.enum(['approval', 'question', 'budget']).default('approval'),
      step_id: Id.nullable().default(null),
      tool_call_id: z.string().optional(),
      question: z.string(),
      tool: z.string().optional(),
      arguments: z.record(z.string(), z.unknown()).optional(),
      /** Milliseconds since 1970. */
      expires_at: z.number().int(),
      /** The role that whoever answers needs; absent: the owner of the run may. */
      required_role: Role.optional(),
    }),
  ),
  event(
    'orchestrator.approval.decided',
    'A person decided.',
    z.object({
      approval_id: Id,
      step_id: Id.nullable().default(null),
      decision: z.enum(['approve', 'deny', 'answer', 'expired']),
      by: z.string(),
      /** The arguments to use instead; for a budget `{limit}`, the new limit. */
      arguments: z.record(z.string(), z.unknown()).optional(),
      text: z.string().optional(),
    }),
  ),
  event(
    'orchestrator.task.completed',
    'The run has ended. Exactly one per run; nothing comes after it.',
    z.object({
      status: RunStatus,
      completion_reason: CompletionReason,
      answer: z.string().nullable(),
      total_steps: z.number().int(),
      successful_steps: z.number().int(),
      failed_steps: z.number().int(),
      usage: Usage,
      ...failure,
    }),
  ),

  event(
    'mcp.task.started',
    'The tool agent took a step.',
    z.object({ ...stepId, task: z.string(), user_id: Id, tool_constraints: ToolConstraints }),
  ),
  event(
    'mcp.toolbox.generated',
    'The tools that this step may use.',
    z.object({ ...stepId, tool_count: z.number().int(), providers: z.array(z.string()), cache_hit: z.boolean() }),
  ),
  event(
    'mcp.tool.search',
    'The tool agent searched its toolbox.',
    z.object({ ...stepId, query: z.string(), top_k: z.number().int() }),
  ),
  event(
    'mcp.tool.selected',
    'A tool was chosen.',
    z.object({ ...stepId, tool: z.string(), provider: z.string(), description: z.string() }),
  ),
  event(
    'mcp.tool.execution',
    'A tool ran.',
    z.object({
      ...stepId,
      tool: z.string(),
      params: z.record(z.string(), z.unknown()),
      success: z.boolean(),
      result: z.unknown(),
      ...failure,
      duration_ms: z.number().int().nonnegative(),
    }),
  ),
  event(
    'mcp.task.completed',
    'The tool agent finished its step.',
    z.object({ ...stepId, success: z.boolean(), result: z.unknown(), ...failure }),
  ),

  event(
    'a2a.delegation.started',
    'A task was handed to another agent.',
    z.object({ ...stepId, agent: z.string(), task: z.string() }),
  ),
  event(
    'a2a.delegation.completed',
    'The other agent finished.',
    z.object({
      ...stepId,
      agent: z.string(),
      result: z.unknown(),
      remote_task_id: z.string().nullable().default(null),
    }),
  ),
  event('a2a.delegation.failed', 'The delegation failed.', z.object({ ...stepId, agent: z.string(), ...failure })),

  event(
    'computer_use.task.started',
    'The computer-use agent took a step.',
    z.object({ ...stepId, task: z.string(), controller: z.unknown() }),
  ),
  event(
    'computer_use.task.completed',
    'The computer-use agent finished its step.',
    z.object({ ...stepId, success: z.boolean(), result: z.unknown() }),
  ),
  event(
    'worker.step.started',
    'A turn of the computer-use worker began.',
    z.object({ step: z.number().int(), turn_count: z.number().int(), max_steps: z.number().int() }),
  ),
  event(
    'worker.step.completed',
    'A turn of the computer-use worker ended.',
    z.object({ step: z.number().int(), plan: z.string(), has_reflection: z.boolean(), action_type: z.string() }),
  ),
  event(
    'worker.reflection.started',
    'The worker looks back at its last turn.',
    z.object({ step: z.number().int(), has_prior_reflection: z.boolean() }),
  ),
  event('code_agent.session.started', 'A code session began.', z.object({ task: z.string(), budget: z.number() })),
  event(
    'code_agent.session.completed',
    'A code session ended.',
    z.object({
      completion_reason: z.enum(['DONE', 'MAX_STEPS_REACHED', 'ERROR']),
      steps_executed: z.number().int(),
      summary: z.string(),
    }),
  ),
  event(
    'code_agent.step.started',
    'A step of a code session began.',
    z.object({ step: z.number().int(), budget_remaining: z.number() }),
  ),
  event(
    'grounding.generate_coords.started',
    'A place on the screen is looked for.',
    z.object({ ref_expr: z.string() }),
  ),
  event(
    'grounding.generate_coords.completed',
    'A place on the screen was found.',
    z.object({ ref_expr: z.string(), coords: z.array(z.number()).length(2), method: z.string() }),
  ),
  event(
    'grounding.code_agent.started',
    'Text on the screen is looked for with code.',
    z.object({ ref_expr: z.string() }),
  ),
] as const;

type Member<E> = E extends { type: infer T extends string; data: infer D extends z.ZodType }
  ? { type: T; data: z.output<D> }
  : never;

/** What happened, without the place in the journal: `{type, data}`. */
export type RunFact = Member<(typeof RUN_EVENTS)[number]>;
export type RunEventType = RunFact['type'];
export type FactOf<T extends RunEventType> = Extract<RunFact, { type: T }>;
/** A fact with its data as a writer may leave it: fields with a default may be missing. */
type Draft<E> = E extends { type: infer T extends string; data: infer D extends z.ZodType }
  ? { type: T; data: z.input<D> }
  : never;
export type RunFactDraft = Draft<(typeof RUN_EVENTS)[number]>;

/** A fact in its place. `seq` counts from 1 without a hole; `epoch` is the fence under which it was written. */
export type RunEvent = RunFact & RunEventPlace;

export const RunEventPlace = z.object({
  runId: Id,
  tenantId: Id,
  seq: z.number().int().min(1),
  epoch: z.number().int().min(0),
  stepId: Id.nullable(),
  /** Milliseconds since 1970, by the database's clock. */
  ts: z.number().int(),
});
export type RunEventPlace = z.infer<typeof RunEventPlace>;

const BY_TYPE: ReadonlyMap<string, (typeof RUN_EVENTS)[number]> = new Map(RUN_EVENTS.map((e) => [e.type, e]));

export function isRunEventType(value: string): value is RunEventType {
  return BY_TYPE.has(value);
}

/** Parses `{type, data}`; answers undefined where the type is unknown or the data does not fit. */
export function parseFact(value: unknown): RunFact | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, data } = value as { type?: unknown; data?: unknown };
  const contract = typeof type === 'string' ? BY_TYPE.get(type) : undefined;
  const parsed = contract?.data.safeParse(data);
  // The pair was checked member by member; TypeScript cannot follow the lookup.
  return contract && parsed?.success ? ({ type: contract.type, data: parsed.data } as RunFact) : undefined;
}

/** Parses `{...place, type, data}`; answers undefined for anything else. */
export function parseRunEvent(value: unknown): RunEvent | undefined {
  const place = RunEventPlace.safeParse(value);
  const fact = parseFact(value);
  return place.success && fact ? { ...place.data, ...fact } : undefined;
}

export const RunEventSchema = z.custom<RunEvent>((value) => parseRunEvent(value) !== undefined, 'expected a run event');

/** The facts that a worker may report in progress frames; the run's owner appends them. */
export function isProgressType(type: RunEventType): boolean {
  return !type.startsWith('orchestrator.');
}

export const TERMINAL_TYPE = 'orchestrator.task.completed' satisfies RunEventType;
