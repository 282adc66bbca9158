import { describe, expect, it } from '@jest/globals';
import type { RunFact } from '@switchyard/contracts';
import { accepted, acts, at, dispatching, planningStarted, started } from '@switchyard/testing';
import { orchestrateDialect } from './orchestrate.ts';

const inDoubt: RunFact = {
  type: 'orchestrator.step.completed',
  data: {
    step_id: 'step-mcp-001',
    target: 'mcp',
    status: 'in_doubt',
    success: false,
    result: null,
    error: 'Whether its effect happened is not known.',
    error_code: 'tool_in_doubt',
    duration_ms: 1,
  },
};
const ended: RunFact = {
  type: 'orchestrator.task.completed',
  data: {
    status: 'partial',
    completion_reason: 'ok',
    answer: 'not sure',
    total_steps: 1,
    successful_steps: 0,
    failed_steps: 1,
    usage: { input_tokens: 0, output_tokens: 0 },
    error: null,
    error_code: null,
  },
};

describe('the orchestrate dialect', () => {
  it('says of a step in doubt that it is, beside the status that clients know', () => {
    const context = { runId: 'run-1', view: 'default', threadId: 't', profile: '1.0' } as Parameters<
      typeof orchestrateDialect.initial
    >[0];
    let state = orchestrateDialect.initial(context);
    const frames = at(
      { seq: 0, epoch: 1 },
      accepted(),
      started(),
      planningStarted(1),
      acts(1, ['step-mcp-001']),
      dispatching('step-mcp-001'),
      inDoubt,
      ended,
    ).flatMap((event) => {
      const projected = orchestrateDialect.project(state, event);
      state = projected.state;
      return projected.frames;
    });
    const of = (name: string) => frames.find(({ event }) => event === name)?.data;
    expect(of('orchestrator.step.completed')).toMatchObject({ status: 'failed', success: false, in_doubt: true });
    expect(of('response')).toMatchObject({ steps: [{ success: false, in_doubt: true }] });
  });
});
