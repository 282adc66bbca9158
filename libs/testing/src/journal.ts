import { ENGINE_VERSION, type RunEvent, type RunFact, type RunSpec } from '@switchyard/contracts';

/** Facts and journals for tests: short to write, complete in shape. */

export const RUN: RunSpec = {
  task: 'do it',
  thread_id: 'thread-1',
  principal: { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' },
  tool_constraints: { mode: 'auto', providers: [], tools: [] },
  budget: { max_steps: 10, max_iterations: null, max_tokens: null, max_usd: null, max_seconds: null },
  use_orchestrator: true,
  enable_reflection: false,
};

const usage = { input_tokens: 10, output_tokens: 5 };

export const accepted = (run: Partial<RunSpec> = {}): RunFact => ({
  type: 'orchestrator.run.accepted',
  data: { run: { ...RUN, ...run }, engine_version: ENGINE_VERSION },
});
export const started = (): RunFact => ({
  type: 'orchestrator.task.started',
  data: { request_id: 'run-1', task: 'do it', max_steps: 10, tenant_id: 'acme' },
});
export const planningStarted = (n: number): RunFact => ({
  type: 'orchestrator.planning.started',
  data: { step_number: n, last_failed: false },
});

function planned(
  n: number,
  data: Pick<
    Extract<RunFact, { type: 'orchestrator.planning.completed' }>['data'],
    'decision' | 'decision_type' | 'text'
  >,
): RunFact {
  return {
    type: 'orchestrator.planning.completed',
    data: { ...data, step_number: n, target: null, task_preview: '', model: 'm', usage, duration_ms: 1 },
  };
}

export const acts = (n: number, ids: readonly string[], order: 'parallel' | 'sequence' = 'parallel'): RunFact =>
  planned(n, {
    decision_type: 'next_step',
    text: '',
    decision: {
      kind: 'act',
      order,
      acts: ids.map((id) => ({
        step_id: id,
        tool_call_id: `call-${id}`,
        target: 'mcp',
        task: 't',
        tool: 'calculator',
        arguments: {},
      })),
    },
  });
export const answer = (n: number, text: string): RunFact =>
  planned(n, { decision_type: 'task_complete', text, decision: { kind: 'answer', text } });
export const failed = (n: number, code: string): RunFact =>
  planned(n, { decision_type: 'failed', text: '', decision: { kind: 'fail', code, message: 'no' } });

export const dispatching = (id: string, attempt = 1): RunFact => ({
  type: 'orchestrator.step.dispatching',
  data: { step_id: id, target: 'mcp', task: 't', attempt, tool_call_id: `call-${id}` },
});
export const completed = (id: string, success = true): RunFact => ({
  type: 'orchestrator.step.completed',
  data: {
    step_id: id,
    target: 'mcp',
    status: success ? 'completed' : 'failed',
    success,
    result: success ? 42 : null,
    error: success ? null : 'no',
    error_code: success ? null : 'tool_failed',
    duration_ms: 1,
  },
});

/** The facts in the places after `place`, under its epoch; a second apart, or all at `ts`. */
export function at(
  place: { readonly seq: number; readonly epoch: number; readonly ts?: number },
  ...facts: RunFact[]
): RunEvent[] {
  return facts.map((fact, index) => ({
    ...fact,
    runId: 'run-1',
    tenantId: 'acme',
    seq: place.seq + index + 1,
    epoch: place.epoch,
    stepId: null,
    ts: place.ts ?? 1_000 * (place.seq + index + 1),
  }));
}

export const journal = (...facts: RunFact[]): RunEvent[] => at({ seq: 0, epoch: 1 }, ...facts);
