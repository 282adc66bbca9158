import { AppError } from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import { Events, headers as natsHeaders, type Msg, type NatsConnection, nuid } from 'nats';
import { logEvent } from '../log-events.ts';
import type { Wire, WireMessage, WireSubscription } from '../protocol/index.ts';
import { openConnection, type Opening } from './connect.ts';

/*
 * Messages over a connection to nats-server.
 *
 * - Without a connection the wire queues nothing: it refuses a publish, and the caller decides.
 * - An error that a subscriber throws never reaches the client library, which would silently stop reading.
 * - The wire reports a message that the server does not permit at once, with its subject.
 * - A subscription outlives the link. If the link breaks while a subscription is being made, the call waits for the
 *   link instead of failing.
 */

const RTT_EVERY_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;
const FLUSH_AGAIN_MS = 5_000;
const FLUSH_PAUSE_MS = 50;

export class NatsWire implements Wire {
  readonly inbox: string;
  /** Called when the connection is lost or back. */
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #refusedListeners = new Set<(subject: string) => void>();
  readonly #rttTimer: NodeJS.Timeout;
  #rttMs: number | undefined;
  #connected = true;
  #reconnects = 0;

  readonly #log: Logger;

  private constructor(
    readonly connection: NatsConnection,
    readonly url: string,
    app: string,
    log: Logger,
  ) {
    this.#log = log;
    this.inbox = `_INBOX.${app}.${nuid.next()}`;
    this.#rttTimer = setInterval(() => this.#measure(), RTT_EVERY_MS);
    this.#rttTimer.unref();
    this.#measure();
    void this.#watch();
  }

  static async open(opening: Opening): Promise<NatsWire> {
    const { connection, url } = await openConnection(opening);
    return new NatsWire(connection, url, opening.app, opening.log);
  }

  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1_048_576;
  }

  get serverVersion(): string | undefined {
    return this.connection.info?.version;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  connected(): boolean {
    return this.#connected && !this.connection.isClosed();
  }

  whenConnected(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.connected() || signal?.aborted) return Promise.resolve(this.connected());
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        leave();
        resolve(this.connected());
      };
      const timer = setTimeout(done, Math.max(0, timeoutMs));
      const leave = this.onChange((connected) => connected && done());
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  onRefused(listener: (subject: string) => void): void {
    this.#refusedListeners.add(listener);
  }

  onChange(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(subject: string, body: Uint8Array, options: { headers?: Record<string, string>; reply?: string } = {}): void {
    if (!this.connected()) throw new AppError('unavailable', 'The message bus does not answer at the moment.');
    if (options.headers === undefined) {
      this.connection.publish(subject, body, options.reply === undefined ? undefined : { reply: options.reply });
      return;
    }
    const headers = natsHeaders();
    for (const [name, value] of Object.entries(options.headers)) headers.set(name, value);
    this.connection.publish(subject, body, {
      headers,
      ...(options.reply === undefined ? {} : { reply: options.reply }),
    });
  }

  subscribe(subject: string, onMessage: (message: WireMessage) => void, queue?: string): WireSubscription {
    const subscription = this.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error !== null) {
          logEvent(this.#log, 'bus_subscription_refused', { err: error, subject });
          return;
        }
        try {
          onMessage(new NatsMessage(message));
        } catch (thrown) {
          logEvent(this.#log, 'bus_message_failed', { err: thrown, subject: message.subject });
        }
      },
    });
    return {
      unsubscribe: () => subscription.unsubscribe(),
      drain: async () => {
        if (subscription.isClosed() || !this.connected()) return subscription.unsubscribe();
        // Messages that arrive meanwhile are still handled; a broken link ends the subscription as well.
        await subscription.drain().catch(() => undefined);
      },
    };
  }

  /** Resolves when the server has taken everything sent so far. If the link breaks, waits for it and flushes again. */
  async flush(): Promise<void> {
    for (;;) {
      try {
        return await this.connection.flush();
      } catch (error) {
        if (this.connection.isClosed()) throw error;
        await this.whenConnected(FLUSH_AGAIN_MS);
        await sleep(FLUSH_PAUSE_MS);
      }
    }
  }

  /** Sends pending messages if there is a connection; never waits for a lost server. */
  async close(): Promise<void> {
    clearInterval(this.#rttTimer);
    if (this.connection.isClosed()) return;
    if (this.connected()) {
      const limit = new AbortController();
      await Promise.race([
        this.connection.drain().catch(() => undefined),
        sleep(CLOSE_LIMIT_MS, limit.signal).catch(() => undefined),
      ]);
      limit.abort();
    }
    if (!this.connection.isClosed()) await this.connection.close();
  }

  #measure(): void {
    if (!this.connected()) return;
    this.connection.rtt().then(
      (ms) => (this.#rttMs = ms),
      () => undefined, // the link went away meanwhile
    );
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(this.#connected);
      } catch (error) {
        logEvent(this.#log, 'bus_listener_failed', { err: error });
      }
    }
  }

  async #watch(): Promise<void> {
    const log = this.#log;
    for await (const status of this.connection.status()) {
      if (status.type === Events.Disconnect) {
        if (!this.#connected) continue;
        this.#connected = false;
        logEvent(log, 'bus_disconnected');
        this.#tell();
      } else if (status.type === Events.Reconnect) {
        this.#connected = true;
        this.#reconnects += 1;
        logEvent(log, 'bus_reconnected');
        this.#tell();
        this.#measure();
      } else if (status.type === Events.Error) {
        const about = 'permissionContext' in status ? status.permissionContext : undefined;
        if (about?.operation === 'publish') {
          logEvent(log, 'bus_publish_not_permitted', { subject: about.subject });
          for (const listener of this.#refusedListeners) listener(about.subject);
        } else logEvent(log, 'bus_error_reported', { detail: String(status.data), about });
      }
    }
    this.#connected = false;
    this.#tell();
  }
}

class NatsMessage implements WireMessage {
  readonly #message: Msg;

  constructor(message: Msg) {
    this.#message = message;
  }

  get subject(): string {
    return this.#message.subject;
  }
  get body(): Uint8Array {
    return this.#message.data;
  }
  get reply(): string | undefined {
    return this.#message.reply === '' ? undefined : this.#message.reply;
  }
  get noResponders(): boolean {
    return this.#message.headers?.code === 503;
  }
  header(name: string): string | undefined {
    const value = this.#message.headers?.get(name);
    return value === undefined || value === '' ? undefined : value;
  }
}
