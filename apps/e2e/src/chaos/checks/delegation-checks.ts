import { delegationsOf, keyOfStep } from './delegations.ts';
import { type Check, type FaultWindow, type Found, givenUp, grouped, mayHaveHidden } from './evidence-rows.ts';
import { mayBeRepeated } from '../load/index.ts';

/** The orchestrator's limit: a step that got no answer after so many dispatches is not dispatched again. */
const STEP_ATTEMPTS = 3;

/**
 * A delegated step reached its agent once, its recorded outcome is that of the agent, and it is in doubt only for a
 * reason.
 */
export const DELEGATION_CHECKS = {
  delivered_twice: ({ messages }) =>
    [...grouped(messages, ({ what, key }) => `${what} ${key}`)]
      .filter(([, all]) => all.length > 1)
      .map(([what, all]) => [runOf(all[0]!.key), `message ${what} ${all.length} times at the agent`] as const),

  delegation_done_unheard: ({ events, messages }) => {
    const worked = new Set(messages.filter(({ what }) => what === 'worked-on').map(({ key }) => key));
    return delegationsOf(events)
      .filter(({ to, outcome }) => to === 'agent' && outcome?.status === 'completed')
      .filter((step) => !worked.has(keyOfStep(step)))
      .map(({ runId, stepId }) => [runId, `${stepId} is said to be done, and the agent never heard of it`] as const);
  },

  delegation_in_doubt_unjustified: (evidence) => {
    const abandoned = givenUp(evidence);
    return delegationsOf(evidence.events).flatMap(({ runId, stepId, to, task, sinceTs, attempts, outcome }): Found => {
      if (outcome?.status !== 'in_doubt' || abandoned.has(runId)) return [];
      if (outcome.error === '') return [[runId, `${stepId} is in doubt, and does not say why`]];
      if (attempts >= STEP_ATTEMPTS) return []; // a machine under load can be too slow without any fault
      if (to === 'tool agent' && mayBeRepeated(task))
        return [[runId, `${stepId} calls only what may be repeated and is in doubt all the same`]];
      const others = OTHERS[to];
      const apart = ({ target }: FaultWindow) => others.some((app) => target.startsWith(app));
      return mayHaveHidden(evidence.faults, sinceTs, outcome.ts, (fault) => !apart(fault))
        ? []
        : [[runId, `${stepId} is in doubt, and nothing on its way was wrong meanwhile`]];
    });
  },
} satisfies Record<string, Check>;

/** Services that take no part in a delegation. */
const OTHERS = { agent: ['mcp-tool'], 'tool agent': ['a2a', 'agent'] } as const;

function runOf(key: string): string | null {
  return /^(.+):[^:]+$/.exec(key)?.[1] ?? null;
}
