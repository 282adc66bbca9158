import { delegationsOf } from './delegations.ts';
import { type Check, DECIDED, type Found, givenUp, grouped, mayHaveHidden, ofType, TERMINAL } from './evidence-rows.ts';
import type { Effect } from '../stack/index.ts';

/** Open states of the ledger. An intent alone had no effect, so nobody has to resolve it. */
const LEDGER_OPEN = 'dispatched';

/**
 * Every call had its effect as often as its tool allows, with approval where one is needed; its outcome is known or
 * rightly in doubt.
 */
export const EFFECT_CHECKS = {
  effects_twice: ({ effects }) => {
    const once = effects.filter(({ idempotency }) => idempotency === 'none');
    const keyed = effects.filter(({ idempotency }) => idempotency === 'key');
    const call = ({ runId, label }: Effect) => `${runId} ${label}`;
    return [
      ...[...grouped(once, call)]
        .filter(([, all]) => all.length > 1)
        .map(([, all]) => [all[0]!.runId, `${all[0]!.tool} at ${all[0]!.stepId} had ${all.length} effects`] as const),
      // A keyed tool may get the same call again, under the same key.
      ...[...grouped(keyed, call)]
        .filter(([, all]) => new Set(all.map(({ key }) => key)).size > 1 || all[0]!.key === '')
        .map(
          ([, all]) => [all[0]!.runId, `${all[0]!.tool} at ${all[0]!.stepId} was called under several keys`] as const,
        ),
    ];
  },

  once_done_without_effect: (evidence) => {
    const step = ({ runId, stepId }: { runId: string; stepId: string | null }) => `${runId} ${stepId}`;
    const done = new Set(evidence.effects.map(step));
    const keys = new Set(evidence.effects.map(({ key }) => key));
    const delegated = new Set(delegationsOf(evidence.events).map(step));
    return [
      ...ofType(evidence, 'orchestrator.step.completed')
        .filter((row) => row.data['status'] === 'completed' && !delegated.has(step(row)) && !done.has(step(row)))
        .map(({ runId, stepId }) => [runId, `${stepId} is said to be done, and its tool did nothing`] as const),
      ...evidence.ledger
        .filter(({ state, key }) => state === 'succeeded' && !keys.has(key))
        .map(({ runId, key }) => [runId, `${key} succeeded in the ledger, and its tool did nothing`] as const),
    ];
  },

  tool_calls_left_started: (evidence) => {
    const outcomes = new Set(
      ofType(evidence, 'orchestrator.step.completed').map(({ runId, stepId }) => `${runId} ${stepId}`),
    );
    const ends = new Map(ofType(evidence, TERMINAL).map(({ runId, data }) => [runId, data['status']]));
    const open = ofType(evidence, 'orchestrator.step.dispatching')
      // A cancelled run may end with open steps. A run that did not end is another violation, lost or stuck.
      .filter(({ runId }) => ends.has(runId) && ends.get(runId) !== 'cancelled')
      .filter(({ runId, stepId }) => !outcomes.has(`${runId} ${stepId}`))
      .map(({ runId, stepId }) => [runId, `${stepId} was dispatched and has no outcome`] as const);
    const ledger = evidence.ledger
      .filter(({ state }) => state === LEDGER_OPEN)
      .map(({ runId, stepId }) => [runId, `${stepId} is still dispatched in the ledger`] as const);
    return [...open, ...ledger];
  },

  in_doubt_unjustified: (evidence) => {
    const abandoned = givenUp(evidence);
    return ofType(evidence, 'orchestrator.step.completed')
      .filter(({ runId, data }) => data['status'] === 'in_doubt' && !abandoned.has(runId))
      .flatMap((outcome): Found => {
        const { runId, stepId, ts } = outcome;
        const announced = ofType(evidence, 'orchestrator.step.dispatching').filter(
          (row) => row.runId === runId && row.stepId === stepId,
        );
        const tool = announced[0]?.data['tool'];
        if (announced.length > 0 && tool === undefined) return []; // delegated: delegation-checks.ts
        if (tool === 'chaos_read' || tool === 'chaos_keyed')
          return [[runId, `${stepId} (${tool}) may be repeated and is in doubt all the same`]];
        const since = Math.min(...announced.map((row) => row.ts));
        return mayHaveHidden(evidence.faults, since, ts)
          ? []
          : [[runId, `${stepId} is in doubt, and nothing was wrong meanwhile`]];
      });
  },

  effect_unapproved: (evidence) => {
    const approved = new Set(
      ofType(evidence, DECIDED)
        .filter(({ data }) => data['decision'] === 'approve')
        .map(({ runId, data }) => `${runId} ${String(data['step_id'])}`),
    );
    return evidence.effects
      .filter(({ tool, runId, stepId }) => tool === 'chaos_asked' && !approved.has(`${runId} ${stepId}`))
      .map(({ runId, stepId }) => [runId, `${stepId} had its effect, and nobody had allowed it`] as const);
  },
} satisfies Record<string, Check>;
