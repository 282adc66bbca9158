import { type FactOf, isProgressType, type RunEvent, type RunFactDraft } from '@switchyard/contracts';
import { limitOf } from './budget.ts';
import { differenceOf } from './difference.ts';
import { dispatching, stepCompleted, type StepOutcome } from './foresee.ts';
import { isNearlyFull } from './history-size.ts';
import { promptDigest } from './messages.ts';
import { givenUp } from './give-up.ts';
import { terminalData } from './next.ts';
import { messageIdOf, NO_STEPS_LEFT, numberActs, summaryOf } from './planned.ts';
import { stepsToPlan } from './room.ts';
import type { RunState } from './state.ts';

/*
 * What a run was told (by the model, a worker, a person, a clock) is taken as recorded. Around it the code decides all
 * the same: numbers, limits, how it is shown, what is said with it. That part is worked out anew here.
 */

/** What today's code makes of something that the run was told. */
interface Retold {
  /** The fact as today's code would write it; null: it would write none. */
  readonly fact: RunFactDraft | null;
  /** Where `fact` says too little. */
  readonly why?: string;
  /** What today's code writes directly after it. */
  readonly follows?: readonly RunFactDraft[];
}

/** Undefined where this event is nothing that a run is told, but a decision of its own. */
export function retell(state: RunState, event: RunEvent): Retold | undefined {
  switch (event.type) {
    case 'orchestrator.planning.completed':
      return planning(state, event);
    case 'orchestrator.step.dispatching':
      return again(state, event.data);
    case 'orchestrator.step.completed':
      return outcome(state, event.data);
    case 'orchestrator.budget.exceeded':
      return exceeded(state, event.data);
    case 'orchestrator.approval.decided':
      return event.data.decision === 'expired' ? undefined : { fact: event };
    case 'orchestrator.guardrail.violated':
      return event.data.where === 'task' ? undefined : withheld(state, event);
    case 'orchestrator.task.completed':
      return ofGivenUp(state, event.data);
    case 'orchestrator.model.waiting':
    case 'orchestrator.cancel.requested':
      return { fact: event };
    default:
      return isProgressType(event.type) ? progress(state, event) : undefined;
  }
}

type Planned = FactOf<'orchestrator.planning.completed'>;

/** The decision is the model's; its numbers, its limits, its preview and the message that goes with it are ours. */
function planning(state: RunState, event: RunEvent & Planned): Retold {
  const { data } = event;
  const stepNumber = state.plannings.length + 1;
  const final = state.exceeded !== null;
  const prompt = promptDigest(state, final);
  if (data.prompt_sha256 !== undefined && data.prompt_sha256 !== prompt) {
    return {
      fact: { type: event.type, data: { ...data, prompt_sha256: prompt } },
      why: 'The prompt differs: the model would be asked something else.',
    };
  }
  const { decision } = data;
  if (decision.kind === 'act' && final) return { fact: null, why: 'No function would be offered to the model here.' };
  const acts = decision.kind === 'act' ? decision.acts : [];
  const numbered = numberActs(
    acts.map(({ step_id: _number, ...act }) => (isNoStepsLeft(act) ? { ...act, invalid: undefined } : act)),
    state.steps.length,
    stepsToPlan(state),
  );
  const today = decision.kind === 'act' ? { ...decision, acts: numbered } : decision;
  const says = data.text !== '' && decision.kind !== 'fail';
  return {
    fact: {
      type: event.type,
      data: { ...data, step_number: stepNumber, ...summaryOf(today), decision: today },
    } as RunFactDraft,
    follows: says
      ? [
          {
            type: 'orchestrator.message.completed',
            data: {
              message_id: messageIdOf(stepNumber, event.epoch),
              role: 'assistant',
              text: data.text,
              final: decision.kind === 'answer',
            },
          },
        ]
      : [],
  };
}

/** What was withheld of an answer is told by the planning before it; of a result, while its step is under way. */
function withheld(state: RunState, event: RunEvent & FactOf<'orchestrator.guardrail.violated'>): Retold {
  if (event.data.where !== 'output') {
    const step = state.steps.find(({ act }) => act.step_id === event.data.step_id);
    return step !== undefined && step.attempt > 0 && step.outcome === null
      ? { fact: event }
      : { fact: null, why: 'No result would be taken here.' };
  }
  const last = state.plannings.at(-1)?.decision;
  return last?.kind === 'fail' && last.code === 'guardrail_blocked'
    ? { fact: event }
    : { fact: null, why: 'Nothing was withheld here.' };
}

function isNoStepsLeft({ invalid }: { invalid?: unknown }): boolean {
  return invalid !== undefined && differenceOf(invalid, NO_STEPS_LEFT) === null;
}

/** A step that goes out once more, after its worker or its owner was lost. */
function again(state: RunState, data: FactOf<'orchestrator.step.dispatching'>['data']): Retold | undefined {
  const step = state.steps.find(({ act }) => act.step_id === data.step_id);
  if (!step || step.attempt === 0) return undefined;
  return { fact: dispatching(step.act, step.attempt + 1) };
}

/** What a worker answered; that of a step which needs no worker is a decision. */
function outcome(state: RunState, data: FactOf<'orchestrator.step.completed'>['data']): Retold {
  const step = state.steps.find(({ act }) => act.step_id === data.step_id);
  if (!step) return { fact: null, why: `There would be no step ${data.step_id}.` };
  const told: StepOutcome =
    data.status === 'completed'
      ? { status: 'succeeded', output: data.result, provenance: data.provenance, usage: data.usage }
      : {
          status: data.status,
          code: data.error_code ?? '',
          message: data.error ?? '',
          provenance: data.provenance,
          usage: data.usage,
        };
  return { fact: stepCompleted(step.act, told, data.duration_ms) };
}

/** A limit that a clock or a count outside the run has found to be reached. */
function exceeded(state: RunState, data: FactOf<'orchestrator.budget.exceeded'>['data']): Retold | undefined {
  const { scope, kind } = data;
  if (scope !== 'run') return { fact: { type: 'orchestrator.budget.exceeded', data } };
  if (kind !== 'seconds') return undefined;
  const limit = limitOf(state, { scope, kind });
  return limit === null
    ? { fact: null, why: 'The run would have no limit of time.' }
    : { fact: { type: 'orchestrator.budget.exceeded', data: { ...data, limit } } };
}

/** A run with which owner after owner came to nothing is ended from outside. */
function ofGivenUp(state: RunState, data: FactOf<'orchestrator.task.completed'>['data']): Retold | undefined {
  if (data.error_code !== 'poisoned') return undefined;
  const today = terminalData(state, givenUp(data.error));
  return { fact: { type: 'orchestrator.task.completed', data: today } };
}

function progress(state: RunState, event: RunEvent): Retold {
  if (isNearlyFull(state)) return { fact: null, why: 'The history is nearly full: progress would not be kept.' };
  const stepId = 'step_id' in event.data ? event.data.step_id : null;
  const step = state.steps.find(({ act }) => act.step_id === stepId);
  const underWay = stepId === null || (step !== undefined && step.attempt > 0 && step.outcome === null);
  return underWay ? { fact: event } : { fact: null, why: `No progress of ${String(stepId)} would be taken here.` };
}
