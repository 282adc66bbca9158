import { AppError } from '@switchyard/contracts';
import type { LeaseEntry, LeaseRegister } from '../lease/index.ts';
import { RECORD_KEY, type Records, type RecordsOptions } from '../protocol/index.ts';

interface StoredRecord {
  readonly text: string;
  readonly revision: number;
  readonly untilMs: number;
}

/** The key-value buckets, shared by all connections: an entry is written only over its known revision. */
export class MemoryBuckets {
  readonly #leases = new Map<string, LeaseEntry>();
  readonly #records = new Map<string, StoredRecord>();
  #writes = 0;

  leaseRegister(key: string): LeaseRegister {
    return {
      read: () => Promise.resolve(this.#leases.get(key)),
      write: (entry, expect) => {
        if ((this.#leases.get(key)?.revision ?? 0) !== expect) return Promise.resolve(undefined);
        this.#leases.set(key, { ...entry, revision: (this.#writes += 1) });
        return Promise.resolve(this.#writes);
      },
    };
  }

  /** Records of one bucket and app; full and over as in NATS. */
  records({ bucket, ttlMs, maxBytes }: RecordsOptions, app: string): Records {
    const entries = this.#records;
    const nameOf = (key: string): string => `${bucket}.${app}.${key}`;
    const at = (key: string) => {
      const entry = entries.get(nameOf(key));
      return entry && entry.untilMs > Date.now() ? entry : undefined;
    };
    return {
      read: async (key) => {
        const entry = at(key);
        return entry && { value: JSON.parse(entry.text) as unknown, revision: entry.revision };
      },
      write: async (key, value, expect) => {
        if (!RECORD_KEY.test(key)) throw new AppError('invalid_input', 'That is not the key of a record.');
        if ((at(key)?.revision ?? 0) !== expect) return undefined;
        const text = JSON.stringify(value);
        for (const [name, { untilMs }] of entries) if (untilMs <= Date.now()) entries.delete(name);
        const used = [...entries.values()].reduce((sum, entry) => sum + entry.text.length, 0);
        if (used + text.length > maxBytes) throw new AppError('overloaded');
        entries.set(nameOf(key), { text, revision: (this.#writes += 1), untilMs: Date.now() + ttlMs });
        return this.#writes;
      },
      remove: async (key, expect) => {
        if (at(key)?.revision === expect) entries.delete(nameOf(key));
      },
    };
  }
}
