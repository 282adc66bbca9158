import {
  fitEvent,
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
import { RpcServer, RpcClient } from '../requests/index.ts';
import {
  type Bus,
  type BusStatus,
  Callers,
  type ConsumeOptions,
  createInstruments,
  DRAIN_LIMIT_MS,
  encode,
  type Following,
  type FollowOptions,
  type Handler,
  operatorAsked,
  type Records,
  type RecordsOptions,
  type RequestOptions,
  settledWithin,
  type Subscription,
  SystemEventSequencer,
  type WakeUp,
  type WakeUpOptions,
} from '../protocol/index.ts';
import { Follower, subscribeSystem, subscribeWakeUps } from '../events/index.ts';
import { HeldLease, type Lease, type LeaseOptions } from '../lease/index.ts';
import { MemoryBuckets } from './buckets.ts';
import { MemoryQueue } from './queue.ts';
import { MemoryStreams } from './streams.ts';
import { MemoryServer, type MemoryWire } from './wire.ts';

/** A message server in this process, to which every app connects as to NATS. For tests. */
export interface MemoryHub {
  connect(app: string): Bus;
  /** Deletes the content of the streams, as the loss of the store would. */
  wipe(): void;
  /** The number of open subscriptions. */
  subscriptionCount(): number;
}

/** `server`: the underlying message system, for tests that use it as a stock client does. */
export function createMemoryBus(options: { log?: Logger; server?: MemoryServer } = {}): MemoryHub {
  const log = options.log ?? createLogger({ app: 'memory-bus', level: 'silent' });
  const store: MemoryStore = { streams: new MemoryStreams(), queue: new MemoryQueue(), buckets: new MemoryBuckets() };
  const server = options.server ?? new MemoryServer();
  return {
    connect: (app) => new MemoryBus(server.connect(app), store, app, log),
    wipe: () => {
      store.streams.wipe();
      store.queue.wipe();
    },
    subscriptionCount: () => server.subscriptionCount,
  };
}

/** The state that all connections share. */
interface MemoryStore {
  readonly streams: MemoryStreams;
  readonly queue: MemoryQueue;
  readonly buckets: MemoryBuckets;
}

class MemoryBus implements Bus {
  readonly #rpcClient: RpcClient;
  readonly #rpcServer: RpcServer;
  readonly #follower: Follower;
  readonly #sequencer: SystemEventSequencer;
  readonly #stops = new Set<() => void | Promise<void>>();

  readonly #wire: MemoryWire;
  readonly #store: MemoryStore;
  readonly #app: string;
  readonly #log: Logger;

  constructor(wire: MemoryWire, store: MemoryStore, app: string, log: Logger) {
    this.#wire = wire;
    this.#store = store;
    this.#app = app;
    this.#log = log;
    const instruments = createInstruments(undefined);
    const callers = new Callers(app, 'open');
    this.#rpcClient = new RpcClient(wire, instruments, callers);
    this.#rpcServer = new RpcServer(wire, log, instruments, callers, (person, subject, input) =>
      this.publishSystem(operatorAsked(app, person, subject, input)),
    );
    this.#follower = new Follower(wire, log);
    this.#sequencer = new SystemEventSequencer(app, wire.inbox.slice(-20));
  }

  request<C extends RequestContract>(contract: C, input: RequestOf<C>, options?: RequestOptions): Promise<OutputOf<C>> {
    return this.#rpcClient.request(contract, input, options);
  }
  answer<C extends RequestContract>(
    contract: C,
    handler: Handler<C>,
    options?: { maxInFlight?: number; as?: string },
  ): Promise<Subscription> {
    return this.#rpcServer.answer(contract, handler, options);
  }
  async publishEvents(events: readonly RunEvent[]): Promise<void> {
    for (const whole of events) {
      const event = fitEvent(whole);
      const subject = subjects.runEvent(event.tenantId, event.runId, event.type);
      const raw = toCloudEvent(event);
      this.#store.streams.put('RUNS', formatCursor(event.runId, event.seq), { event, raw, subject });
      this.#wire.publish(subject, encode(raw));
    }
    await this.#wire.flush();
  }
  async publishSystem(fact: SystemFact): Promise<void> {
    const system = this.#sequencer.numbered(fact);
    const raw = toSystemCloudEvent(system);
    const subject = subjects.system(system.type);
    this.#store.streams.put('SYSTEM', raw.id, { system, raw, subject });
    this.#wire.publish(subject, encode(raw));
    await this.#wire.flush();
  }
  publishLive(tenantId: string, delta: LiveDelta): void {
    this.#wire.publish(subjects.liveDelta(tenantId, delta.runId), encode(delta));
  }
  async wakeUp(tenantId: string, runId: string): Promise<void> {
    this.#wire.publish(subjects.wakeUp(tenantId, runId), encode({}));
    this.#store.queue.put({ tenantId, runId });
    await this.#wire.flush();
  }
  onWakeUp(handler: (wakeUp: WakeUp) => Promise<'done' | 'busy'>, options: WakeUpOptions = {}): Subscription {
    return this.#stoppable(this.#store.queue.take(handler, options.maxInFlight ?? 64), options.signal);
  }
  async subscribeWakeUps(listener: (wakeUp: WakeUp) => void): Promise<Subscription> {
    const subscription = await subscribeWakeUps(this.#wire, listener);
    return this.#stoppable(() => subscription.stop());
  }
  async subscribeSystem(listener: (event: SystemEvent) => void, about?: string): Promise<Subscription> {
    const subscription = await subscribeSystem(this.#wire, listener, about);
    return this.#stoppable(() => subscription.stop());
  }
  follow(options: FollowOptions): Following {
    return this.#follower.follow(options);
  }
  consume(options: ConsumeOptions): Subscription {
    return this.#stoppable(this.#store.streams.consume(options), options.signal);
  }
  lease(options: LeaseOptions): Lease {
    const register = this.#store.buckets.leaseRegister(`${this.#app}.${options.name}`);
    const lease = new HeldLease(options, register, this.#log);
    this.#stops.add(() => lease.close());
    return lease;
  }
  records(options: RecordsOptions): Records {
    return this.#store.buckets.records(options, this.#app);
  }
  ensureStreams(): Promise<void> {
    return Promise.resolve();
  }
  streamPosition(stream: StreamName): Promise<{ made: string; lastSeq: number }> {
    return Promise.resolve(this.#store.streams.position(stream));
  }
  status(): BusStatus {
    return { connected: this.#wire.connected(), reconnects: 0 };
  }
  onStatus(): () => void {
    return () => undefined;
  }
  onReconnect(): () => void {
    return () => undefined;
  }
  async drain(): Promise<void> {
    const stops = [...this.#stops].map(async (stop) => stop());
    await settledWithin([...stops, this.#rpcServer.drain(DRAIN_LIMIT_MS)], DRAIN_LIMIT_MS);
  }
  async close(): Promise<void> {
    await this.drain();
    this.#rpcClient.close();
    this.#rpcServer.close();
    this.#wire.close();
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
