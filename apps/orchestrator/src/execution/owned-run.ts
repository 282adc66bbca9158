import type { RunState } from '@switchyard/run';
import type { Moment } from './lease.ts';

/** How the work on an owned run came to its end here. */
export type LoopEnd = 'ended' | 'fenced' | 'released' | 'waiting' | 'broken';

/** A run of which this replica holds the lease. */
export interface OwnedRun {
  readonly runId: string;
  readonly tenantId: string;
  readonly epoch: number;
  readonly inboxTaken: number;
  /** Everything up to here is on the bus. */
  readonly publishedSeq: number;
  /** From before the lease was asked for. */
  readonly leasedAt: Moment;
  /** Where the journal is known already (a run accepted here); otherwise it is read. */
  readonly state?: RunState;
}
