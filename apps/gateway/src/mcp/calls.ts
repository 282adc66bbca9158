/*
 * Calls under way of clients that have no session: a cancel of theirs comes in a request of its own and names the call
 * by nothing but the id that the client gave it.
 *
 * - A cancel reaches only calls of the same client: same user, same address, same program.
 * - Where two calls of one client have one id, nobody can say which of them the client meant; neither is stopped.
 */

/** Who calls: as far as a client without a session can be told from others. */
export interface LooseClient {
  readonly user: string;
  readonly address: string;
  readonly program: string;
}

export class OpenCalls {
  readonly #open = new Map<string, Set<AbortController>>();

  /** A call begins; its signal, and what is to be called when it has ended. */
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

  /** True where a call was stopped. */
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
