import type { RunEvent } from '@switchyard/contracts';
import { INITIAL, type RunState, type StepState } from './state.ts';

/**
 * Takes one event into the state. Total and pure: an event that does not belong here (wrong place, stale
 * epoch, after the end, a step that was never planned) gives back the very same object.
 */
export function evolve(state: RunState, event: RunEvent): RunState {
  if (objection(state, event) !== null) return state;
  return { ...apply(state, event), seq: event.seq, epoch: event.epoch };
}

/** Folds a journal, oldest first. `state.seq` tells how far it could be followed. */
export function fold(events: readonly RunEvent[], from: RunState = INITIAL): RunState {
  return events.reduce(evolve, from);
}

/** Why this event may not come next, or null where it may. The shell asks before it appends. */
export function objection(state: RunState, event: RunEvent): string | null {
  if (state.phase === 'ended') return 'the run has ended';
  if (event.seq !== state.seq + 1) return `expected seq ${state.seq + 1}`;
  if (event.epoch < state.epoch) return 'stale epoch';
  if (state.phase === 'new') return event.type === 'orchestrator.run.accepted' ? null : 'the run was not accepted';
  if (event.runId !== state.runId || event.tenantId !== state.tenantId) return 'event of another run';

  switch (event.type) {
    case 'orchestrator.run.accepted':
      return 'accepted twice';
    case 'orchestrator.task.started':
      return state.phase === 'accepted' ? null : 'started twice';
    case 'orchestrator.planning.started':
      return state.phase === 'idle' || state.phase === 'planning' ? null : `no planning while ${state.phase}`;
    case 'orchestrator.planning.completed':
      if (state.phase !== 'planning') return `no planning is open while ${state.phase}`;
      return plannedTwice(state, event.data.decision) ? 'a step id was used before' : null;
    case 'orchestrator.step.dispatching':
      return openStep(state, event.data.step_id) ? null : 'this step is not open';
    case 'orchestrator.step.completed': {
      const step = openStep(state, event.data.step_id);
      return step ? (step.attempt > 0 ? null : 'this step was not dispatched') : 'this step is not open';
    }
    case 'orchestrator.cancel.requested':
      return state.cancel ? 'cancelled twice' : null;
    case 'orchestrator.task.completed':
      return event.data.total_steps === performedSteps(state).length ? null : 'the count of steps is wrong';
    default:
      return null;
  }
}

function apply(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'orchestrator.run.accepted':
      return {
        ...state,
        phase: 'accepted',
        runId: event.runId,
        tenantId: event.tenantId,
        run: event.data.run,
        acceptedAt: event.ts,
      };
    case 'orchestrator.task.started':
      return { ...state, phase: 'idle' };
    case 'orchestrator.planning.started':
      return { ...state, phase: 'planning' };
    case 'orchestrator.planning.completed': {
      const { decision, text, usage, step_number: stepNumber } = event.data;
      const acts = decision.kind === 'act' ? decision.acts : [];
      return {
        ...state,
        phase: acts.length > 0 ? 'acting' : 'idle',
        plannings: [...state.plannings, { stepNumber, text, decision }],
        steps: [...state.steps, ...acts.map((act): StepState => ({ act, attempt: 0, outcome: null }))],
        openFrom: state.steps.length,
        lastText: text === '' ? state.lastText : text,
        usage: {
          input_tokens: state.usage.input_tokens + usage.input_tokens,
          output_tokens: state.usage.output_tokens + usage.output_tokens,
        },
      };
    }
    case 'orchestrator.step.dispatching':
      return withStep(state, event.data.step_id, (step) => ({ ...step, attempt: event.data.attempt }));
    case 'orchestrator.step.completed': {
      const after = withStep(state, event.data.step_id, (step) => ({ ...step, outcome: event.data }));
      return stepsToPerform(after).length > 0 ? after : { ...after, phase: 'idle', openFrom: after.steps.length };
    }
    case 'orchestrator.guardrail.violated':
      return { ...state, violation: event.data };
    case 'orchestrator.budget.exceeded':
      return { ...state, exceeded: event.data };
    case 'orchestrator.cancel.requested':
      return { ...state, cancel: event.data };
    case 'orchestrator.task.completed':
      return { ...state, phase: 'ended', terminal: event.data, endedAt: event.ts };
    default:
      return state; // a fact to tell, not to decide by
  }
}

/**
 * The steps of the decision in hand that are to be performed now. Together: all without an outcome.
 * In order: the first without an outcome, and none after one that failed (the planner then decides anew).
 */
export function stepsToPerform(state: RunState): readonly StepState[] {
  if (state.phase !== 'acting') return [];
  const open = state.steps.slice(state.openFrom);
  const decision = state.plannings.at(-1)?.decision;
  if (decision?.kind !== 'act') return [];
  if (decision.order === 'parallel') return open.filter((step) => step.outcome === null);
  for (const step of open) {
    if (step.outcome === null) return [step];
    if (!step.outcome.success) return [];
  }
  return [];
}

/** The steps that were dispatched at least once; a plan that was given up leaves the others untouched. */
export function performedSteps(state: RunState): readonly StepState[] {
  return state.steps.filter((step) => step.attempt > 0);
}

function openStep(state: RunState, stepId: string): StepState | undefined {
  return stepsToPerform(state).find((step) => step.act.step_id === stepId);
}

function plannedTwice(state: RunState, decision: { kind: string; acts?: readonly { step_id: string }[] }): boolean {
  const ids = (decision.acts ?? []).map((act) => act.step_id);
  return new Set(ids).size !== ids.length || state.steps.some((step) => ids.includes(step.act.step_id));
}

function withStep(state: RunState, stepId: string, change: (step: StepState) => StepState): RunState {
  return { ...state, steps: state.steps.map((step) => (step.act.step_id === stepId ? change(step) : step)) };
}
