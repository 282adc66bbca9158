import type { RunState } from './state.ts';

/*
 * The size of a run's history. Sizes are computed from the events themselves, so that every owner and every replay gets
 * the same number: the characters of texts and names, and a constant for everything else.
 */

/** The size of a fact beyond its texts. */
const VALUE = 4;
/** Beyond this share, only facts that decide the run are kept; workers' progress is dropped. */
const NEARLY = 0.9;

/** About the length of this value as JSON. Any depth. Called for every event: only what holds values is put aside. */
export function sizeOf(value: unknown): number {
  const open: object[] = [];
  let size = 0;
  const count = (one: unknown): void => {
    size += VALUE;
    if (typeof one === 'string') size += one.length;
    else if (typeof one === 'object' && one !== null) open.push(one);
  };
  count(value);
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (Array.isArray(one)) for (const item of one as unknown[]) count(item);
    else {
      for (const key of Object.keys(one)) {
        size += key.length;
        count((one as Record<string, unknown>)[key]);
      }
    }
  }
  return size;
}

/** True if the history has room only for the end. */
export function isFull(state: RunState): boolean {
  return fills(state, 1);
}

/** True if only facts that decide the run are still kept. */
export function isNearlyFull(state: RunState): boolean {
  return fills(state, NEARLY);
}

function fills({ history, seq, size }: RunState, part: number): boolean {
  return history !== null && (seq >= history.max_events * part || size >= history.max_bytes * part);
}
