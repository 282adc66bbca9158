import { LiveDelta, type RunEvent, safeParse, subjects } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import {
  type Following,
  type FollowOptions,
  readMessage,
  runEventOn,
  type Wire,
  type WireMessage,
  type WireSubscription,
} from '../protocol/index.ts';
import { RunReader } from './run-reader.ts';

/*
 * Follows runs: live facts in order, with holes filled from the journal.
 *
 * - All readers of a run in this process share one subscription. It ends with the last of them.
 * - After a reconnect every reader checks the journal at once.
 * - A reader that throws harms neither the other readers nor the connection.
 */

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

  readonly #wire: Wire;
  readonly #log: Logger;

  constructor(wire: Wire, log: Logger) {
    this.#wire = wire;
    this.#log = log;
  }

  /** Runs that are followed at the moment. */
  get feedCount(): number {
    return this.#feeds.size;
  }

  /** Messages may have been missed: every reader checks the journal. */
  recheck(): void {
    for (const wake of this.#wakers) wake();
  }

  /** Subscribes before it returns, so that no later event is missed. */
  follow(options: FollowOptions): Following {
    const reader = new RunReader(options, this.#log);
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
        events: this.#wire.subscribe(filter, (message) => this.#spread({ tenantId, runId }, listeners, message)),
        live: undefined,
      };
      this.#feeds.set(key, feed);
    }
    const { listeners } = feed;
    listeners.add(listener);
    if (onLive) {
      feed.live ??= this.#wire.subscribe(subjects.liveDelta(tenantId, runId), (message) =>
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

  #spread(
    { tenantId, runId }: Pick<FollowOptions, 'tenantId' | 'runId'>,
    listeners: ReadonlySet<Listener>,
    message: WireMessage,
  ): void {
    const event = readMessage(message, runEventOn);
    // A copy that JetStream delivers to a consumer's chosen subject still names the subject under which it was stored.
    if (event && (event.runId !== runId || event.tenantId !== tenantId)) return;
    if (event) for (const listener of [...listeners]) listener.onEvent(event);
    else logEvent(this.#log, 'run_event_malformed', { subject: message.subject });
  }

  #spreadLive(listeners: ReadonlySet<Listener>, message: WireMessage): void {
    const delta = readMessage(message, (_subject, value) => safeParse(LiveDelta, value).data);
    if (!delta) return;
    for (const listener of [...listeners]) {
      try {
        listener.onLive?.(delta);
      } catch (error) {
        logEvent(this.#log, 'live_text_reader_failed', { err: error, subject: message.subject });
      }
    }
  }
}
