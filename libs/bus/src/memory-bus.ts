import {
  AppError,
  formatCursor,
  type LiveDelta,
  type OutputOf,
  type RequestContract,
  type RequestOf,
  type RunEvent,
  type StreamName,
  subjects,
  type SystemEvent,
  type SystemFact,
  toCloudEvent,
  toSystemCloudEvent,
} from '@switchyard/contracts';
import { createLogger, type Logger } from '@switchyard/platform';
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
import { MemoryServer, type MemoryWire } from './memory-wire.ts';
import { encode } from './protocol.ts';

/** A message server in this process: every app connects to it as to NATS. For tests. */
export interface MemoryHub {
  connect(app: string): Bus;
  /** Forgets what the streams hold, as a lost store would. */
  wipe(): void;
  /** Subscriptions that are open at the moment. */
  subscriptionCount(): number;
}

interface Consumer {
  readonly options: ConsumeOptions;
  next: number;
  busy: boolean;
}

const MAX_STORED = 100_000;

/** `server`: the message system below, for tests that speak to it as a stock client does. */
export function createMemoryBus(options: { log?: Logger; server?: MemoryServer } = {}): MemoryHub {
  const log = options.log ?? createLogger({ app: 'memory-bus', level: 'silent' });
  const store = new MemoryStore();
  const server = options.server ?? new MemoryServer();
  return {
    connect: (app) => new MemoryBus(server.connect(app), store, app, log),
    wipe: () => store.wipe(),
    subscriptionCount: () => server.subscriptionCount,
  };
}

/** Streams and the work queue, shared by all connections. */
class MemoryStore {
  readonly #messages: Record<StreamName, ConsumedMessage[]> = { RUNS: [], SYSTEM: [], COMMANDS: [] };
  readonly #ids = new Set<string>();
  readonly #consumers = new Map<string, Consumer>();
  readonly #wakeUps: WakeUp[] = [];
  readonly #takers: { handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>; free: number }[] = [];

  /** False where the id was stored before. */
  put(stream: 'RUNS' | 'SYSTEM', id: string, message: Omit<ConsumedMessage, 'streamSeq'>): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const messages = this.#messages[stream];
    if (messages.length >= MAX_STORED) throw new AppError('unavailable');
    messages.push({ ...message, streamSeq: messages.length + 1 });
    for (const consumer of this.#consumers.values()) this.#feed(consumer);
    return true;
  }

  consume(options: ConsumeOptions): () => void {
    const key = `${options.stream}.${options.durable}`;
    const consumer = { options, next: this.#consumers.get(key)?.next ?? 0, busy: false };
    this.#consumers.set(key, consumer);
    this.#feed(consumer);
    return () => {
      if (this.#consumers.get(key) === consumer) this.#consumers.set(key, { ...consumer, busy: true });
    };
  }

  wipe(): void {
    this.#ids.clear();
    this.#wakeUps.length = 0;
    for (const messages of Object.values(this.#messages)) messages.length = 0;
    for (const consumer of this.#consumers.values()) consumer.next = 0;
  }

  wake(wakeUp: WakeUp): void {
    if (this.#wakeUps.length < MAX_STORED) this.#wakeUps.push(wakeUp);
    this.#hand();
  }

  take(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, maxInFlight: number): () => void {
    const taker = { handler, free: maxInFlight };
    this.#takers.push(taker);
    this.#hand();
    return () => void this.#takers.splice(this.#takers.indexOf(taker), 1);
  }

  #hand(): void {
    for (const taker of this.#takers) {
      while (taker.free > 0) {
        const wakeUp = this.#wakeUps.shift();
        if (!wakeUp) return;
        taker.free -= 1;
        void taker
          .handler(wakeUp)
          .catch(() => 'busy' as const)
          .then((verdict) => {
            taker.free += 1;
            if (verdict === 'busy') setTimeout(() => this.wake(wakeUp), 50).unref();
            else this.#hand();
          });
      }
    }
  }

  #feed(consumer: Consumer): void {
    if (consumer.busy) return;
    const { options } = consumer;
    const batch = this.#messages[options.stream].slice(consumer.next, consumer.next + (options.batch ?? 200));
    if (batch.length === 0) return;
    consumer.busy = true;
    setImmediate(() => {
      options
        .handle(batch)
        .then(() => (consumer.next += batch.length))
        .catch(() => new Promise((resolve) => setTimeout(resolve, 20).unref()))
        .finally(() => {
          consumer.busy = false;
          this.#feed(consumer);
        })
        .catch(() => undefined);
    });
  }
}

class MemoryBus implements Bus {
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  readonly #follower: Follower;
  readonly #stops = new Set<() => void>();
  #systemSeq = 0;

  constructor(
    private readonly wire: MemoryWire,
    private readonly store: MemoryStore,
    private readonly app: string,
    log: Logger,
  ) {
    this.#asker = new Asker(wire);
    this.#answerer = new Answerer(wire, log);
    this.#follower = new Follower(wire, log);
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
  async publishEvents(events: readonly RunEvent[]): Promise<void> {
    for (const event of events) {
      const raw = toCloudEvent(event);
      this.store.put('RUNS', formatCursor(event.runId, event.seq), { event, raw });
      this.wire.publish(subjects.runEvent(event.tenantId, event.runId, event.type), encode(raw));
    }
    await this.wire.flush();
  }
  async publishSystem(fact: SystemFact): Promise<void> {
    const system = {
      ...fact,
      app: this.app,
      instance: this.wire.inbox.slice(-20),
      seq: (this.#systemSeq += 1),
      ts: Date.now(),
    } as SystemEvent;
    this.store.put('SYSTEM', `${system.instance}:${system.seq}`, { system, raw: toSystemCloudEvent(system) });
    this.wire.publish(subjects.system(system.type), encode(toSystemCloudEvent(system)));
    await this.wire.flush();
  }
  publishLive(tenantId: string, delta: LiveDelta): void {
    this.wire.publish(subjects.liveDelta(tenantId, delta.runId), encode(delta));
  }
  async wakeUp(tenantId: string, runId: string): Promise<void> {
    this.wire.publish(subjects.wakeUp(tenantId, runId), encode({}));
    this.store.wake({ tenantId, runId });
    await this.wire.flush();
  }
  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions = {}): Subscription {
    return this.#stoppable(this.store.take(handler, options.maxInFlight ?? 64), options.signal);
  }
  async hearWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription> {
    const subscription = this.wire.subscribe('cmd.run.*.*', ({ subject }) => {
      const [, , tenantId = '', runId = ''] = subject.split('.');
      listener({ tenantId, runId });
    });
    await this.wire.flush();
    return this.#stoppable(() => subscription.unsubscribe());
  }
  follow(options: FollowOptions): Following {
    return this.#follower.follow(options);
  }
  consume(options: ConsumeOptions): Subscription {
    return this.#stoppable(this.store.consume(options), options.signal);
  }
  ensureStreams(): Promise<void> {
    return Promise.resolve();
  }
  status(): BusStatus {
    return { connected: this.wire.connected(), reconnects: 0 };
  }
  onReconnect(): () => void {
    return () => undefined;
  }
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#asker.close();
    this.#answerer.close();
    this.wire.close();
    await Promise.resolve();
  }

  #stoppable(stop: () => void, signal?: AbortSignal): Subscription {
    const once = () => {
      if (this.#stops.delete(once)) stop();
    };
    this.#stops.add(once);
    signal?.addEventListener('abort', once, { once: true });
    return { stop: () => Promise.resolve(once()) };
  }
}
