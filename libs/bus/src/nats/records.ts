import { AppError } from '@switchyard/contracts';
import { type JetStreamClient, type KV, NatsError } from 'nats';
import { decode, encode, RECORD_KEY, type Records, type RecordsOptions, type SharedRecord } from '../protocol/index.ts';
import { asUnavailable } from './pull.ts';

/** The server's codes: another last revision; a stream that is full. */
const WRONG_LAST_REVISION = 10_071;
const FULL = /maximum (bytes|messages) exceeded|insufficient (storage|resources)/i;

/** Records in a key-value bucket of NATS; a key is `<app>.<key>`, so that an app reaches only its own. */
export class NatsRecords implements Records {
  #bucket: Promise<KV> | undefined;

  readonly #js: JetStreamClient;
  readonly #app: string;
  readonly #options: RecordsOptions;

  constructor(js: JetStreamClient, app: string, options: RecordsOptions) {
    this.#js = js;
    this.#app = app;
    this.#options = options;
  }

  read(key: string): Promise<SharedRecord | undefined> {
    return this.#with(async (bucket) => {
      const entry = await bucket.get(this.#key(key));
      if (!entry || entry.operation !== 'PUT') return undefined;
      return { value: decode(entry.value), revision: entry.revision };
    });
  }

  write(key: string, value: unknown, expect: number): Promise<number | undefined> {
    return this.#with(async (bucket) => {
      const [name, body] = [this.#key(key), encode(value)];
      try {
        // `create` also writes where a record was removed.
        return expect === 0 ? await bucket.create(name, body) : await bucket.update(name, body, expect);
      } catch (error) {
        return otherRevision(error);
      }
    });
  }

  async remove(key: string, expect: number): Promise<void> {
    await this.#with((bucket) => bucket.delete(this.#key(key), { previousSeq: expect }).catch(otherRevision));
  }

  #key(key: string): string {
    if (!RECORD_KEY.test(key)) throw new AppError('invalid_input', 'That is not the key of a record.');
    return `${this.#app}.${key}`;
  }

  /** Creates the bucket if it is missing; if it disappeared, the next call creates it again. */
  async #with<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    const { bucket, ttlMs, maxBytes } = this.#options;
    // Not `allow_direct`: every read must see the last write.
    this.#bucket ??= this.#js.views.kv(bucket, { history: 1, ttl: ttlMs, max_bytes: maxBytes, allow_direct: false });
    try {
      return await work(await this.#bucket);
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (error instanceof NatsError && FULL.test(error.message))
        throw new AppError('overloaded', 'The message bus keeps no more records at the moment.', { cause: error });
      this.#bucket = undefined;
      throw asUnavailable(error);
    }
  }
}

function otherRevision(error: unknown): undefined {
  if (error instanceof NatsError && error.api_error?.err_code === WRONG_LAST_REVISION) return undefined;
  throw error;
}
