import { linkAbort, type Logger, telemetryEnabled } from '@switchyard/platform';
import type { JetStreamClient, JsMsg } from 'nats';
import { logEvent } from '../log-events.ts';
import {
  consumed,
  type ConsumedMessage,
  type ConsumeOptions,
  DRAIN_LIMIT_MS,
  HEADER,
  type Instruments,
  inTraceOf,
  readMessage,
  runEventOn,
  settledWithin,
  type Subscription,
  systemEventOn,
  type TakenFact,
  type WakeUp,
  type WakeUpOptions,
} from '../protocol/index.ts';
import type { NatsStreams } from './nats-streams.ts';
import { inParts, pull, whileHandling } from './pull.ts';
import { parseWakeUp, settlementOf } from '../events/index.ts';

/*
 * Consumes the streams of one connection: facts through durable consumers, wake-ups from the work queue.
 *
 * - An unhandled message is delivered again: a fact until it is handled, a wake-up as `settlementOf` decides.
 * - A malformed message is counted and skipped, and never delivered again.
 * - Stopping waits for the messages being handled, for DRAIN_LIMIT_MS at the most.
 */

/** Messages that arrive within this time are handled together. */
const COLLECT_MS = 500;
const AGAIN_MS = 1_000;

export class NatsConsumers {
  readonly #pulls = new Set<Subscription>();

  readonly #js: JetStreamClient;
  readonly #streams: NatsStreams;
  readonly #log: Logger;
  readonly #instruments: Instruments;

  constructor(js: JetStreamClient, streams: NatsStreams, log: Logger, instruments: Instruments) {
    this.#js = js;
    this.#streams = streams;
    this.#log = log;
    this.#instruments = instruments;
  }

  facts({ stream, durable, filter, batch = 200, handle, signal }: ConsumeOptions): Subscription {
    return this.#pulling({
      stream,
      durable,
      filter,
      maxAckPending: batch * 4,
      want: () => batch,
      signal,
      onBatch: async (messages) => {
        for await (const part of inParts(messages, { max: batch, withinMs: COLLECT_MS }))
          await this.#handled(part, { stream, durable, handle });
      },
    });
  }

  wakeUps(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions): Subscription {
    const max = options.maxInFlight ?? 64;
    const underWay = new Set<Promise<void>>();
    return this.#pulling({
      stream: 'COMMANDS',
      durable: 'orchestrator',
      maxAckPending: 1_024,
      want: () => max - underWay.size,
      signal: options.signal,
      underWay,
      onBatch: async (messages) => {
        for await (const message of messages) {
          const done = this.#takeWakeUp(message, handler);
          underWay.add(done);
          void done.finally(() => underWay.delete(done));
        }
      },
    });
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.#pulls].map((one) => one.stop()));
  }

  async #handled(
    taken: readonly JsMsg[],
    { stream, durable, handle }: Pick<ConsumeOptions, 'stream' | 'durable' | 'handle'>,
  ): Promise<void> {
    const facts: TakenFact[] = [];
    const parsed = taken.flatMap((message) => {
      const one = parseConsumed(message);
      if (one?.event && telemetryEnabled())
        facts.push({ event: one.event, traceparent: headerOf(message)(HEADER.traceparent) });
      if (one) return [one];
      this.#instruments.malformed(stream);
      logEvent(this.#log, 'bus_message_malformed', { subject: message.subject, streamSeq: message.seq });
      return [];
    });
    try {
      if (parsed.length > 0) await whileHandling(taken, () => consumed(facts, durable, () => handle(parsed)));
      for (const message of taken) message.ack();
    } catch (error) {
      logEvent(this.#log, 'bus_batch_redelivered', { err: error, stream, messages: taken.length });
      for (const message of taken) message.nak(AGAIN_MS);
    }
  }

  async #takeWakeUp(message: JsMsg, handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>): Promise<void> {
    const wakeUp = parseWakeUp(message.subject);
    if (!wakeUp) {
      this.#instruments.malformed('COMMANDS');
      logEvent(this.#log, 'wake_up_malformed', { subject: message.subject });
      return message.term();
    }
    const handle = () => inTraceOf(headerOf(message), () => handler(wakeUp));
    const verdict = await whileHandling([message], handle).catch((error: unknown) => {
      logEvent(this.#log, 'wake_up_failed', { err: error, ...wakeUp });
      return 'failed' as const;
    });
    const settled = settlementOf(verdict, message.info.deliveryCount);
    if (settled.do === 'ack') message.ack();
    else if (settled.do === 'give-up') message.term();
    else message.nak(settled.afterMs);
  }

  /** `underWay`: work that continues beside the pulling; stopping waits for it. */
  #pulling({
    underWay = new Set(),
    ...options
  }: Omit<Parameters<typeof pull>[2], 'log' | 'signal'> & {
    signal?: AbortSignal | undefined;
    underWay?: ReadonlySet<Promise<void>>;
  }): Subscription {
    const stop = linkAbort(options.signal ? [options.signal] : []);
    const manager = async (withStreams: boolean) => {
      if (withStreams) await this.#streams.ensure();
      return this.#streams.manager();
    };
    const done = pull(this.#js, manager, { ...options, log: this.#log, signal: stop.signal });
    const subscription: Subscription = {
      stop: async () => {
        stop.abort();
        await done;
        await settledWithin(underWay, DRAIN_LIMIT_MS);
        this.#pulls.delete(subscription);
      },
    };
    this.#pulls.add(subscription);
    void done.finally(() => {
      stop.release();
      this.#pulls.delete(subscription);
    });
    return subscription;
  }
}

/** Reads one header of a message; undefined if it is absent. */
function headerOf({ headers }: JsMsg): (name: string) => string | undefined {
  return (name) => headers?.get(name) || undefined;
}

function parseConsumed({ subject, data, seq }: JsMsg): ConsumedMessage | undefined {
  return readMessage({ subject, body: data }, (_subject, raw) => {
    const event = runEventOn(subject, raw);
    const system = event ? undefined : systemEventOn(subject, raw);
    if (!event && !system) return undefined;
    return { raw, streamSeq: seq, ...(event ? { event } : {}), ...(system ? { system } : {}) };
  });
}
