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
  type SystemEvent,
  type SystemFact,
  subjects,
  toCloudEvent,
  toSystemCloudEvent,
} from '@switchyard/contracts';
import { type Logger } from '@switchyard/platform';
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
import { NatsWire } from './nats-wire.ts';
import { decode, encode } from './protocol.ts';
import { asUnavailable, pull } from './pull.ts';
import { checkServerVersion, ensureStreams } from './streams.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly app: string;
  readonly log: Logger;
}

const PUBLISH_TIMEOUT_MS = 5_000;

/** Connects to nats-server; waits until it is there. */
export async function connectBus(options: ConnectOptions): Promise<Bus> {
  const wire = await NatsWire.open(options);
  checkServerVersion(wire.serverVersion);
  return new NatsBus(wire, options.app, options.log);
}

class NatsBus implements Bus {
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  readonly #follower: Follower;
  readonly #js: JetStreamClient;
  readonly #stops = new Set<AbortController>();
  readonly #instance = nuid.next();
  #systemSeq = 0;
  #manager: Promise<JetStreamManager> | undefined;

  constructor(
    private readonly wire: NatsWire,
    private readonly app: string,
    private readonly log: Logger,
  ) {
    this.#asker = new Asker(wire);
    this.#answerer = new Answerer(wire, log);
    this.#follower = new Follower(wire, log);
    this.#js = wire.connection.jetstream({ timeout: PUBLISH_TIMEOUT_MS });
    wire.onReconnect(() => this.#follower.recheck());
  }

  request<C extends RequestContract>(contract: C, input: RequestOf<C>, options?: RequestOptions): Promise<OutputOf<C>> {
    return this.#asker.request(contract, input, options);
  }

  answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options?: { maxInFlight?: number },
  ): Promise<Subscription> {
    return this.#answerer.answer(contract, handler, options);
  }

  /**
   * The server takes the messages of one connection in order, so the acknowledgement of the last says that it
   * has all of them; one is asked for.
   */
  async publishEvents(events: readonly RunEvent[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    const bodies = events.map((event) => encode(toCloudEvent(event)));
    for (const [index, event] of events.entries()) {
      if (event === last) break;
      const subject = subjects.runEvent(event.tenantId, event.runId, event.type);
      this.wire.publish(subject, bodies[index]!, { headers: { 'Nats-Msg-Id': formatCursor(event.runId, event.seq) } });
    }
    await this.#store(
      subjects.runEvent(last.tenantId, last.runId, last.type),
      bodies.at(-1)!,
      formatCursor(last.runId, last.seq),
    );
  }

  async publishSystem(fact: SystemFact): Promise<void> {
    const event = {
      ...fact,
      app: this.app,
      instance: this.#instance,
      seq: (this.#systemSeq += 1),
      ts: Date.now(),
    } as SystemEvent;
    await this.#store(subjects.system(event.type), encode(toSystemCloudEvent(event)), `${this.#instance}:${event.seq}`);
  }

  publishLive(tenantId: string, delta: LiveDelta): void {
    if (this.wire.connected()) this.wire.publish(subjects.liveDelta(tenantId, delta.runId), encode(delta));
  }

  async wakeUp(tenantId: string, runId: string): Promise<void> {
    await this.#store(subjects.wakeUp(tenantId, runId), encode({}), undefined);
  }

  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions = {}): Subscription {
    const max = options.maxInFlight ?? 64;
    const underWay = new Set<Promise<void>>();
    const take = async (message: JsMsg) => {
      try {
        const wakeUp = parseWakeUp(message.subject);
        const verdict = wakeUp ? await handler(wakeUp) : 'done';
        if (verdict === 'busy') message.nak(1_000);
        else message.ack();
      } catch (error) {
        this.log.warn({ err: error }, 'a wake-up was not handled; it comes again');
        message.nak(1_000);
      }
    };
    return this.#pulling({
      stream: 'COMMANDS',
      durable: 'orchestrator',
      maxAckPending: 1_024,
      want: () => max - underWay.size,
      expiresMs: 2_000,
      signal: options.signal,
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

  follow(options: FollowOptions): Following {
    return this.#follower.follow(options);
  }

  consume({ stream, durable, batch = 200, handle, signal }: ConsumeOptions): Subscription {
    return this.#pulling({
      stream,
      durable,
      maxAckPending: batch * 4,
      want: () => batch,
      expiresMs: 1_000,
      signal,
      onBatch: async (messages) => {
        const taken: JsMsg[] = [];
        const parsed: ConsumedMessage[] = [];
        for await (const message of messages) {
          taken.push(message);
          const one = parseConsumed(message);
          if (one) parsed.push(one);
          else this.log.warn({ subject: message.subject, streamSeq: message.seq }, 'malformed message skipped');
        }
        if (taken.length === 0) return;
        try {
          if (parsed.length > 0) await handle(parsed);
        } catch (error) {
          for (const message of taken) message.nak(1_000);
          throw error;
        }
        for (const message of taken) message.ack();
      },
    });
  }

  async ensureStreams(): Promise<void> {
    try {
      await ensureStreams(await this.#jsm());
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  status(): BusStatus {
    const { serverVersion } = this.wire;
    return {
      connected: this.wire.connected(),
      reconnects: this.wire.reconnects,
      ...(serverVersion === undefined ? {} : { serverVersion }),
    };
  }

  onReconnect(listener: () => void): () => void {
    return this.wire.onReconnect(listener);
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop.abort();
    this.#asker.close();
    this.#answerer.close();
    await this.wire.close();
  }

  #pulling(
    options: Omit<Parameters<typeof pull>[2], 'log' | 'signal'> & { signal?: AbortSignal | undefined },
  ): Subscription {
    const stop = new AbortController();
    this.#stops.add(stop);
    const signal = options.signal ? AbortSignal.any([stop.signal, options.signal]) : stop.signal;
    const done = pull(
      this.#js,
      async () => {
        await this.ensureStreams();
        return this.#jsm();
      },
      { ...options, log: this.log, signal },
    ).finally(() => this.#stops.delete(stop));
    return {
      stop: async () => {
        stop.abort();
        await done;
      },
    };
  }

  #jsm(): Promise<JetStreamManager> {
    this.#manager ??= this.wire.connection.jetstreamManager({ timeout: PUBLISH_TIMEOUT_MS }).catch((error: unknown) => {
      this.#manager = undefined;
      throw error;
    });
    return this.#manager;
  }

  /** Publishes to a stream and waits for the acknowledgement; where the stream is gone it is made again, once. */
  async #store(subject: string, body: Uint8Array, messageId: string | undefined): Promise<void> {
    const headers: Record<string, string> = messageId === undefined ? {} : { 'Nats-Msg-Id': messageId };
    const once = () =>
      this.#asker.exchange(subject, body, { headers, deadline: Date.now() + PUBLISH_TIMEOUT_MS, watched: false });
    const answer = await once().catch(async (error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'no_responders') throw error;
      await this.ensureStreams();
      return once();
    });
    const ack = decode(answer.body) as { error?: { description?: string } };
    if (ack.error)
      throw new AppError('unavailable', 'The message bus does not take messages at the moment.', { cause: ack.error });
  }
}

function parseWakeUp(subject: string): WakeUp | undefined {
  const [, , tenantId, runId, more] = subject.split('.');
  return tenantId && runId && more === undefined ? { tenantId, runId } : undefined;
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
