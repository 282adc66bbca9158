import { createHash } from 'node:crypto';
import { AppError } from '@switchyard/contracts';

/*
 * Resources that one session watches. Not all upstreams announce changes, so each resource is read periodically, and
 * the session is notified if it changed.
 *
 * - The number of watched resources is limited per session. A resource that cannot be read cannot be watched.
 * - Resources are read one at a time, with the user's current rights. A resource that cannot be read at the moment
 *   counts as unchanged.
 * - A session without watched resources, or that is over, causes no reads.
 */

const MAX_WATCHED = 32;

export interface WatchedParts {
  /** Reads the resource. Throws if it cannot be read. */
  readonly read: (uri: string, signal: AbortSignal) => Promise<unknown>;
  readonly tell: (uri: string) => Promise<void>;
  readonly everyMs: number;
}

export class Watched {
  readonly #digests = new Map<string, string>();
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  readonly #parts: WatchedParts;

  constructor(parts: WatchedParts) {
    this.#parts = parts;
  }

  async add(uri: string): Promise<void> {
    if (this.#digests.has(uri)) return;
    if (this.#digests.size >= MAX_WATCHED)
      throw new AppError('invalid_input', `A session may watch ${MAX_WATCHED} resources; end a watch first.`);
    this.#digests.set(uri, '');
    try {
      const digest = await this.#digestOf(uri);
      if (this.#digests.has(uri)) this.#digests.set(uri, digest);
      this.#schedule();
    } catch (error) {
      this.#digests.delete(uri);
      throw error;
    }
  }

  remove(uri: string): void {
    this.#digests.delete(uri);
  }

  get size(): number {
    return this.#digests.size;
  }

  close(): void {
    this.#over.abort();
    clearTimeout(this.#timer);
    this.#digests.clear();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#over.signal.aborted) return;
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        this.#timer = undefined;
        if (this.#digests.size > 0) this.#schedule();
      });
    }, this.#parts.everyMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    for (const [uri, before] of [...this.#digests]) {
      if (this.#over.signal.aborted) return;
      const now = await this.#digestOf(uri).catch(() => before); // cannot be read: not changed
      if (now === before || !this.#digests.has(uri)) continue;
      this.#digests.set(uri, now);
      await this.#parts.tell(uri).catch(() => undefined);
    }
  }

  async #digestOf(uri: string): Promise<string> {
    const value = await this.#parts.read(uri, this.#over.signal);
    return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
  }
}
