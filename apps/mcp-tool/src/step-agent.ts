import type { Call } from '@switchyard/bus';
import type { RunFactDraft, StepRequest, StepResult } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';
import { boundArguments } from './bound-output.ts';
import type { Executor } from './executor.ts';
import type { Tool } from './tool.ts';
import type { Toolbox } from './toolbox.ts';

/*
 * Performs a step of a run with a tool, telling what it does as facts in progress frames: the run's owner
 * appends them to the journal.
 */
export class StepAgent {
  constructor(private readonly parts: { toolbox: Toolbox; executor: Executor; clock: Clock }) {}

  async perform(step: StepRequest, { signal, progress }: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const tell = (fact: RunFactDraft) => progress(fact);
    const { stepId: step_id, task, principal, toolConstraints } = step;
    tell({
      type: 'mcp.task.started',
      data: { step_id, task, user_id: principal.userId, tool_constraints: toolConstraints },
    });
    const visible = await this.parts.toolbox.list(principal, toolConstraints);
    const providers = [...new Set(visible.map((tool) => tool.provider))].sort();
    tell({ type: 'mcp.toolbox.generated', data: { step_id, tool_count: visible.length, providers, cache_hit: false } });

    const result = step.call ? await this.#call(step, step.call, visible, signal, tell) : NEEDS_A_TOOL;
    tell({ type: 'mcp.task.completed', data: { step_id, ...outcome(result) } });
    return result;
  }

  async #call(
    step: StepRequest,
    { tool, arguments: given }: NonNullable<StepRequest['call']>,
    visible: readonly Tool[],
    signal: AbortSignal,
    tell: (fact: RunFactDraft) => void,
  ): Promise<StepResult> {
    const { principal, toolConstraints: constraints, idempotencyKey, runId, stepId } = step;
    const chosen = visible.find(({ name }) => name === tool);
    if (chosen) {
      const { provider, description } = chosen;
      tell({ type: 'mcp.tool.selected', data: { step_id: stepId, tool, provider, description } });
    }
    const started = this.parts.clock.now();
    const { approval } = step;
    const call = { principal, constraints, tool, arguments: given, idempotencyKey, runId, stepId, approval, signal };
    const result = await this.parts.executor.run(call);
    const duration_ms = Math.max(0, this.parts.clock.now() - started);
    tell({
      type: 'mcp.tool.execution',
      data: { step_id: stepId, tool, params: boundArguments(given), ...outcome(result), duration_ms },
    });
    return result;
  }
}

const NEEDS_A_TOOL: StepResult = {
  status: 'failed',
  code: 'invalid_input',
  message: 'A step for tools must name the tool to call.',
};

function outcome(result: StepResult) {
  return result.status === 'succeeded'
    ? { success: true, result: result.output, error: null, error_code: null }
    : { success: false, result: null, error: result.message, error_code: result.code };
}
