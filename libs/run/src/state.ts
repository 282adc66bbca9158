import type { Decision, FactOf, FinishReason, HistoryLimits, PlannedAct, RunSpec, Usage } from '@switchyard/contracts';

/** A question to a person: open until it is decided. */
export interface Ask {
  readonly request: FactOf<'orchestrator.approval.requested'>['data'];
  readonly decision: FactOf<'orchestrator.approval.decided'>['data'] | null;
}

/** One act of the run and what is known of it. */
export interface StepState {
  /** As planned; with the arguments that a person put in their place. */
  readonly act: PlannedAct;
  /** The question that was asked before this act may be performed; null: none was asked. */
  readonly ask: Ask | null;
  /** How often it was dispatched; 0: planned, not yet announced. */
  readonly attempt: number;
  /** Under which owner it was dispatched last; 0: not yet. An owner with a later epoch does not know its fate. */
  readonly epoch: number;
  readonly outcome: FactOf<'orchestrator.step.completed'>['data'] | null;
}

/** One finished planning, with what the model said and asked for; kept to rebuild the conversation. */
export interface Planning {
  readonly stepNumber: number;
  readonly text: string;
  readonly decision: Decision;
  readonly finishReason?: FinishReason | undefined;
}

export type Phase = 'new' | 'accepted' | 'idle' | 'planning' | 'acting' | 'ended';

/**
 * A run, folded from its events. Plain data, never changed in place.
 *
 * docs/state-machines.md draws the phases.
 *
 * - `seq` counts every event that was taken in, without a hole.
 * - `epoch` never falls.
 * - `ended` is final: exactly one terminal event, nothing after it.
 * - A step has at most one outcome, and none before it was dispatched.
 * - A step that needs a person's approval is never dispatched before the person has decided. Each question is decided
 *   once.
 * - A step for which the limit of steps leaves no room is not dispatched before a person has been asked about the
 *   limit, where the run asks (from engine version 2 on).
 */
export interface RunState {
  readonly phase: Phase;
  readonly seq: number;
  readonly epoch: number;
  readonly runId: string;
  readonly tenantId: string;
  /** Under which its journal is written; 0 before the acceptance. */
  readonly engineVersion: number;
  readonly run: RunSpec | null;
  /** How long its history may become; null: no limit. */
  readonly history: HistoryLimits | null;
  /** About the length of all its events as JSON. */
  readonly size: number;
  readonly acceptedAt: number;
  readonly plannings: readonly Planning[];
  readonly steps: readonly StepState[];
  /** Steps of the decision in hand, by index into `steps`; empty where nothing is open. */
  readonly openFrom: number;
  readonly usage: Usage;
  readonly lastText: string;
  readonly cancel: FactOf<'orchestrator.cancel.requested'>['data'] | null;
  readonly violation: FactOf<'orchestrator.guardrail.violated'>['data'] | null;
  /** The limit that was reached and not raised. */
  readonly exceeded: FactOf<'orchestrator.budget.exceeded'>['data'] | null;
  /** The question whether that limit may be raised. */
  readonly budgetAsk: Ask | null;
  /** How many questions about limits were asked. */
  readonly budgetAsks: number;
  /** Limits that a person raised, by `<scope>.<kind>`. */
  readonly raised: Readonly<Record<string, number>>;
  /** Time in which the run did nothing but wait for a person, in ms. */
  readonly waitedMs: number;
  /** Time of the newest event. */
  readonly lastTs: number;
  readonly terminal: FactOf<'orchestrator.task.completed'>['data'] | null;
  readonly endedAt: number | null;
}

export const INITIAL: RunState = Object.freeze({
  phase: 'new',
  seq: 0,
  epoch: 0,
  runId: '',
  tenantId: '',
  engineVersion: 0,
  run: null,
  history: null,
  size: 0,
  acceptedAt: 0,
  plannings: [],
  steps: [],
  openFrom: 0,
  usage: { input_tokens: 0, output_tokens: 0 },
  lastText: '',
  cancel: null,
  violation: null,
  exceeded: null,
  budgetAsk: null,
  budgetAsks: 0,
  raised: {},
  waitedMs: 0,
  lastTs: 0,
  terminal: null,
  endedAt: null,
});
