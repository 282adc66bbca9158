/**
 * Small records that all replicas of an app share and that expire: a key-value bucket with writes only over known
 * revisions. They may be lost with the store of NATS; it is no database.
 */
export interface Records {
  /** Throws `unavailable` if the store does not answer. */
  read(key: string): Promise<SharedRecord | undefined>;
  /**
   * Writes over the revision `expect`, or only if there is no record (0). Returns the new revision; undefined if
   * another one is there. Throws `unavailable`; `overloaded` if the bucket is full.
   */
  write(key: string, value: unknown, expect: number): Promise<number | undefined>;
  /** Removes the revision `expect`; does nothing if another one is there. Throws `unavailable`. */
  remove(key: string, expect: number): Promise<void>;
}

export interface SharedRecord {
  readonly value: unknown;
  readonly revision: number;
}

export interface RecordsOptions {
  /** The bucket; an app may use those that the contracts name for it. */
  readonly bucket: string;
  /** A record expires this long after its last write. */
  readonly ttlMs: number;
  /** The limit of the whole bucket; a full bucket refuses writes. */
  readonly maxBytes: number;
}

/** Keys are tokens of a subject. */
export const RECORD_KEY = /^[A-Za-z0-9_-]{1,200}$/;
