/*
 * Open calls of clients without a session: such a client cancels in a separate request and names the call only by the
 * id that it gave it.
 *
 * - A cancel reaches only calls of the same client: same user, same address, same program.
 * - If two calls of one client have the same id, the cancel is ambiguous and stops neither.
 */

/** A client without a session, as far as it can be distinguished. */
export interface LooseClient {
  readonly user: string;
  readonly address: string;
  readonly program: string;
}

export class OpenCalls {
  readonly #open = new Map<string, Set<AbortController>>();

  /** Registers a call; returns its signal, and a function to call at its end. */
  begin(client: LooseClient, id: string | number): { signal: AbortSignal; end: () => void } {
    const key = keyOf(client, id);
    const abort = new AbortController();
    const same = this.#open.get(key);
    if (same) same.add(abort);
    else this.#open.set(key, new Set([abort]));
    return {
      signal: abort.signal,
      end: () => {
        const left = this.#open.get(key);
        left?.delete(abort);
        if (left?.size === 0) this.#open.delete(key);
      },
    };
  }

  /** Returns true if a call was stopped. */
  cancel(client: LooseClient, id: string | number): boolean {
    const named = this.#open.get(keyOf(client, id));
    if (named?.size !== 1) return false; // no such call, or two under one id
    for (const abort of named) abort.abort();
    return true;
  }

  get size(): number {
    return this.#open.size;
  }
}

/** A list as JSON, so that no part can be taken for another; the ids 1 and "1" are two. */
function keyOf({ user, address, program }: LooseClient, id: string | number): string {
  return JSON.stringify([user, address, program, id]);
}
