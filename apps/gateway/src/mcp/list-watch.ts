import { AsyncLocalStorage } from 'node:async_hooks';
import type { InMemoryServerEventBus, ServerEventBus } from '@modelcontextprotocol/server';
import type { Bus } from '@switchyard/bus';
import { listTools, type Principal } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';

/*
 * Notifies listening clients when their user's tools have changed.
 *
 * - A client is notified only of its user's own list. An event only triggers a query of the list's etag, as this user.
 *   If the etag is the same, the client is not notified.
 * - mcp-tool is asked once for each user, for a few users at a time, and once for all the events of a moment. Without
 *   listening clients it is not asked.
 * - If the etag cannot be fetched, the client is notified: one list request too many is better than a missed change.
 */

export interface ListWatchParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly log: Logger;
  readonly gatherMs?: number;
}

type Tell = () => void;
interface Watched {
  readonly principal: Principal;
  readonly tells: Set<Tell>;
  /** Of the last known list; undefined while unknown. */
  etag: string | undefined;
}

const GATHER_MS = 250;
const AT_A_TIME = 4;

export class ListWatch {
  readonly #users = new Map<string, Watched>();
  /** The users whose etag is due; undefined: none. */
  #due: Set<string> | 'all' | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  readonly #caller = new AsyncLocalStorage<Principal>();
  #begun = 0;
  #closed = false;

  readonly #parts: ListWatchParts;

  constructor(parts: ListWatchParts) {
    this.#parts = parts;
  }

  /** Subscribing to this starts a watch of the caller's own list: the caller for whom `as` runs the work. */
  readonly events: Pick<InMemoryServerEventBus, keyof ServerEventBus> = {
    publish: () => undefined,
    subscribe: (listener) => {
      const principal = this.#caller.getStore();
      return principal ? this.watch(principal, () => listener({ kind: 'tools_list_changed' })) : () => undefined;
    },
  };

  async as<T>(principal: Principal, work: () => Promise<T>): Promise<T> {
    this.#begun += 1;
    try {
      return await this.#caller.run(principal, work);
    } finally {
      this.#begun -= 1;
      // An AsyncLocalStorage in use slows down every promise in the process.
      if (this.#begun === 0) this.#caller.disable();
    }
  }

  /** Calls `tell` after each change; the returned function ends that. */
  watch(principal: Principal, tell: Tell): () => void {
    const key = keyOf(principal);
    let watched = this.#users.get(key);
    if (!watched) {
      watched = { principal, tells: new Set(), etag: undefined };
      this.#users.set(key, watched);
      void this.#begin(watched);
    }
    const { tells } = watched;
    tells.add(tell);
    return () => {
      tells.delete(tell);
      if (tells.size === 0 && this.#users.get(key)?.tells === tells) this.#users.delete(key);
    };
  }

  /** The tools changed: for this user, or for an unknown one. */
  changed(who?: { tenantId: string; userId: string }): void {
    if (this.#closed || this.#users.size === 0) return;
    if (!who) this.#due = 'all';
    else if (this.#due !== 'all') {
      const due = this.#due ?? new Set();
      for (const [key, { principal }] of this.#users)
        if (principal.tenantId === who.tenantId && principal.userId === who.userId) due.add(key);
      if (due.size === 0) return;
      this.#due = due;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#looking = this.#looking.then(() => this.#look());
    }, this.#parts.gatherMs ?? GATHER_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#users.clear();
  }

  async #begin(watched: Watched): Promise<void> {
    const etag = await this.#etagOf(watched.principal);
    watched.etag ??= etag;
  }

  /** Queries the etag once for each user that is due, for AT_A_TIME users at a time. */
  async #look(): Promise<void> {
    const due = this.#due;
    this.#due = undefined;
    const keys = due === 'all' ? [...this.#users.keys()] : [...(due ?? [])];
    const next = async (): Promise<void> => {
      for (let key = keys.pop(); key !== undefined && !this.#closed; key = keys.pop()) {
        const watched = this.#users.get(key);
        if (watched) await this.#ask(watched);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
  }

  /** Notifies the user's clients if the etag changed, or could not be fetched. */
  async #ask(watched: Watched): Promise<void> {
    const etag = await this.#etagOf(watched.principal);
    if (etag !== undefined && etag === watched.etag) return;
    watched.etag = etag;
    for (const tell of watched.tells) tell();
  }

  async #etagOf(principal: Principal): Promise<string | undefined> {
    try {
      return (await this.#parts.bus.request(listTools, { principal, limit: 1 })).etag;
    } catch (error) {
      this.#parts.log.debug({ err: error }, 'a list of tools could not be compared');
      return undefined;
    }
  }
}

function keyOf({ tenantId, userId, role, tools }: Principal): string {
  return JSON.stringify([tenantId, userId, role, tools]);
}
