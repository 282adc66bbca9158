import { type Decision, type FactOf, formatStepId, type PlannedAct } from '@switchyard/contracts';

/*
 * What follows from a decision of the planner without anything else: how its acts are numbered, and how it is shown.
 */

type Planned = FactOf<'orchestrator.planning.completed'>['data'];

/** Numbers acts on from `plannedBefore`. One beyond the limit of steps becomes invalid; it fails as an answer. */
export function numberActs(
  acts: readonly Omit<PlannedAct, 'step_id'>[],
  plannedBefore: number,
  stepsLeft: number,
): PlannedAct[] {
  return acts.map((act, index) => {
    const numbered = { ...act, step_id: formatStepId(act.target, plannedBefore + index + 1) };
    if (index < stepsLeft || act.invalid) return numbered;
    const { approval: _notAsked, ...unasked } = numbered;
    return { ...unasked, invalid: NO_STEPS_LEFT };
  });
}

export const NO_STEPS_LEFT = {
  code: 'budget_exceeded',
  message: 'The limit of steps leaves no room for this one.',
};

const MAX_PREVIEW = 200;

/** How a decision is shown. */
export function summaryOf(decision: Decision): Pick<Planned, 'decision_type' | 'target' | 'task_preview'> {
  const shown = (text: string) => (text.length <= MAX_PREVIEW ? text : `${text.slice(0, MAX_PREVIEW - 1)}…`);
  switch (decision.kind) {
    case 'act': {
      const tasks = decision.acts.map((act) => act.task).join('; ');
      return { decision_type: 'next_step', target: decision.acts[0]?.target ?? null, task_preview: shown(tasks) };
    }
    case 'answer':
      return { decision_type: 'task_complete', target: null, task_preview: shown(decision.text) };
    case 'fail':
      return { decision_type: 'failed', target: null, task_preview: shown(decision.message) };
  }
}

/** The id of the message that a planning speaks. The epoch is part of it: what an earlier owner left is another. */
export function messageIdOf(stepNumber: number, epoch: number): string {
  return `msg-${stepNumber}-${epoch}`;
}
