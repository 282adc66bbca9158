import type { RunState } from '@switchyard/run';
import type { Moment } from './lease.ts';

/** How this owner's work on a run ended. */
export type LoopEnd = 'ended' | 'fenced' | 'released' | 'waiting' | 'broken';

/** A run of which this replica holds the lease. */
export interface OwnedRun {
  readonly runId: string;
  readonly tenantId: string;
  readonly epoch: number;
  readonly inboxTaken: number;
  /** Every event up to this number is on the bus. */
  readonly publishedSeq: number;
  /** Taken before the lease was requested. */
  readonly leasedAt: Moment;
  /** The state, if the journal is known already (a run accepted here); otherwise the owner reads it. */
  readonly state?: RunState;
}
