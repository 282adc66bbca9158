import { describe, expect, it } from '@jest/globals';
import { type FactOf, isProgressType, type RunFact, type RunFactDraft } from '@switchyard/contracts';
import { accepted, acts, answer, at, completed, dispatching, planningStarted, started } from '@switchyard/testing';
import { fc } from '@switchyard/testing/property';
import { evolve, fold } from './evolve.ts';
import { foresee } from './foresee.ts';
import { sizeOf } from './history-size.ts';
import { summaryOf } from './planned.ts';
import { replay } from './replay.ts';
import { INITIAL, type RunState } from './state.ts';

const CONTEXT = { now: 1_000, epoch: 1, checkTask: () => null, announce: true };
const limited = (history: { max_events: number; max_bytes: number }): RunFact => {
  const fact = accepted({ budget: { ...BUDGET, max_steps: 1_000, max_iterations: 1_000 } });
  return { ...fact, data: { ...fact.data, history } } as RunFact;
};
const BUDGET = { max_steps: 10, max_iterations: 10, max_tokens: null, max_usd: null, max_seconds: null };

const written = (state: RunState, drafts: readonly RunFactDraft[]): RunState =>
  at({ seq: state.seq, epoch: 1 }, ...foresee(state, drafts, CONTEXT).facts).reduce(evolve, state);
const progress = (text: string): RunFactDraft => ({
  type: 'mcp.tool.search',
  data: { step_id: 'step-mcp-001', query: text, top_k: 1 },
});

/** As a planning is really recorded. */
function planned(n: number, id: string): RunFact {
  const fact = acts(n, [id]) as FactOf<'orchestrator.planning.completed'>;
  return { ...fact, data: { ...fact.data, ...summaryOf(fact.data.decision) } };
}

/** A run that calls one tool after the other until it is stopped, with much progress. */
function worked(history: { max_events: number; max_bytes: number }, text = 'x'): { state: RunState; facts: RunFact[] } {
  const facts: RunFact[] = [limited(history)];
  let state = fold(at({ seq: 0, epoch: 1 }, ...facts));
  const write = (...drafts: RunFactDraft[]) => {
    facts.push(...foresee(state, drafts, CONTEXT).facts);
    state = written(state, drafts);
  };
  write();
  for (let n = 1; state.phase !== 'ended' && n < 1_000; n += 1) {
    const id = `step-mcp-${String(n).padStart(3, '0')}`;
    write(planned(n, id));
    if (state.phase === 'acting') {
      const told = { ...progress(text), data: { step_id: id, query: text, top_k: 1 } } as RunFactDraft;
      write(told, told, told, completed(id));
    }
  }
  return { state, facts };
}

describe('a history that becomes too long', () => {
  it('ends the run soon after its limit of events, with a code and a sentence', () => {
    for (const max_events of [10, 50, 333]) {
      const { state } = worked({ max_events, max_bytes: 1e9 });
      expect(state.terminal).toMatchObject({ status: 'partial', error_code: 'history_full' });
      expect(state.terminal?.error).toContain('Start a new run');
      expect(state.seq).toBeGreaterThanOrEqual(max_events);
      expect(state.seq).toBeLessThan(max_events + 8);
    }
  });

  it('ends it soon after its limit of bytes', () => {
    const { state } = worked({ max_events: 1e6, max_bytes: 60_000 }, 'y'.repeat(1_000));
    expect(state.terminal).toMatchObject({ error_code: 'history_full' });
    expect(state.size).toBeLessThan(65_000);
  });

  it('gives up progress first', () => {
    const { facts } = worked({ max_events: 200, max_bytes: 1e9 });
    const last = facts.findLastIndex(({ type }) => isProgressType(type));
    expect(last).toBeGreaterThan(150);
    expect(last).toBeLessThanOrEqual(180);
  });

  it('is decided the same by whoever reads the journal later', () => {
    const { facts, state } = worked({ max_events: 60, max_bytes: 1e9 });
    const places = at({ seq: 0, epoch: 1 }, ...facts).map((event) => ({ ...event, ts: 1_000 }));
    expect(replay(places)).toMatchObject({ difference: null, confirmed: state.seq });
  });

  it('lets an answer that came in time stand', () => {
    const facts = [limited({ max_events: 5, max_bytes: 1e9 }), started(), planningStarted(1)];
    const state = fold(at({ seq: 0, epoch: 1 }, ...facts));
    expect(written(state, [answer(1, 'here'), answer(2, 'more')]).terminal).toMatchObject({ status: 'success' });
  });

  it('has no end where no limit was noted', () => {
    const facts = [accepted(), started(), planningStarted(1), acts(1, ['step-mcp-001']), dispatching('step-mcp-001')];
    const state = fold(at({ seq: 0, epoch: 1 }, ...facts));
    expect(written({ ...state, size: 1e12 }, [completed('step-mcp-001')]).phase).toBe('planning');
    expect(INITIAL.history).toBeNull();
  });
});

it('is about as long as JSON, and as long for a value of any depth', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const length = JSON.stringify(value).length;
      expect(sizeOf(value)).toBeLessThanOrEqual(length * 3 + 8);
      expect(sizeOf(value) * 8 + 16).toBeGreaterThanOrEqual(length);
    }),
  );
  let deep: unknown = 'x';
  for (let i = 0; i < 100_000; i += 1) deep = [deep];
  expect(sizeOf(deep)).toBeGreaterThan(100_000);
});
