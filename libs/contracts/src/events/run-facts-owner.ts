import { z } from 'zod';
import { event } from '../base/define.ts';
import { Id } from '../base/ids.ts';
import { Role } from '../base/principal.ts';
import { failure, stepId, Traceparent } from './run-fact-fields.ts';
import { CompletionReason, Decision, HistoryLimits, RunSpec, RunStatus } from '../steps/run-spec.ts';
import { Provenance, StepTarget } from '../steps/steps.ts';
import { FinishReason, Usage } from '../base/usage.ts';

/* The facts that a run's owner decides and writes itself: `orchestrator.<noun>.<verb>`. */

export const OWNER_FACTS = [
  event(
    'orchestrator.run.accepted',
    'A run was accepted; it will reach exactly one terminal event.',
    z.object({
      run: RunSpec,
      engine_version: z.number().int(),
      history: HistoryLimits.optional(),
      /** The W3C trace context that it was accepted in; who goes on with the run later links its trace to it. */
      traceparent: Traceparent.optional(),
    }),
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
      /** The model's text beside its tool calls. */
      text: z.string().default(''),
      model: z.string(),
      usage: Usage,
      duration_ms: z.number().int().nonnegative(),
      finish_reason: FinishReason.optional(),
      /** Digest of what the model was asked, as far as that comes from the journal; a replay compares it. */
      prompt_sha256: z.string().max(64).optional(),
    }),
  ),
  event(
    'orchestrator.model.waiting',
    'The model server asked to wait; the run goes on after that.',
    z.object({
      step_number: z.number().int(),
      /** 1: after the first request was refused. */
      attempt: z.number().int().min(1),
      wait_ms: z.number().int().nonnegative(),
      message: z.string(),
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
      /** Set if the outcome is untrusted content. */
      provenance: Provenance.optional(),
      /** The worker's usage of the language model. */
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
    'A guardrail withheld a text. What it withholds of a result ends no run: the planner is told, and goes on.',
    z.object({
      where: z.enum(['task', 'output', 'tool_result', 'agent_result']),
      rule: z.string(),
      message: z.string(),
      /** The step whose result it was. */
      step_id: Id.optional(),
    }),
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
      /** The role that an answer requires; absent: the owner of the run may answer. */
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
      finish_reason: FinishReason.optional().describe('Why the answer is not whole; absent: it is'),
      ...failure,
      retry_after_ms: z.number().int().nonnegative().optional().describe('The pause that the model server asks for'),
    }),
  ),
] as const;
