import type { RunEvent } from '@switchyard/contracts';

/** The received events of one run, relative to the last one known without a hole. */
export interface Arrival {
  /** The events that come next, in order, each once. */
  readonly ready: readonly RunEvent[];
  /** True where later events arrived and one before them is missing: the journal must be asked. */
  readonly hole: boolean;
}

/**
 * Sorts received events of one run: drops duplicates and known ones, and returns in `ready` those that continue
 * `lastSeq` without a hole. The result depends neither on order nor on repetition.
 */
export function inOrder(lastSeq: number, arrived: readonly RunEvent[]): Arrival {
  const bySeq = new Map(arrived.filter((e) => e.seq > lastSeq).map((e) => [e.seq, e]));
  const ready: RunEvent[] = [];
  for (let seq = lastSeq + 1; bySeq.has(seq); seq++) ready.push(bySeq.get(seq)!);
  return { ready, hole: ready.length < bySeq.size };
}

/** The events of each run, in the order in which the runs first appear. */
export function groupByRun(events: readonly RunEvent[]): Map<string, RunEvent[]> {
  const groups = new Map<string, RunEvent[]>();
  for (const event of events) {
    const group = groups.get(event.runId);
    if (group) group.push(event);
    else groups.set(event.runId, [event]);
  }
  return groups;
}
