import type { Call } from '@switchyard/bus';
import type { RunFactDraft, StepRequest, StepResult } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';
import type { AgentCall, AgentContext } from './calls.ts';
import { boundArguments } from '../tool/index.ts';
import type { Executor } from '../calls/index.ts';
import type { ToolAgent } from './tool-agent.ts';
import type { Toolbox } from '../catalog/index.ts';

/*
 * Performs a step of a run: with the tool that it names or, for a task in words, as the tool agent. It reports its
 * actions as facts in progress frames, which the run's owner appends to the journal.
 */
export class StepAgent {
  readonly #parts: {
    readonly toolbox: Toolbox;
    readonly executor: Executor;
    readonly toolAgent: ToolAgent;
    readonly clock: Clock;
  };

  constructor(parts: {
    readonly toolbox: Toolbox;
    readonly executor: Executor;
    readonly toolAgent: ToolAgent;
    readonly clock: Clock;
  }) {
    this.#parts = parts;
  }

  async perform(step: StepRequest, { signal, progress }: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const tell = (fact: RunFactDraft) => progress(fact);
    const { stepId: step_id, task, principal, toolConstraints } = step;
    tell({
      type: 'mcp.task.started',
      data: { step_id, task, user_id: principal.userId, tool_constraints: toolConstraints },
    });
    const { tools: visible, cacheHit } = await this.#parts.toolbox.listed(principal, toolConstraints);
    const providers = [...new Set(visible.map((tool) => tool.provider))].sort();
    tell({
      type: 'mcp.toolbox.generated',
      data: { step_id, tool_count: visible.length, providers, cache_hit: cacheHit },
    });

    const context = { visible, signal, tell };
    const result = step.call
      ? await this.#call(step, callOf(step, step.call), context)
      : await this.#parts.toolAgent.perform(step, { ...context, call: (call) => this.#call(step, call, context) });
    tell({ type: 'mcp.task.completed', data: { step_id, ...outcome(result) } });
    return result;
  }

  async #call(
    step: StepRequest,
    { tool: named, arguments: given, idempotencyKey, approval, toolCallId }: AgentCall & Pick<StepRequest, 'approval'>,
    { visible, signal, tell }: Omit<AgentContext, 'call'>,
  ): Promise<StepResult> {
    const { principal, toolConstraints: constraints, runId, stepId } = step;
    const chosen = visible.find(({ name, aliases }) => name === named || aliases?.includes(named) === true);
    const tool = chosen?.name ?? named;
    if (chosen) {
      const { provider, description } = chosen;
      tell({ type: 'mcp.tool.selected', data: { step_id: stepId, tool, provider, description } });
    }
    const started = this.#parts.clock.now();
    let whole: unknown;
    const record = (output: unknown): void => void (whole = output);
    const about = { principal, constraints, runId, stepId, toolCallId, approval, signal, record };
    const result = await this.#parts.executor.run({ ...about, tool, arguments: given, idempotencyKey });
    const duration_ms = Math.max(0, this.#parts.clock.now() - started);
    tell({
      type: 'mcp.tool.execution',
      data: { step_id: stepId, tool, params: boundArguments(given), ...outcome(result, whole), duration_ms },
    });
    return result;
  }
}

function callOf(
  { idempotencyKey, approval, toolCallId }: StepRequest,
  call: NonNullable<StepRequest['call']>,
): AgentCall & Pick<StepRequest, 'approval'> {
  return { ...call, idempotencyKey, approval, toolCallId };
}

/** `whole`: the output, if the result holds only its beginning. */
function outcome(result: StepResult, whole?: unknown) {
  return result.status === 'succeeded'
    ? { success: true, result: whole ?? result.output, error: null, error_code: null }
    : { success: false, result: null, error: result.message, error_code: result.code };
}
