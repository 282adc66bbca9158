import { describe, expect, it } from '@jest/globals';
import { parseFact, type RunFactDraft, type RunSpec } from '@switchyard/contracts';
import { foresee, INITIAL, type RunState, stepCompleted } from '@switchyard/run';
import { failedPlanning, planningFacts } from './decide.ts';
import { createGuardrail } from './guardrail.ts';
import { acceptedRun, committed, CONTEXT, NO_RULES } from '../orchestrator.fixture.ts';

const TOOLBOX = {
  tools: [
    {
      name: 'calculator',
      description: '',
      provider: 'math',
      inputSchema: {},
      kind: 'read' as const,
      idempotency: 'safe' as const,
    },
  ],
  agents: [],
};
const usage = { input_tokens: 1, output_tokens: 1 };
const answered = (
  state: RunState,
  text: string,
  calls: { id: string; name: string; arguments: string }[] = [],
  keywords: string[] = [],
) =>
  planningFacts(state, TOOLBOX, createGuardrail(keywords), {
    stepNumber: 1,
    answer: { text, calls, usage, model: 'm' },
    messageId: 'msg-1-1',
    durationMs: 1,
    rules: NO_RULES,
  });
const types = (facts: readonly RunFactDraft[]) => facts.map((fact) => fact.type.replace('orchestrator.', ''));
const begun = (run: Partial<RunSpec> = {}) => committed(INITIAL, [parseFact(acceptedRun(run))!]);
const planning = () => committed(begun(), foresee(begun(), [], CONTEXT).facts);

describe('foresee', () => {
  it('appends the start and the first announcement together', () => {
    expect(types(foresee(begun(), [], CONTEXT).facts)).toEqual(['task.started', 'planning.started']);
  });

  it('announces the steps that the model asked for together with its decision', () => {
    const state = planning();
    const { facts } = foresee(state, answered(state, '', [{ id: 'a', name: 'calculator', arguments: '{}' }]), CONTEXT);
    expect(types(facts)).toEqual(['planning.completed', 'step.dispatching']);
  });

  it('fails a call that cannot be performed at once and plans again', () => {
    const state = planning();
    const { facts } = foresee(state, answered(state, '', [{ id: 'a', name: 'nope', arguments: '{' }]), CONTEXT);
    expect(types(facts)).toEqual(['planning.completed', 'step.dispatching', 'step.completed', 'planning.started']);
  });

  it('commits the answer, its message and the terminal event together', () => {
    const state = planning();
    expect(types(foresee(state, answered(state, 'hello'), CONTEXT).facts)).toEqual([
      'planning.completed',
      'message.completed',
      'task.completed',
    ]);
  });

  it('ends a run whose planning failed with the code of the failure', () => {
    const { facts } = foresee(planning(), [failedPlanning(1, 'm', 'model_unavailable', 'gone', 1)], CONTEXT);
    expect(facts.at(-1)).toMatchObject({
      type: 'orchestrator.task.completed',
      data: { status: 'failed', error_code: 'model_unavailable' },
    });
  });

  it('refuses a task with a disallowed keyword before the model is asked', () => {
    const { facts } = foresee(begun(), [], { ...CONTEXT, checkTask: () => 'keyword 1' });
    expect(types(facts)).toEqual(['task.started', 'guardrail.violated', 'task.completed']);
    expect(facts.at(-1)).toMatchObject({ data: { error_code: 'guardrail_blocked' } });
  });

  it('never writes a withheld text into the journal', () => {
    const state = planning();
    const { facts } = foresee(
      state,
      answered(state, 'the secret is 42', [{ id: 'a', name: 'calculator', arguments: '{"secret":1}' }], ['secret']),
      CONTEXT,
    );
    expect(types(facts)).toEqual(['planning.completed', 'guardrail.violated', 'task.completed']);
    expect(JSON.stringify(facts)).not.toContain('secret');
  });

  it('ends in cancelled together with the request, whatever is under way', () => {
    const { facts } = foresee(
      planning(),
      [{ type: 'orchestrator.cancel.requested', data: { by: 'u1', reason: '' } }],
      CONTEXT,
    );
    expect(facts.at(-1)).toMatchObject({ data: { status: 'cancelled', completion_reason: 'cancelled' } });
  });

  it('hands the whole task to the computer-use agent where no planner is wanted', () => {
    const { facts } = foresee(begun({ use_orchestrator: false }), [], CONTEXT);
    expect(facts.at(-1)).toMatchObject({
      type: 'orchestrator.step.dispatching',
      data: { target: 'computer_use', step_id: 'step-cu-001' },
    });
  });

  it('lets through only what the machine accepts, and says what it refused', () => {
    const stray = stepCompleted(
      { step_id: 'step-mcp-009', tool_call_id: 'x', target: 'mcp', task: '' },
      { status: 'succeeded', output: 1 },
      1,
    );
    const { facts, refused } = foresee(planning(), [stray], CONTEXT);
    expect(facts).toEqual([]);
    expect(refused).toMatchObject([{ type: 'orchestrator.step.completed', reason: 'this step is not open' }]);
  });

  it('announces nothing new while the run is on its way to another replica', () => {
    expect(foresee(begun(), [], { ...CONTEXT, announce: false }).facts).toEqual([]);
  });
});
