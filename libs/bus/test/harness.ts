import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from '@jest/globals';
import { freePort, type LocalServer, startNats } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { connect, headers as natsHeaders, type NatsConnection } from 'nats';
import { type Bus, connectBus, createMemoryBus } from '../src/index.ts';
import { MemoryServer } from '../src/memory/wire.ts';
import { startProxy } from '@switchyard/testing';

/** What a message looks like to a stock client. */
export interface StockAnswer {
  readonly body: string;
  readonly errorCode: string | undefined;
}

/** A client that knows nothing of this library. */
export interface Stock {
  publish(subject: string, body: Uint8Array | string): Promise<void>;
  request(subject: string, body: Uint8Array | string): Promise<StockAnswer>;
  /** Takes what is asked under `subject` and never answers. */
  mute(subject: string, queue: string): Promise<void>;
  /** Takes messages of `subject`; gives the bodies that came. */
  hear(subject: string): Promise<string[]>;
}

/** The message systems under test; both carry the same client and server of requests and the same reader of a run. */
export type Wire = 'NATS' | 'the twin in memory';

/**
 * Declares a test of the clocks in what both wires carry: how long a caller waits before it asks again, when a silent peer
 * is lost. The wire has no part in them, so they are waited for once, on NATS.
 */
export function byClock(wire: Wire): (promise: string, test: () => Promise<unknown>) => void {
  return (promise, test) => {
    if (wire === 'NATS') it(promise, test as () => Promise<void>);
  };
}

/** One message system under test, real or not. */
export interface World {
  connect(app: string): Promise<Bus>;
  /** A connection that can be ended without a word, as a crash or a cable does. */
  connectCuttable(app: string): Promise<{ bus: Bus; cut(): void }>;
  readonly stock: Stock;
  /** Subscriptions that `app`'s connections hold at the moment. */
  subscriptionsOf(app: string): Promise<number>;
  stop(): Promise<void>;
}

export const log = createLogger({ app: 'bus-test', level: process.env.TEST_LOG ?? 'silent' });

export async function memoryWorld(): Promise<World> {
  const server = new MemoryServer();
  const hub = createMemoryBus({ log, server });
  const wire = server.connect('gateway');
  const buses: Bus[] = [];
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const bytes = (body: Uint8Array | string) => (typeof body === 'string' ? encoder.encode(body) : body);
  let asked = 0;
  const connectTo = async (app: string) => {
    const bus = hub.connect(app);
    buses.push(bus);
    return bus;
  };
  return {
    connect: connectTo,
    connectCuttable: async (app) => {
      const bus = await connectTo(app);
      return { bus, cut: () => server.cut(app) };
    },
    stock: {
      publish: async (subject, body) => wire.publish(subject, bytes(body)),
      request: (subject, body) =>
        new Promise((resolve, reject) => {
          const reply = `${wire.inbox}.${(asked += 1)}`;
          const timer = setTimeout(() => reject(new Error('no answer in 30 s')), 30_000);
          const subscription = wire.subscribe(reply, (message) => {
            clearTimeout(timer);
            subscription.unsubscribe();
            resolve({ body: decoder.decode(message.body), errorCode: message.header('error-code') });
          });
          wire.publish(subject, bytes(body), { reply });
        }),
      mute: async (subject, queue) => void wire.subscribe(subject, () => undefined, queue),
      hear: async (subject) => {
        const heard: string[] = [];
        wire.subscribe(subject, (message) => void heard.push(decoder.decode(message.body)));
        return heard;
      },
    },
    subscriptionsOf: async (app) => server.subscriptionsOf(app),
    stop: async () => void (await Promise.all(buses.map((bus) => bus.close()))),
  };
}

export interface NatsWorld extends World {
  readonly url: string;
  readonly dir: string;
  readonly connection: NatsConnection;
  restart(between?: (storeDir: string) => Promise<void>): Promise<void>;
  /** Through a proxy whose link may also be frozen: open, but nothing passes. */
  connectProxied(app: string): Promise<{ bus: Bus; proxy: Awaited<ReturnType<typeof startProxy>> }>;
}

export async function natsWorld(): Promise<NatsWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'bus-test-'));
  const monitor = await freePort();
  const options = {
    dir: join(dir, 'nats'),
    durable: false,
    config: `http: "127.0.0.1:${monitor}"`,
    withoutPermissions: 'the fixtures speak on subjects that are in no contract',
  };
  let server: LocalServer = await startNats(options);
  const { port, url } = server;
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    inboxPrefix: '_INBOX.gateway',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  const buses: Bus[] = [];
  const proxies: { stop(): void }[] = [];
  const connectTo = async (app: string, at = url) => {
    const bus = await connectBus({ trust: 'open', url: at, app, log });
    buses.push(bus);
    return bus;
  };
  const connectProxied = async (app: string) => {
    const proxy = await startProxy(port);
    proxies.push(proxy);
    return { bus: await connectTo(app, `nats://127.0.0.1:${proxy.port}`), proxy };
  };
  return {
    url,
    dir,
    connection,
    connect: (app) => connectTo(app),
    connectProxied,
    connectCuttable: async (app) => {
      const { bus, proxy } = await connectProxied(app);
      return { bus, cut: () => proxy.cut() };
    },
    stock: {
      publish: async (subject, body) => {
        connection.publish(subject, body);
        await connection.flush();
      },
      request: async (subject, body) => {
        const message = await connection.request(subject, body, { timeout: 30_000, headers: natsHeaders() });
        const code = message.headers?.get('error-code');
        return { body: message.string(), errorCode: code ? code : undefined };
      },
      mute: async (subject, queue) => {
        connection.subscribe(subject, { queue, callback: () => undefined });
        await connection.flush();
      },
      hear: async (subject) => {
        const heard: string[] = [];
        connection.subscribe(subject, { callback: (_error, message) => void heard.push(message.string()) });
        await connection.flush();
        return heard;
      },
    },
    subscriptionsOf: async (app) => {
      const answer = await fetch(`http://127.0.0.1:${monitor}/connz?subs=1`);
      const { connections } = (await answer.json()) as { connections: { name?: string; subscriptions: number }[] };
      return connections.filter(({ name }) => name === app).reduce((sum, c) => sum + c.subscriptions, 0);
    },
    restart: async (between) => {
      await server.stop();
      await between?.(join(dir, 'nats', 'jetstream'));
      server = await startNats({ ...options, port });
    },
    stop: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await connection.close();
      for (const proxy of proxies) proxy.stop();
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The server has all that this connection sent: what anybody publishes from now on reaches its subscriptions. */
export async function roundTrip(bus: Bus): Promise<void> {
  await (await bus.subscribeWakeUps(() => undefined)).stop();
}
