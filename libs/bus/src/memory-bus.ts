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
  fitEvent,
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
import { RECORD_KEY, type Records, type RecordsOptions } from './records.ts';
import { HeldLease, type Lease, type LeaseEntry, type LeaseOptions, type LeaseRegister } from './lease.ts';
import { createInstruments } from './instruments.ts';
import { matches, MemoryServer, type MemoryWire } from './memory-wire.ts';
import { encode, parseSystem } from './protocol.ts';
import { DRAIN_LIMIT_MS, settledWithin } from './settle.ts';

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
  handling: Promise<void>;
}

interface StoredMessage extends ConsumedMessage {
  readonly subject: string;
}

interface Taker {
  readonly handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>;
  readonly underWay: Set<Promise<void>>;
  free: number;
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
  readonly #messages: Record<StreamName, StoredMessage[]> = { RUNS: [], SYSTEM: [], COMMANDS: [] };
  readonly #ids = new Set<string>();
  #made = 1;
  readonly #consumers = new Map<string, Consumer>();
  readonly #wakeUps: WakeUp[] = [];
  readonly #takers: Taker[] = [];
  readonly #leases = new Map<string, LeaseEntry>();
  readonly #records = new Map<string, { text: string; revision: number; untilMs: number }>();
  #writes = 0;

  /** False where the id was stored before. */
  put(stream: 'RUNS' | 'SYSTEM', id: string, message: Omit<StoredMessage, 'streamSeq'>): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const messages = this.#messages[stream];
    if (messages.length >= MAX_STORED) throw new AppError('unavailable');
    messages.push({ ...message, streamSeq: messages.length + 1 });
    for (const consumer of this.#consumers.values()) this.#feed(consumer);
    return true;
  }

  consume(options: ConsumeOptions): () => Promise<void> {
    const key = `${options.stream}.${options.durable}`;
    const next = this.#consumers.get(key)?.next ?? 0;
    const consumer: Consumer = { options, next, busy: false, handling: Promise.resolve() };
    this.#consumers.set(key, consumer);
    this.#feed(consumer);
    return async () => {
      await settledWithin([consumer.handling], DRAIN_LIMIT_MS);
      if (this.#consumers.get(key) === consumer) this.#consumers.set(key, { ...consumer, busy: true });
    };
  }

  /** Entries of leases, as the key-value store of NATS keeps them. */
  leaseRegister(key: string): LeaseRegister {
    return {
      read: () => Promise.resolve(this.#leases.get(key)),
      write: (entry, expect) => {
        if ((this.#leases.get(key)?.revision ?? 0) !== expect) return Promise.resolve(undefined);
        this.#leases.set(key, { ...entry, revision: (this.#writes += 1) });
        return Promise.resolve(this.#writes);
      },
    };
  }

  /** Records of one bucket and app; full and over as in NATS. */
  records({ bucket, ttlMs, maxBytes }: RecordsOptions, app: string): Records {
    const entries = this.#records;
    const nameOf = (key: string): string => `${bucket}.${app}.${key}`;
    const at = (key: string) => {
      const entry = entries.get(nameOf(key));
      return entry && entry.untilMs > Date.now() ? entry : undefined;
    };
    return {
      read: async (key) => {
        const entry = at(key);
        return entry && { value: JSON.parse(entry.text) as unknown, revision: entry.revision };
      },
      write: async (key, value, expect) => {
        if (!RECORD_KEY.test(key)) throw new AppError('invalid_input', 'That is not the key of a record.');
        if ((at(key)?.revision ?? 0) !== expect) return undefined;
        const text = JSON.stringify(value);
        for (const [name, { untilMs }] of entries) if (untilMs <= Date.now()) entries.delete(name);
        const used = [...entries.values()].reduce((sum, entry) => sum + entry.text.length, 0);
        if (used + text.length > maxBytes) throw new AppError('overloaded');
        entries.set(nameOf(key), { text, revision: (this.#writes += 1), untilMs: Date.now() + ttlMs });
        return this.#writes;
      },
      remove: async (key, expect) => {
        if (at(key)?.revision === expect) entries.delete(nameOf(key));
      },
    };
  }

  position(stream: StreamName): { made: string; lastSeq: number } {
    return { made: String(this.#made), lastSeq: this.#messages[stream].length };
  }

  wipe(): void {
    this.#made += 1;
    this.#ids.clear();
    this.#wakeUps.length = 0;
    for (const messages of Object.values(this.#messages)) messages.length = 0;
    for (const consumer of this.#consumers.values()) consumer.next = 0;
  }

  wake(wakeUp: WakeUp): void {
    if (this.#wakeUps.length < MAX_STORED) this.#wakeUps.push(wakeUp);
    this.#hand();
  }

  take(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, maxInFlight: number): () => Promise<void> {
    const taker: Taker = { handler, free: maxInFlight, underWay: new Set() };
    this.#takers.push(taker);
    this.#hand();
    return () => {
      this.#takers.splice(this.#takers.indexOf(taker), 1);
      return settledWithin(taker.underWay, DRAIN_LIMIT_MS);
    };
  }

  #hand(): void {
    for (const taker of this.#takers) {
      while (taker.free > 0) {
        const wakeUp = this.#wakeUps.shift();
        if (!wakeUp) return;
        taker.free -= 1;
        const done = taker
          .handler(wakeUp)
          .catch(() => 'busy' as const)
          .then((verdict) => {
            taker.free += 1;
            taker.underWay.delete(done);
            if (verdict === 'busy') setTimeout(() => this.wake(wakeUp), 50).unref();
            else this.#hand();
          });
        taker.underWay.add(done);
      }
    }
  }

  #feed(consumer: Consumer): void {
    if (consumer.busy) return;
    const { options } = consumer;
    const page = this.#messages[options.stream].slice(consumer.next, consumer.next + (options.batch ?? 200));
    if (page.length === 0) return;
    consumer.busy = true;
    const filter = options.filter?.split('.');
    const wanted = filter ? page.filter(({ subject }) => matches(filter, subject.split('.'))) : page;
    consumer.handling = new Promise((resolve) => setImmediate(resolve))
      .then(() => (wanted.length > 0 ? options.handle(wanted) : undefined))
      .then(() => void (consumer.next += page.length))
      .catch(() => new Promise<void>((resolve) => setTimeout(resolve, 20).unref()))
      .then(() => {
        consumer.busy = false;
        this.#feed(consumer);
      });
  }
}

class MemoryBus implements Bus {
  readonly #asker: Asker;
  readonly #answerer: Answerer;
  readonly #follower: Follower;
  readonly #stops = new Set<() => void | Promise<void>>();
  #systemSeq = 0;

  constructor(
    private readonly wire: MemoryWire,
    private readonly store: MemoryStore,
    private readonly app: string,
    private readonly log: Logger,
  ) {
    const instruments = createInstruments(undefined);
    this.#asker = new Asker(wire, instruments);
    this.#answerer = new Answerer(wire, log, instruments);
    this.#follower = new Follower(wire, log);
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
  async publishEvents(events: readonly RunEvent[]): Promise<void> {
    for (const whole of events) {
      const event = fitEvent(whole);
      const subject = subjects.runEvent(event.tenantId, event.runId, event.type);
      const raw = toCloudEvent(event);
      this.store.put('RUNS', formatCursor(event.runId, event.seq), { event, raw, subject });
      this.wire.publish(subject, encode(raw));
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
    const raw = toSystemCloudEvent(system);
    const subject = subjects.system(system.type);
    this.store.put('SYSTEM', raw.id, { system, raw, subject });
    this.wire.publish(subject, encode(raw));
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
  async hearSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription> {
    const subscription = this.wire.subscribe(about === undefined ? 'sys.>' : `sys.${about}.>`, ({ body }) => {
      const event = parseSystem(body);
      if (event) listener(event);
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
  lease(options: LeaseOptions): Lease {
    const lease = new HeldLease(options, this.store.leaseRegister(`${this.app}.${options.name}`), this.log);
    this.#stops.add(() => lease.close());
    return lease;
  }

  records(options: RecordsOptions): Records {
    return this.store.records(options, this.app);
  }

  ensureStreams(): Promise<void> {
    return Promise.resolve();
  }
  streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }> {
    return Promise.resolve(this.store.position(stream));
  }
  status(): BusStatus {
    return { connected: this.wire.connected(), reconnects: 0 };
  }
  onStatus(): () => void {
    return () => undefined;
  }
  onReconnect(): () => void {
    return () => undefined;
  }
  async drain(): Promise<void> {
    const stops = [...this.#stops].map(async (stop) => stop());
    await settledWithin([...stops, this.#answerer.drain(DRAIN_LIMIT_MS)], DRAIN_LIMIT_MS);
  }
  async close(): Promise<void> {
    await this.drain();
    this.#asker.close();
    this.#answerer.close();
    this.wire.close();
  }

  #stoppable(stop: () => void | Promise<void>, signal?: AbortSignal): Subscription {
    let stopped: void | Promise<void>;
    const once = () => {
      if (this.#stops.delete(once)) stopped = stop();
      return stopped;
    };
    this.#stops.add(once);
    signal?.addEventListener('abort', () => void once(), { once: true });
    return { stop: async () => once() };
  }
}
