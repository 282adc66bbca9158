/** A run that was given up. Times in ms since 1970. */
export interface DeadLetter {
  readonly runId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly task: string;
  readonly reason: string;
  /** Public text of the last error, if one is known. */
  readonly error: string | null;
  readonly attempts: number;
  readonly at: number;
  /** The run that was started in its place. */
  readonly requeuedAs: string | null;
}

/** The end of a page of letters. */
export interface DeadLetterPlace {
  readonly at: number;
  readonly runId: string;
}

/** The runs that were given up. `Journal.append` writes a letter together with the end of the run. */
export interface DeadLetters {
  /** Newest first. */
  list(tenantId: string, limit: number, after?: DeadLetterPlace): Promise<DeadLetter[]>;
  get(tenantId: string, runId: string): Promise<DeadLetter | undefined>;
  /** Stores the run that replaces it; a later one does not change it. */
  markRequeued(runId: string, requeuedAs: string): Promise<void>;
}
