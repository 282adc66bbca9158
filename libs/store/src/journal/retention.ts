/**
 * What is no longer kept. First the events of a run go, with its inputs and large parts, and a snapshot takes their
 * place; later its row goes. Only runs that have ended and are on the bus, by the database's clock; nothing younger
 * than an hour, whatever is asked.
 */
export interface Retention {
  /** Runs whose events are due, oldest first. */
  due(limit: number, keepMs: number): Promise<string[]>;
  /** Puts the snapshot in the place of the run's events. False: not due (any more). Any number of callers at once. */
  expire(runId: string, snapshot: string, keepMs: number): Promise<boolean>;
  /** The snapshot of a run whose events are gone. */
  snapshot(runId: string): Promise<string | undefined>;
  /** Removes rows of runs whose events are gone; answers how many. */
  remove(limit: number, keepMs: number): Promise<number>;
}
