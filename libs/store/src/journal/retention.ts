/**
 * Removes old runs. The events of a run go first, with its inputs and large parts, and a snapshot replaces them; later
 * its row goes. Only runs that have ended and are on the bus are removed, by the database's clock, and none that is
 * younger than an hour, whatever the setting.
 */
export interface Retention {
  /** Runs whose events are due for removal, oldest first. */
  due(limit: number, keepMs: number): Promise<string[]>;
  /**
   * Replaces the run's events by the snapshot. False: it is not due (any more). Any number of replicas may call it at
   * once.
   */
  expire(runId: string, snapshot: string, keepMs: number): Promise<boolean>;
  /** The snapshot of a run whose events are gone. */
  snapshot(runId: string): Promise<string | undefined>;
  /** Removes the rows of runs whose events are gone; returns how many. */
  remove(limit: number, keepMs: number): Promise<number>;
}
