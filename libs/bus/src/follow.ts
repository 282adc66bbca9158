import { AppError, fromCloudEvent, LiveDelta, type RunEvent, subjects } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep } from '@switchyard/platform';
import type { Following, FollowOptions } from './bus.ts';
import { decode } from './protocol.ts';
import { Reorder } from './reorder.ts';
import type { Wire, WireMessage, WireSubscription } from './wire.ts';

/*
 * Follows runs: live facts in order, holes filled from the journal.
 *
 * F1 One subscription per run and process, shared by all who follow it, gone with the last of them.
 * F2 A lost message can delay a reader, never stop it: a hole is asked for after HOLE_MS, a quiet run is
 *    looked at every QUIET_MS, and every run at once after a reconnect.
 * F3 What a slow reader has not taken is bounded; over the bound it is forgotten and read from the journal.
 */

const HOLE_MS = 50;
const QUIET_MS = 5_000;
const MAX_UNREAD = 2_000;
const FETCH_TRIES = 8;

interface Listener {
  onEvent(event: RunEvent): void;
  onLive?(delta: LiveDelta): void;
}

interface Feed {
  readonly listeners: Set<Listener>;
  readonly events: WireSubscription;
  live: WireSubscription | undefined;
}

export class Follower {
  readonly #feeds = new Map<string, Feed>();
  readonly #wakers = new Set<() => void>();

  constructor(
    private readonly wire: Wire,
    private readonly log: Logger,
  ) {}

  /** Runs that are followed at the moment. */
  get feedCount(): number {
    return this.#feeds.size;
  }

  /** Messages may have been missed: every reader looks at the journal. */
  recheck(): void {
    for (const wake of this.#wakers) wake();
  }

  /** Subscribes before it returns, so that whatever is published from now on is seen. */
  follow(options: FollowOptions): Following {
    const reader = new Reader(options, this.log);
    const leave = this.#join(options, reader);
    this.#wakers.add(reader.recheck);
    let closed = false;
    const close = () => {
      if (closed) return;
      closed = true;
      options.signal.removeEventListener('abort', close);
      this.#wakers.delete(reader.recheck);
      leave();
      reader.close();
    };
    if (options.signal.aborted) close();
    else options.signal.addEventListener('abort', close, { once: true });
    return {
      close,
      [Symbol.asyncIterator]: () => {
        const batches = reader.batches();
        return {
          next: async () => {
            try {
              const step = await batches.next();
              if (step.done) close();
              return step;
            } catch (error) {
              close();
              throw error;
            }
          },
          return: async () => {
            close();
            await batches.return(undefined);
            return { done: true, value: undefined };
          },
        };
      },
    };
  }

  #join({ tenantId, runId, onLive }: FollowOptions, listener: Listener): () => void {
    const key = `${tenantId}.${runId}`;
    let feed = this.#feeds.get(key);
    if (!feed) {
      const listeners = new Set<Listener>();
      const filter = subjects.runFilter(tenantId, runId);
      feed = {
        listeners,
        events: this.wire.subscribe(filter, (message) => this.#spread(listeners, message)),
        live: undefined,
      };
      this.#feeds.set(key, feed);
    }
    const { listeners } = feed;
    listeners.add(listener);
    if (onLive) {
      feed.live ??= this.wire.subscribe(subjects.liveDelta(tenantId, runId), (message) =>
        this.#spreadLive(listeners, message),
      );
    }
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0) return;
      this.#feeds.delete(key);
      feed.events.unsubscribe();
      feed.live?.unsubscribe();
    };
  }

  #spread(listeners: ReadonlySet<Listener>, message: WireMessage): void {
    const event = read(message, fromCloudEvent);
    if (event) for (const listener of listeners) listener.onEvent(event);
    else this.log.warn({ subject: message.subject }, 'not a fact of a run; the journal will be asked');
  }

  #spreadLive(listeners: ReadonlySet<Listener>, message: WireMessage): void {
    const delta = read(message, (value) => LiveDelta.safeParse(value).data);
    if (delta) for (const listener of listeners) listener.onLive?.(delta);
  }
}

function read<T>(message: WireMessage, parse: (value: unknown) => T | undefined): T | undefined {
  try {
    return parse(decode(message.body));
  } catch {
    return undefined;
  }
}

class Reader implements Listener {
  readonly #order: Reorder;
  #unread: RunEvent[] = [];
  #mustAsk: boolean;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(
    private readonly options: FollowOptions,
    private readonly log: Logger,
  ) {
    this.#order = new Reorder(options.after);
    this.#mustAsk = options.fresh !== true;
  }

  readonly recheck = (): void => {
    this.#mustAsk = true;
    this.#wake?.();
  };

  onEvent(event: RunEvent): void {
    if (this.#unread.length >= MAX_UNREAD) {
      this.#unread = []; // F3
      this.#mustAsk = true;
    }
    this.#unread.push(event);
    this.#wake?.();
  }

  onLive(delta: LiveDelta): void {
    this.options.onLive?.(delta);
  }

  close(): void {
    this.#closed = true;
    this.#unread = [];
    this.#wake?.();
  }

  async *batches(): AsyncGenerator<RunEvent[], undefined> {
    while (!this.#closed) {
      const ready = this.#order.take(this.#unread.splice(0));
      if (ready.length > 0) yield ready;
      if (this.#order.ended || this.#closed) return;
      if (this.#unread.length > 0) continue;
      if (this.#mustAsk) {
        const asked = await this.#ask();
        if (asked.length > 0) yield asked;
        continue;
      }
      if (ready.length === 0 || !this.#order.ended) {
        const woken = await this.#wait(this.#order.hole ? HOLE_MS : QUIET_MS);
        if (!woken) this.#mustAsk = true; // F2
      }
    }
  }

  /** One page of the journal. As long as it had something, the next page is asked for, too. */
  async #ask(): Promise<RunEvent[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        const page = await this.options.fetch(this.#order.last);
        const ready = this.#order.take(page.events);
        this.#mustAsk = !this.#order.ended && this.#order.last < page.lastSeq && page.events.length > 0;
        return ready;
      } catch (error) {
        if (this.#closed) return [];
        if (tries >= FETCH_TRIES || !(error instanceof AppError) || isFinal(error)) throw error;
        this.log.warn({ runId: this.options.runId, err: error, tries }, 'the journal was not read; trying again');
        await sleep(backoffMs(tries, { baseMs: 100, maxMs: 2_000 }), this.options.signal).catch(() => undefined);
      }
    }
  }

  /** True where something came; false where the time ran out. */
  #wait(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (woken: boolean) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(woken);
      };
      const timer = setTimeout(() => done(false), limitMs);
      this.#wake = () => done(true);
    });
  }
}

/** Asking again will not change the answer. */
function isFinal(error: AppError): boolean {
  return ['not_found', 'forbidden', 'invalid_input', 'invalid_cursor', 'history_expired'].includes(error.code);
}
