import type { FrameRef } from '@switchyard/contracts';
import type { Verdict, WorkerCall } from './functions.ts';

/*
 * The loop of one step: what is to be done next, and what follows from what was done. Pure.
 *
 * - A turn has one decision, and at most one act of the hands follows from it.
 * - No step has more turns than its limit, whatever the model says.
 * - The first turn has no reflection: nothing happened yet. A claim that the task is done is judged on the screen first,
 *   where reflections are on.
 * - The same act on the same screen three times in a row brings a reflection on; five times end the step as `stuck`.
 */

export interface StepLimits {
  readonly maxTurns: number;
  readonly reflection: boolean;
}

/** What the worker decided in a turn. */
export interface Decision {
  readonly call: WorkerCall;
  /** Its words beside the call. */
  readonly plan: string;
}

/** How a step ends. `code` is that of a failure. */
export type StepEnd =
  | { readonly done: true; readonly answer: string }
  | { readonly done: false; readonly code: string; readonly message: string };

export interface StepState {
  readonly limits: StepLimits;
  /** The turn under way, from 1. */
  readonly turn: number;
  /** The screen as it is known; null before the first look. */
  readonly frame: FrameRef | null;
  /** The screen before the last act. */
  readonly before: FrameRef | null;
  readonly decision: Decision | null;
  /** The judgement that the next plan is told; null: none was made since the last act. */
  readonly verdict: Pick<Verdict, 'verdict' | 'reason'> | null;
  readonly reflections: number;
  /** The last turns, one line each, oldest first. */
  readonly lines: readonly string[];
  readonly notes: readonly string[];
  readonly acts: number;
  /** The last act and the screen that it found, and how often it was done in a row. */
  readonly repeated: { readonly what: string; readonly times: number };
  /** How often a claim to be done was not believed. */
  readonly refusedClaims: number;
  readonly end: StepEnd | null;
}

export type Next =
  | { readonly do: 'look' }
  | { readonly do: 'reflect' }
  | { readonly do: 'plan' }
  | { readonly do: 'act'; readonly decision: Decision }
  | { readonly do: 'judge'; readonly answer: string }
  | { readonly do: 'end'; readonly end: StepEnd };

export type StepFact =
  | { readonly type: 'looked'; readonly frame: FrameRef }
  | { readonly type: 'reflected'; readonly verdict: Verdict['verdict']; readonly reason: string }
  | { readonly type: 'planned'; readonly decision: Decision }
  /** The hands did it. `what`: the act in words, the same for the same act at the same place. */
  | { readonly type: 'acted'; readonly what: string; readonly changed: boolean; readonly frame: FrameRef }
  /** Nothing was done: the thing was not found, or the act is not possible here. */
  | { readonly type: 'missed'; readonly what: string; readonly why: string }
  | { readonly type: 'judged'; readonly verdict: Verdict['verdict']; readonly reason: string };

const STUCK_AFTER = 5;
const FORCE_REFLECTION_AT = 3;
const MAX_REFUSED_CLAIMS = 3;
const MAX_LINES = 40;
const MAX_NOTES = 20;

export function begin(limits: StepLimits): StepState {
  return {
    limits,
    turn: 1,
    frame: null,
    before: null,
    decision: null,
    verdict: null,
    reflections: 0,
    lines: [],
    notes: [],
    acts: 0,
    repeated: { what: '', times: 0 },
    refusedClaims: 0,
    end: null,
  };
}

export function next(state: StepState): Next {
  if (state.end) return { do: 'end', end: state.end };
  if (!state.frame) return { do: 'look' };
  if (state.decision) {
    const { call } = state.decision;
    return call.name === 'done' ? { do: 'judge', answer: call.answer } : { do: 'act', decision: state.decision };
  }
  if (state.turn > state.limits.maxTurns) return { do: 'end', end: outOfTurns(state.limits) };
  return wantsReflection(state) ? { do: 'reflect' } : { do: 'plan' };
}

function outOfTurns({ maxTurns }: StepLimits): StepEnd {
  return { done: false, code: 'budget_exceeded', message: `The task was not done within ${maxTurns} turns.` };
}

/** True where the worker is to hear a judgement of its last act before it decides again. */
function wantsReflection({ limits, acts, verdict, repeated }: StepState): boolean {
  if (verdict !== null || acts === 0) return false;
  return limits.reflection || repeated.times === FORCE_REFLECTION_AT;
}

export function evolve(state: StepState, fact: StepFact): StepState {
  if (next(state).do === 'end') return state;
  switch (fact.type) {
    case 'looked':
      return { ...state, frame: fact.frame };
    case 'reflected':
      return {
        ...state,
        verdict: { verdict: fact.verdict, reason: fact.reason },
        reflections: state.reflections + 1,
      };
    case 'planned':
      return decided(state, fact.decision);
    case 'acted':
      return acted(state, fact);
    case 'missed':
      return missed(state, fact);
    case 'judged':
      return judged(state, fact);
  }
}

/** Decisions that touch nothing end their turn at once. */
function decided(state: StepState, decision: Decision): StepState {
  const { call } = decision;
  switch (call.name) {
    case 'fail':
      return { ...state, end: { done: false, code: 'task_failed', message: call.reason } };
    case 'note':
      return turned({ ...state, notes: [...state.notes, call.text].slice(-MAX_NOTES) }, 'noted a fact');
    case 'done':
      return state.limits.reflection ? { ...state, decision } : { ...state, end: { done: true, answer: call.answer } };
    default:
      return { ...state, decision };
  }
}

function acted(state: StepState, { what, changed, frame }: Extract<StepFact, { type: 'acted' }>): StepState {
  const seen = `${what} @ ${state.frame?.sha256 ?? ''}`;
  const times = state.repeated.what === seen ? state.repeated.times + 1 : 1;
  const after = turned(
    {
      ...state,
      before: state.frame,
      frame,
      verdict: null,
      acts: state.acts + 1,
      repeated: { what: seen, times },
    },
    `${what}: ${changed ? 'the screen changed' : 'nothing on the screen changed'}`,
  );
  return stuckAt(after, times, what);
}

function missed(state: StepState, { what, why }: Extract<StepFact, { type: 'missed' }>): StepState {
  const seen = `${what} missed @ ${state.frame?.sha256 ?? ''}`;
  const times = state.repeated.what === seen ? state.repeated.times + 1 : 1;
  return stuckAt(turned({ ...state, repeated: { what: seen, times } }, `${what}: not done, ${why}`), times, what);
}

function stuckAt(state: StepState, times: number, what: string): StepState {
  if (times < STUCK_AFTER) return state;
  const message = `The same was tried ${STUCK_AFTER} times and changed nothing: ${what}.`;
  return { ...state, end: { done: false, code: 'stuck', message } };
}

function judged(state: StepState, { verdict, reason }: Extract<StepFact, { type: 'judged' }>): StepState {
  const call = state.decision?.call;
  if (call?.name !== 'done') return state;
  if (verdict === 'done') return { ...state, end: { done: true, answer: call.answer } };
  const refusedClaims = state.refusedClaims + 1;
  if (refusedClaims >= MAX_REFUSED_CLAIMS) {
    const message = `The agent says that the task is done, and the screen does not show it: ${reason}`;
    return { ...state, end: { done: false, code: 'not_verified', message } };
  }
  return turned({ ...state, refusedClaims, verdict: { verdict: 'off_plan', reason } }, 'claimed to be done: not so');
}

function turned(state: StepState, line: string): StepState {
  const lines = [...state.lines, `Turn ${state.turn}: ${line}`].slice(-MAX_LINES);
  return { ...state, decision: null, lines, turn: state.turn + 1 };
}
