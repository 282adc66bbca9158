import { describe, expect, it } from '@jest/globals';
import { parseFact, type RunFactDraft, type RunSpec, TERMINAL_TYPE, type ToolInfo } from '@switchyard/contracts';
import {
  dispatching,
  fold,
  foresee,
  INITIAL,
  limitOf,
  next,
  openAsks,
  type RunState,
  stepCompleted,
  type StepOutcome,
  toMessages,
} from '@switchyard/run';
import { fc } from '@switchyard/testing/property';
import type { RunInput } from '@switchyard/store';
import type { ApprovalRules } from './planner/approvals.ts';
import { failedPlanning, planningFacts } from './planning/decide.ts';
import type { ModelCall, Toolbox } from './planner/functions.ts';
import { createGuardrail } from './planning/guardrail.ts';
import { inputFacts } from './execution/inputs.ts';
import { acceptedRun, committed, CONTEXT, RUN } from './orchestrator.fixture.ts';

/*
 * Whole runs as the loop plays them, without I/O: what the model says, in which order steps come back, who cancels
 * and which limit is hit are up to chance.
 */

const tool = (name: string): ToolInfo => ({
  name,
  description: '',
  provider: 'p',
  inputSchema: {},
  kind: 'read',
  idempotency: 'safe',
});
const TOOLBOX: Toolbox = {
  tools: [tool('calculator'), tool('get_weather')],
  agents: [{ id: 'mock', name: 'Mock', description: '', skills: [], reachable: true, target: 'a2a' }],
};
/** The weather needs an approval, and the planner may ask. */
const RULES: ApprovalRules = { tools: ['get_weather'], timeoutSeconds: 3_600, interactive: true };
const GUARDRAIL = createGuardrail(['forbidden']);

const json = (value: fc.Arbitrary<unknown>) => value.map((item) => JSON.stringify(item) ?? '');
const step = fc.oneof(
  fc.constant({ tool: 'calculator', arguments: {} }),
  fc.constant({ agent: 'mock', task: 'do' }),
  fc.constant({ tool: 'nope' }),
  fc.constant({}),
);
const call: fc.Arbitrary<ModelCall> = fc.record({
  id: fc.constantFrom('a', 'b', 'call_1', 'x'.repeat(100), '#'),
  name: fc.oneof(
    fc.constantFrom(
      'calculator',
      'get_weather',
      'delegate_to_mock',
      'delegate_to_',
      'submit_plan',
      'ask_user',
      'nope',
      '',
    ),
    fc.string({ maxLength: 300 }),
  ),
  arguments: fc.oneof(
    fc.constantFrom(
      '',
      '{}',
      '{"task":"do"}',
      '{"question":"which?"}',
      '{',
      '[]',
      'null',
      '{"__proto__":1}',
      '{"x":"forbidden"}',
    ),
    json(fc.record({ steps: fc.array(step, { maxLength: 70 }) })),
    json(fc.object({ maxDepth: 2 })),
  ),
});
const say = fc.record({
  text: fc.oneof(fc.constantFrom('', ' ', 'hello', 'a forbidden thing'), fc.string({ unit: 'binary', maxLength: 300 })),
  calls: fc.oneof(
    { maxDepth: 1 },
    fc.constant([]),
    fc.array(call, { minLength: 1, maxLength: 4 }),
    fc.array(call, { maxLength: 80 }),
  ),
  tokens: fc.nat(50),
});
const outcome: fc.Arbitrary<StepOutcome> = fc.oneof(
  fc.anything().map((output): StepOutcome => ({ status: 'succeeded', output })),
  fc
    .constantFrom('failed' as const, 'in_doubt' as const)
    .map((status): StepOutcome => ({ status, code: 'tool_failed', message: 'no' })),
);
/** What happens at one turn of the loop; what does not fit the moment is left out. */
const move = fc.record({
  say,
  outcome,
  /** Which of the open steps comes back. */
  which: fc.nat(100),
  waitMs: fc.oneof({ weight: 20, arbitrary: fc.nat(500) }, { weight: 1, arbitrary: fc.constant(60_000) }),
  event: fc.oneof(
    { weight: 30, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constant('cancel' as const) },
    { weight: 2, arbitrary: fc.constant('planning fails' as const) },
    { weight: 3, arbitrary: fc.constant('lost and dispatched again' as const) },
    { weight: 3, arbitrary: fc.constant('another owner' as const) },
    { weight: 2, arbitrary: fc.constant('a stray fact' as const) },
  ),
  answer: fc.constantFrom('approve', 'deny', 'answer', 'nobody', 'unknown'),
});
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;
const limits = fc.record({
  max_steps: fc.integer({ min: 1, max: 12 }),
  max_iterations: fc.integer({ min: 1, max: 8 }),
  max_tokens: fc.option(fc.integer({ min: 1, max: 300 })),
  max_usd: fc.constant(null),
  max_seconds: fc.option(fc.integer({ min: 1, max: 30 })),
  on_exceeded: fc.constantFrom('ask' as const, 'finish' as const, 'fail' as const),
});

const STRAY: readonly RunFactDraft[] = [
  stepCompleted(
    { step_id: 'step-mcp-099', tool_call_id: 'x', target: 'mcp', task: '' },
    { status: 'succeeded', output: 1 },
    0,
  ),
  dispatching({ step_id: 'step-mcp-099', tool_call_id: 'x', target: 'mcp', task: '' }, 1),
  { type: 'orchestrator.task.started', data: { request_id: 'r', task: 't', max_steps: 1, tenant_id: 't' } },
];

/** Plays a run until it ends; at the latest when the moves are used up and started again. */
function play(run: Partial<RunSpec>, moves: readonly Move[]) {
  let now = 1_000;
  let state = committed(INITIAL, [parseFact(acceptedRun(run))!], now);
  const journal: string[] = [state.phase];
  const refused: string[] = [];

  const append = (drafts: readonly RunFactDraft[], expected: boolean) => {
    const seen = foresee(state, drafts, { ...CONTEXT, now, checkTask: (task) => GUARDRAIL.check(task) });
    if (expected) refused.push(...seen.refused.map(({ type, reason }) => `${type}: ${reason}`));
    const before = state;
    state = committed(state, seen.facts, now);
    // Every fact was accepted, in the place that was foreseen for it.
    expect(state.seq).toBe(before.seq + seen.facts.length);
    expect(seen.state).toEqual(state);
    journal.push(...seen.facts.map(({ type }) => type));
    return seen.facts.length;
  };
  append([], true);

  for (let round = 0; !hasEnded(state); round += 1) {
    expect(round).toBeLessThan(2_000);
    const drawn = moves[round % moves.length]!;
    // A person who always allows more lets a run go on for ever; this one has enough of it some time.
    const turn: Move = round < 40 ? drawn : { ...drawn, answer: 'deny' };
    now += turn.waitMs;
    if (turn.event === 'cancel') {
      append([{ type: 'orchestrator.cancel.requested', data: { by: 'u', reason: '' } }], true);
      continue;
    }
    if (turn.event === 'another owner') append([], true); // its first look: nothing, or a limit that passed meanwhile
    if (turn.event === 'a stray fact') append([STRAY[turn.which % STRAY.length]!], false);
    if (!hasEnded(state) && act(turn) === 0)
      throw new Error(`the run stands still at ${JSON.stringify(next(state, now))}`);
  }
  expect(next(state, now)).toEqual({ do: 'nothing' });
  expect(append([{ type: 'orchestrator.cancel.requested', data: { by: 'u', reason: '' } }], false)).toBe(0);
  return { state, journal, refused };

  /** A person answers, or time passes until the question expires. */
  function decide(turn: Move, until: number): number {
    if (turn.answer === 'nobody') now = Math.max(now, until);
    const facts = turn.answer === 'nobody' ? [] : inputFacts(answersTo(state, turn), state);
    if (facts.length === 0) now = Math.max(now, until); // nothing came of it: the question expires
    return append(facts, true);
  }

  function act(turn: Move): number {
    const wanted = next(state, now);
    if (wanted.do === 'perform') {
      const open = wanted.steps[turn.which % wanted.steps.length]!;
      expect(open.attempt).toBeGreaterThan(0); // nothing leaves before it is announced
      if (turn.event === 'lost and dispatched again' && open.attempt < 3)
        return append([dispatching(open.act, open.attempt + 1)], true);
      return append([stepCompleted(open.act, turn.outcome, 1)], true);
    }
    if (wanted.do === 'wait') return decide(turn, wanted.until);
    if (wanted.do !== 'plan') return append([], true);
    conversationIsWhole(state);
    if (turn.event === 'planning fails') {
      return append([failedPlanning(wanted.stepNumber, 'm', 'model_unavailable', 'x'.repeat(5_000), 1)], true);
    }
    const { text, calls, tokens } = turn.say;
    const answer = { text, calls, model: 'm', usage: { input_tokens: tokens, output_tokens: 1 } };
    const answered = {
      stepNumber: wanted.stepNumber,
      answer,
      messageId: 'msg',
      durationMs: 1,
      rules: RULES,
      final: wanted.final,
    };
    return append(planningFacts(state, wanted.final ? { tools: [], agents: [] } : TOOLBOX, GUARDRAIL, answered), true);
  }
}

/** The answers of people, good and bad, to the questions that are open; what fits none of them changes nothing. */
function answersTo(state: RunState, turn: Move): RunInput[] {
  const asks = openAsks(state);
  const ask = asks[turn.which % asks.length]!.request;
  const answer = {
    approval_id: turn.answer === 'unknown' ? 'ask-nothing' : ask.approval_id,
    step_id: ask.step_id,
    decision: turn.answer === 'unknown' ? 'approve' : turn.answer,
    by: 'u',
    ...(turn.which % 2 === 0 ? { text: 'because', arguments: { limit: turn.which } } : {}),
  };
  const input = { n: 1, kind: 'approval' as const, dedupKey: ask.approval_id, body: answer, createdAt: 0 };
  return [input, { ...input, n: 2, body: { ...answer, decision: 'deny' } }];
}

function hasEnded(state: RunState): boolean {
  return state.phase === 'ended';
}

/** Endpoints refuse a conversation in which a call has no answer, or an answer no call. */
function conversationIsWhole(state: RunState): void {
  const messages = toMessages({ state, run: RUN, turns: [], historyTokens: 0, final: false, nudge: false });
  const asked = messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : []));
  const answers = messages.flatMap((message) => (message.role === 'tool' ? [message.tool_call_id] : []));
  expect(answers).toEqual(asked.map(({ id }) => id));
}

describe('any run', () => {
  const runs = (count: number, check: (played: ReturnType<typeof play>, run: Partial<RunSpec>) => void) =>
    fc.assert(
      fc.property(limits, fc.boolean(), fc.array(move, { minLength: 1, maxLength: 30 }), (budget, planned, moves) => {
        const run = { budget, use_orchestrator: planned, task: 'do it' };
        check(play(run, moves), run);
      }),
      { numRuns: count },
    );

  it('ends in exactly one terminal event, never stands still, and writes only what the machine accepts', () => {
    runs(1_500, ({ state, journal, refused }) => {
      expect(refused).toEqual([]);
      expect(journal.filter((type) => type === TERMINAL_TYPE)).toHaveLength(1);
      expect(journal.at(-1)).toBe(TERMINAL_TYPE);
      expect(state.terminal?.status === 'cancelled').toBe(state.cancel !== null);
      // One more planning than allowed: the one that only answers.
      const iterations = limitOf(state, { scope: 'run', kind: 'iterations' }) ?? 0;
      expect(state.plannings.length).toBeLessThanOrEqual(iterations + 1);
      // Where a person does not raise the limit, the steps beyond it are announced and fail at once; no worker hears of them.
      const performed = state.steps.filter(
        ({ act, attempt, outcome: end }) => !act.invalid && attempt > 0 && end?.error_code !== 'budget_exceeded',
      );
      expect(performed.length).toBeLessThanOrEqual(limitOf(state, { scope: 'run', kind: 'steps' }) ?? 0);
      const guarded = state.steps.filter(({ act }) => act.approval);
      for (const { act, ask, attempt, outcome } of guarded) {
        if (attempt > 0) expect(ask?.decision).toBeTruthy(); // never dispatched before somebody decided
        if (outcome?.success && act.target !== 'user') expect(ask?.decision?.decision).toBe('approve');
      }
      expect(JSON.stringify(state.plannings)).not.toContain('forbidden');
    });
  });

  it('is the same run for whoever folds its journal', () => {
    runs(100, ({ state }) => {
      expect(fold([], state)).toBe(state);
      expect(JSON.parse(JSON.stringify(state.terminal))).toEqual(state.terminal);
    });
  });
});
