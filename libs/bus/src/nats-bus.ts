import {
  AppError,
  formatCursor,
  fromCloudEvent,
  fromSystemCloudEvent,
  type LiveDelta,
  type OutputOf,
  type RequestContract,
  type RequestOf,
  type RunEvent,
  type StreamName,
  type SystemEvent,
  type SystemFact,
  subjects,
  toSystemCloudEvent,
} from '@switchyard/contracts';
import { linkAbort, type Logger, type Metrics } from '@switchyard/platform';
import { type JetStreamClient, type JetStreamManager, type JsMsg, nuid } from 'nats';
import { Answerer } from './answerer.ts';
import { Asker } from './asker.ts';
import type {
  Bus,
  BusStatus,
  ConsumedMessage,
  ConsumeOptions,
  Following,
  FollowOptions,
  Handler,
  RequestOptions,
  Subscription,
  WakeUp,
  WakeUpOptions,
} from './bus.ts';
import { Follower } from './follow.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { HeldLease, type Lease, type LeaseOptions } from './lease.ts';
import { NatsLeaseRegister } from './nats-lease.ts';
import { NatsRecords } from './nats-records.ts';
import { NatsWire } from './nats-wire.ts';
import { decode, encode, encodeEvent, parseSystem } from './protocol.ts';
import { asUnavailable, inParts, pull, whileHandling } from './pull.ts';
import { DRAIN_LIMIT_MS, settledWithin } from './settle.ts';
import { checkServerVersion, ensureStreams } from './streams.ts';
import type { Records, RecordsOptions } from './records.ts';
import { parseWakeUp, settlementOf } from './wake-up.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly app: string;
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Names this process in the facts it publishes outside runs; default: one of its own. */
  readonly instance?: string;
  /** How long requests under way may take when it stops; then their callers hear that the worker is lost. */
  readonly stopLimitMs?: number;
}

const PUBLISH_TIMEOUT_MS = 5_000;
/** Messages that come within this time are handled together. */
const COLLECT_MS = 500;
const AGAIN_MS = 1_000;
/** Events that wait for their acknowledgement at once. */
const PUBLISH_WINDOW = 500;

/** Connects to nats-server; waits until it is there. Throws where it is too old. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const wire = await NatsWire.open(options);
  try {
    checkServerVersion(wire.serverVersion);
  } catch (error) {
    await wire.close();
    throw error;
  }
  const { app, log, metrics, instance = nuid.next(), stopLimitMs } = options;
  return new NatsBus(wire, app, instance, log, createInstruments(metrics), stopLimitMs);
}

interface Stored {
  readonly subject: string;
  readonly body: Uint8Array;
  /** The same id again within the stream's window is stored once. */
  readonly id?: string;
}

class NatsBus implements Bus {
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  readonly #follower: Follower;
  readonly #js: JetStreamClient;
  readonly #pulls = new Set<Subscription>();
  readonly #leases = new Set<Lease>();
  #systemSeq = 0;
  #manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly wire: NatsWire,
    private readonly app: string,
    private readonly instance: string,
    private readonly log: Logger,
    private readonly instruments: Instruments,
    stopLimitMs?: number,
  ) {
    this.#asker = new Asker(wire, instruments);
    this.#answerer = new Answerer(wire, log, instruments, stopLimitMs);
    this.#follower = new Follower(wire, log);
    this.#js = wire.connection.jetstream({ timeout: PUBLISH_TIMEOUT_MS });
    this.onReconnect(() => this.#follower.recheck());
  }

  request<C extends RequestContract>(contract: C, input: RequestOf<C>, options?: RequestOptions): Promise<OutputOf<C>> {
    return this.#asker.request(contract, input, options);
  }

  answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options?: { maxInFlight?: number; as?: string },
  ): Promise<Subscription> {
    return this.#answerer.answer(contract, handler, options);
  }

  /**
   * Every single event is acknowledged: who publishes keeps only how far it came, so one that was lost on the way,
   * as when the link breaks or the stream is gone, would never be published again.
   */
  async publishEvents(events: readonly RunEvent[]): Promise<void> {
    const messages = events.map((event) => ({
      subject: subjects.runEvent(event.tenantId, event.runId, event.type),
      body: encodeEvent(event),
      id: formatCursor(event.runId, event.seq),
    }));
    for (let from = 0; from < messages.length; from += PUBLISH_WINDOW) {
      await this.#store(messages.slice(from, from + PUBLISH_WINDOW));
    }
  }

  async publishSystem(fact: SystemFact): Promise<void> {
    const event = {
      ...fact,
      app: this.app,
      instance: this.instance,
      seq: (this.#systemSeq += 1),
      ts: Date.now(),
    } as SystemEvent;
    const document = toSystemCloudEvent(event);
    await this.#store([{ subject: subjects.system(event.type), body: encode(document), id: document.id }]);
  }

  publishLive(tenantId: string, delta: LiveDelta): void {
    if (this.wire.connected()) this.wire.publish(subjects.liveDelta(tenantId, delta.runId), encode(delta));
  }

  async wakeUp(tenantId: string, runId: string): Promise<void> {
    await this.#store([{ subject: subjects.wakeUp(tenantId, runId), body: encode({}) }]);
  }

  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions = {}): Subscription {
    const max = options.maxInFlight ?? 64;
    const underWay = new Set<Promise<void>>();
    const take = async (message: JsMsg) => {
      const wakeUp = parseWakeUp(message.subject);
      if (!wakeUp) {
        this.instruments.malformed('COMMANDS');
        this.log.warn({ subject: message.subject }, 'malformed wake-up given up');
        return message.term();
      }
      const verdict = await whileHandling([message], () => handler(wakeUp)).catch((error: unknown) => {
        this.log.warn({ err: error, ...wakeUp }, 'a wake-up was not handled');
        return 'failed' as const;
      });
      const settled = settlementOf(verdict, message.info.deliveryCount);
      if (settled.do === 'ack') message.ack();
      else if (settled.do === 'give-up') message.term();
      else message.nak(settled.afterMs);
    };
    return this.#pulling({
      stream: 'COMMANDS',
      durable: 'orchestrator',
      maxAckPending: 1_024,
      want: () => max - underWay.size,
      signal: options.signal,
      underWay,
      onBatch: async (messages) => {
        for await (const message of messages) {
          const done = take(message);
          underWay.add(done);
          void done.finally(() => underWay.delete(done));
        }
      },
    });
  }

  async hearWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription> {
    const subscription = this.wire.subscribe('cmd.run.*.*', (message) => {
      const wakeUp = parseWakeUp(message.subject);
      if (wakeUp) listener(wakeUp);
    });
    await this.wire.flush();
    return { stop: () => Promise.resolve(subscription.unsubscribe()) };
  }

  async hearSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription> {
    const subscription = this.wire.subscribe(about === undefined ? 'sys.>' : `sys.${about}.>`, ({ body }) => {
      const event = parseSystem(body);
      if (event) listener(event);
    });
    await this.wire.flush();
    return { stop: () => Promise.resolve(subscription.unsubscribe()) };
  }

  follow(options: FollowOptions): Following {
    return this.#follower.follow(options);
  }

  consume({ stream, durable, filter, batch = 200, handle, signal }: ConsumeOptions): Subscription {
    return this.#pulling({
      stream,
      durable,
      filter,
      maxAckPending: batch * 4,
      want: () => batch,
      signal,
      onBatch: async (messages) => {
        for await (const part of inParts(messages, { max: batch, withinMs: COLLECT_MS }))
          await this.#handled(stream, part, handle);
      },
    });
  }

  /** What is not handled comes again. */
  async #handled(stream: StreamName, taken: readonly JsMsg[], handle: ConsumeOptions['handle']): Promise<void> {
    const parsed = taken.flatMap((message) => {
      const one = parseConsumed(message);
      if (one) return [one];
      this.instruments.malformed(stream);
      this.log.warn({ subject: message.subject, streamSeq: message.seq }, 'malformed message skipped');
      return [];
    });
    try {
      if (parsed.length > 0) await whileHandling(taken, () => handle(parsed));
      for (const message of taken) message.ack();
    } catch (error) {
      this.log.warn({ err: error, stream, messages: taken.length }, 'messages were not handled; they come again');
      for (const message of taken) message.nak(AGAIN_MS);
    }
  }

  lease(options: LeaseOptions): Lease {
    const lease = new HeldLease(options, new NatsLeaseRegister(this.#js, `${this.app}.${options.name}`), this.log);
    this.#leases.add(lease);
    return lease;
  }

  records(options: RecordsOptions): Records {
    return new NatsRecords(this.#js, this.app, options);
  }

  async ensureStreams(): Promise<void> {
    try {
      await ensureStreams(await this.#jsm());
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }> {
    try {
      const { created, state } = await (await this.#jsm()).streams.info(stream);
      return { made: created, lastSeq: state.last_seq };
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  status(): BusStatus {
    const { serverVersion, rttMs, url, reconnects } = this.wire;
    return {
      connected: this.wire.connected(),
      reconnects,
      url,
      ...(serverVersion === undefined ? {} : { serverVersion }),
      ...(rttMs === undefined ? {} : { rttMs }),
    };
  }

  onStatus(listener: (status: BusStatus) => void): () => void {
    return this.wire.onChange(() => listener(this.status()));
  }

  onReconnect(listener: () => void): () => void {
    return this.wire.onChange((connected) => connected && listener());
  }

  async drain(): Promise<void> {
    const pulls = [...this.#pulls].map((one) => one.stop());
    await settledWithin([...pulls, this.#answerer.drain(DRAIN_LIMIT_MS)], DRAIN_LIMIT_MS);
  }

  async close(): Promise<void> {
    await this.drain();
    await Promise.all([...this.#leases].map((lease) => lease.close()));
    this.#asker.close();
    this.#answerer.close();
    await this.wire.close();
  }

  /** `underWay`: what goes on beside the pulling itself, and is waited for when it stops. */
  #pulling({
    underWay = new Set(),
    ...options
  }: Omit<Parameters<typeof pull>[2], 'log' | 'signal'> & {
    signal?: AbortSignal | undefined;
    underWay?: ReadonlySet<Promise<void>>;
  }): Subscription {
    const stop = linkAbort(options.signal ? [options.signal] : []);
    const manager = async (withStreams: boolean) => {
      if (withStreams) await this.ensureStreams();
      return this.#jsm();
    };
    const done = pull(this.#js, manager, { ...options, log: this.log, signal: stop.signal });
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

  #jsm(): Promise<JetStreamManager> {
    this.#manager ??= this.wire.connection.jetstreamManager({ timeout: PUBLISH_TIMEOUT_MS }).catch((error: unknown) => {
      this.#manager = undefined;
      throw error;
    });
    return this.#manager;
  }

  /** Publishes to a stream and waits for each acknowledgement; where the stream is gone it is made again, once. */
  async #store(messages: readonly Stored[]): Promise<void> {
    const results = await Promise.allSettled(messages.map((message) => this.#storeOne(message)));
    const failed = messages.filter((_, index) => results[index]?.status === 'rejected');
    if (failed.length === 0) return;
    const error: unknown = results.find((result) => result.status === 'rejected')?.reason;
    if (!(error instanceof AppError) || error.code !== 'no_responders') throw error;
    await this.ensureStreams();
    await Promise.all(failed.map((message) => this.#storeOne(message)));
  }

  async #storeOne({ subject, body, id }: Stored): Promise<void> {
    const headers: Record<string, string> = id === undefined ? {} : { 'Nats-Msg-Id': id };
    const deadline = Date.now() + PUBLISH_TIMEOUT_MS;
    const answer = await this.#asker.exchange(subject, body, { headers, deadline, watched: false });
    const ack = decode(answer.body) as { error?: { description?: string } };
    if (ack.error)
      throw new AppError('unavailable', 'The message bus does not take messages at the moment.', { cause: ack.error });
  }
}

function parseConsumed(message: JsMsg): ConsumedMessage | undefined {
  try {
    const raw = decode(message.data);
    const event = fromCloudEvent(raw);
    const system = event ? undefined : fromSystemCloudEvent(raw);
    if (!event && !system) return undefined;
    return { raw, streamSeq: message.seq, ...(event ? { event } : {}), ...(system ? { system } : {}) };
  } catch {
    return undefined;
  }
}
