import { describe, expect, it } from '@jest/globals';
import { type RunEvent, TERMINAL_TYPE } from '@switchyard/contracts';
import { accepted, acts, at, completed, dispatching, journal, planningStarted, started } from '@switchyard/testing';
import { GOLDEN } from './golden.fixture.ts';
import { factStepId, fold, giveUp, replay } from './index.ts';

const [one, two, three] = ['step-mcp-001', 'step-mcp-002', 'step-mcp-003'] as const;
const head = [accepted(), started(), planningStarted(1)];

/** The events of a run that was given up after these facts. */
function ended(before: readonly RunEvent[]): { last: readonly RunEvent[]; whole: readonly RunEvent[] } {
  const state = fold(before);
  const { runId, tenantId, lastTs: ts } = state;
  const last = at(state, ...giveUp(state, 'given up', 7)).map((event) => ({
    ...event,
    runId,
    tenantId,
    ts,
    epoch: 7,
    stepId: factStepId(event),
  }));
  return { last, whole: [...before, ...last] };
}

describe('a run that is given up', () => {
  it('leaves no dispatched step without an outcome, and counts them', () => {
    const { last, whole } = ended(
      journal(
        ...head,
        acts(1, [one, two, three]),
        dispatching(one),
        dispatching(two),
        dispatching(three),
        completed(two),
      ),
    );
    expect(last.map(({ type, stepId }) => [type, stepId])).toEqual([
      ['orchestrator.step.completed', one],
      ['orchestrator.step.completed', three],
      [TERMINAL_TYPE, null],
    ]);
    expect(last[0]?.data).toMatchObject({ status: 'in_doubt', error_code: 'tool_in_doubt', success: false });
    const counts = { total_steps: 3, successful_steps: 1, failed_steps: 2 };
    expect(last.at(-1)?.data).toMatchObject({ status: 'failed', error_code: 'poisoned', ...counts });
    expect(fold(whole)).toMatchObject({ phase: 'ended', seq: whole.length });
  });

  it('says nothing of a step that was planned and never dispatched', () => {
    const { last } = ended(journal(...head, acts(1, [one, two], 'sequence'), dispatching(one)));
    expect(last.map(({ stepId }) => stepId)).toEqual([one, null]);
  });

  it('ends at once where nothing was under way', () => {
    for (const facts of [[accepted()], head, [...head, acts(1, [one])]])
      expect(ended(journal(...facts)).last).toHaveLength(1);
  });

  it('is replayed as it was decided', () => {
    const { events } = GOLDEN.find(({ name }) => name.endsWith('two-tools-at-once'))!;
    const begun = events.slice(
      0,
      events.findIndex(({ type }) => type === 'orchestrator.step.completed'),
    );
    const { whole } = ended(begun);
    expect(replay(whole)).toMatchObject({ difference: null, confirmed: whole.length, ended: true });
  });
});
