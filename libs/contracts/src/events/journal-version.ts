import type { RunEvent } from './run-events.ts';

/*
 * The version of a journal: what its facts look like and what follows from them. It stands in the row of the run and
 * in its first event, and stays the run's own for life.
 *
 * - A new field with a default and a new fact that only tells make no new version: they are read as they are.
 * - A new version comes with an upcaster from the version before, and its golden journals stay for ever.
 * - An upcaster leaves a fact alone that has the new shape already: a fact that was read once may be read again.
 */

/**
 * 1 the first.
 * 2 a step for which a limit leaves no room waits for the question about that limit, where one is asked; what a
 *   guardrail withholds of a result is a fact.
 */
export const ENGINE_VERSION = 2;

/** Journals that this version can continue. A run of any other is left to replicas that know it. */
export const ENGINE_VERSIONS: readonly number[] = [1, ENGINE_VERSION];

type Written = Pick<RunEvent, 'type'> & { readonly data: unknown };

/** From the shape of version n (the key) to that of n + 1. Pure; what has no new shape comes back as it was. */
const UPCASTERS: Readonly<Record<number, (fact: Written) => Written>> = {};

/** A fact as it was written under `version`, in the shape of today. */
export function upcast(fact: Written, version: number, upcasters = UPCASTERS): Written {
  let current = fact;
  for (let from = version; from in upcasters; from += 1) current = upcasters[from]!(current);
  return current;
}

/** The version that a journal says it has; undefined where its first event is not that of a run. */
export function versionOf(events: readonly RunEvent[]): number | undefined {
  const [first] = events;
  return first?.type === 'orchestrator.run.accepted' ? first.data.engine_version : undefined;
}
