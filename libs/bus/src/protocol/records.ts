/**
 * Small records that all replicas of an app see and that end by themselves: a key-value bucket with writes over known
 * revisions only. What is in it may be lost with the store of NATS; it is no database.
 */
export interface Records {
  /** Throws `unavailable` where the store does not answer. */
  read(key: string): Promise<SharedRecord | undefined>;
  /**
   * Writes over the revision `expect`, or where nothing is there (0). Gives the new revision; undefined where another
   * one is there. Throws `unavailable`; `overloaded` where the bucket is full.
   */
  write(key: string, value: unknown, expect: number): Promise<number | undefined>;
  /** Removes the revision `expect`; nothing where another one is there. Throws `unavailable`. */
  remove(key: string, expect: number): Promise<void>;
}

export interface SharedRecord {
  readonly value: unknown;
  readonly revision: number;
}

export interface RecordsOptions {
  /** The bucket; an app may use those that the contracts name for it. */
  readonly bucket: string;
  /** A record ends so long after it was written last. */
  readonly ttlMs: number;
  /** Of the whole bucket; where it is full, writes are refused. */
  readonly maxBytes: number;
}

/** Keys are tokens of a subject. */
export const RECORD_KEY = /^[A-Za-z0-9_-]{1,200}$/;
