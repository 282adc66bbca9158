import type { Call } from '@switchyard/bus';
import type { RunFactDraft, StepRequest, StepResult } from '@switchyard/contracts';
import { type Clock, withContext } from '@switchyard/platform';
import type { Executor } from './executor.ts';
import { type Registry, viewerOf, visibleTools } from './toolbox.ts';

/*
 * Performs a step of a run with a tool, telling what it does as facts in progress frames: the run's owner
 * appends them to the journal.
 */
export class StepAgent {
  constructor(private readonly parts: { registry: Registry; executor: Executor; clock: Clock }) {}

  perform(step: StepRequest, call: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const { runId, stepId } = step;
    return withContext({ runId, stepId, tenantId: step.principal.tenantId }, () => this.#perform(step, call));
  }

  async #perform(step: StepRequest, { signal, progress }: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const tell = (fact: RunFactDraft) => progress(fact);
    const { principal, toolConstraints } = step;
    const step_id = step.stepId;
    tell({
      type: 'mcp.task.started',
      data: { step_id, task: step.task, user_id: principal.userId, tool_constraints: toolConstraints },
    });
    const visible = visibleTools(this.parts.registry, viewerOf(principal, toolConstraints));
    const providers = [...new Set(visible.map((tool) => tool.provider))].sort();
    tell({ type: 'mcp.toolbox.generated', data: { step_id, tool_count: visible.length, providers, cache_hit: false } });

    const result = step.call ? await this.#call(step, step.call, signal, tell) : NEEDS_A_TOOL;
    const success = result.status === 'succeeded';
    tell({ type: 'mcp.task.completed', data: { step_id, success, ...outcome(result) } });
    return result;
  }

  async #call(
    step: StepRequest,
    { tool, arguments: params }: NonNullable<StepRequest['call']>,
    signal: AbortSignal,
    tell: (fact: RunFactDraft) => void,
  ): Promise<StepResult> {
    const { principal, toolConstraints: constraints, idempotencyKey, runId, stepId: step_id } = step;
    const chosen = visibleTools(this.parts.registry, viewerOf(principal, constraints)).find(
      (candidate) => candidate.name === tool,
    );
    if (chosen)
      tell({
        type: 'mcp.tool.selected',
        data: { step_id, tool, provider: chosen.provider, description: chosen.description },
      });
    const started = this.parts.clock.now();
    const result = await this.parts.executor.run({
      principal,
      constraints,
      tool,
      arguments: params,
      idempotencyKey,
      runId,
      signal,
    });
    const duration_ms = Math.max(0, this.parts.clock.now() - started);
    tell({
      type: 'mcp.tool.execution',
      data: { step_id, tool, params, success: result.status === 'succeeded', ...outcome(result), duration_ms },
    });
    return result;
  }
}

const NEEDS_A_TOOL: StepResult = {
  status: 'failed',
  code: 'invalid_input',
  message: 'A step for tools must name the tool to call.',
};

function outcome(result: StepResult): { result: unknown; error: string | null; error_code: string | null } {
  return result.status === 'succeeded'
    ? { result: result.output, error: null, error_code: null }
    : { result: null, error: result.message, error_code: result.code };
}
