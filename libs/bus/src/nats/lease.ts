import { LEASES } from '@switchyard/contracts';
import { type JetStreamClient, type KV, NatsError } from 'nats';
import type { LeaseEntry, LeaseRegister } from '../lease/index.ts';
import { decode, encode } from '../protocol/index.ts';

/** The server's code for a write over another revision than the last one. */
const WRONG_LAST_REVISION = 10_071;

/**
 * Lease entries in a key-value bucket of NATS; a key is `<app>.<name>`, so that an app reaches only its own. Uses only
 * features of nats-server 2.9.
 */
export class NatsLeaseRegister implements LeaseRegister {
  #bucket: Promise<KV> | undefined;

  readonly #js: JetStreamClient;
  readonly #key: string;

  constructor(js: JetStreamClient, key: string) {
    this.#js = js;
    this.#key = key;
  }

  async read(): Promise<LeaseEntry | undefined> {
    return this.#with(async (bucket) => {
      const entry = await bucket.get(this.#key);
      if (!entry || entry.operation !== 'PUT') return undefined;
      const { holder, released } = parsed(entry.value);
      return { holder, released, revision: entry.revision };
    });
  }

  async write(entry: Omit<LeaseEntry, 'revision'>, expect: number): Promise<number | undefined> {
    return this.#with(async (bucket) => {
      try {
        return await bucket.put(this.#key, encode(entry), { previousSeq: expect });
      } catch (error) {
        if (error instanceof NatsError && error.api_error?.err_code === WRONG_LAST_REVISION) return undefined;
        throw error;
      }
    });
  }

  /** Creates the bucket if it is missing; if it disappeared, the next read creates it again. */
  async #with<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    // Not `allow_direct`: every read must see the last write.
    this.#bucket ??= this.#js.views.kv(LEASES.bucket, { history: 1, max_bytes: LEASES.maxBytes, allow_direct: false });
    try {
      return await work(await this.#bucket);
    } catch (error) {
      this.#bucket = undefined;
      throw error;
    }
  }
}

/** A malformed entry has no holder and is taken like one whose holder vanished. */
function parsed(value: Uint8Array): { holder: string; released: boolean } {
  try {
    const entry = decode(value) as { holder?: unknown; released?: unknown };
    return { holder: String(entry.holder).slice(0, 200), released: entry.released === true };
  } catch {
    return { holder: '', released: false };
  }
}
