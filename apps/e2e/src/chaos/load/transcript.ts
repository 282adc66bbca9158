import type { SeenFrame } from './frames.ts';
import type { ClientDialect } from './workload.ts';

/** What a client of a round received. */
export interface Transcript {
  readonly n: number;
  readonly user: string;
  readonly key: string;
  readonly dialect: ClientDialect;
  /** Every run id that an answer to this request named: exactly one, if the product works. */
  readonly runIds: readonly string[];
  readonly frames: readonly SeenFrame[];
  readonly complete: boolean;
  readonly resumes: number;
  /** Answers after which a client cannot go on. */
  readonly refusals: readonly string[];
  /** Status of the request with another body under the same key; null: none was sent, or it never got an answer. */
  readonly conflict: number | null;
  readonly cancel: { readonly ts: number; readonly accepted: boolean } | null;
  readonly acceptedTs: number | null;
  /** The decisions that people sent, and the status of each answer. */
  readonly answers: readonly GivenAnswer[];
}

export interface GivenAnswer {
  readonly approvalId: string;
  readonly decision: 'approve' | 'deny';
  readonly status: number;
}
