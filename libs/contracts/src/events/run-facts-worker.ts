import { z } from 'zod';
import { event } from '../base/define.ts';
import { Id } from '../base/ids.ts';
import { failure, stepId } from './run-fact-fields.ts';
import { ToolConstraints } from '../steps/steps.ts';

/*
 * The facts that a worker reports in its progress frames, and the run's owner appends: every type that does not
 * begin with `orchestrator.`.
 */

export const WORKER_FACTS = [
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
    'computer_use.session.opened',
    'A screen was opened for the step.',
    z.object({
      ...stepId,
      backend: z.string(),
      session: z.enum(['sealed', 'open']),
      width: z.number().int(),
      height: z.number().int(),
    }),
  ),
  event(
    'computer_use.action.performed',
    'The hands acted on the screen.',
    z.object({
      ...stepId,
      step: z.number().int(),
      action: z.string(),
      /** How the place was found; null where the action has none. */
      method: z.string().nullable(),
      changed: z.boolean(),
      duration_ms: z.number().int().nonnegative(),
      /** The screen after it; the picture itself is fetched by its hash. */
      frame: z.object({ sha256: z.string(), width: z.number().int(), height: z.number().int() }),
    }),
  ),
  event(
    'computer_use.session.closed',
    'The screen of the step was closed.',
    z.object({ ...stepId, turns: z.number().int(), reason: z.string() }),
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
  event(
    'worker.reflection.completed',
    'The worker judged its last turn.',
    z.object({ step: z.number().int(), verdict: z.enum(['on_plan', 'off_plan', 'done']), reason: z.string() }),
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
    'The code agent was given a part of the task.',
    z.object({ ref_expr: z.string() }),
  ),
] as const;
