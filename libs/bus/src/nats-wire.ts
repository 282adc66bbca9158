import { AppError } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { connect, Events, headers as natsHeaders, type Msg, type NatsConnection, nuid } from 'nats';
import type { Wire, WireMessage, WireSubscription } from './wire.ts';

/*
 * The connection to nats-server.
 *
 * K1 A dead link is noticed within six seconds (two missed pings), also one that swallows packets.
 * K2 It never gives up, neither at the start nor later; many clients do not come back at the same moment.
 * K3 While there is no connection nothing is queued: a publish is refused, and the caller decides.
 */

const PING_MS = 2_000;

export class NatsWire implements Wire {
  readonly inbox: string;
  readonly #listeners = new Set<() => void>();
  #connected = true;
  #reconnects = 0;

  private constructor(
    readonly connection: NatsConnection,
    app: string,
    log: Logger,
  ) {
    this.inbox = `_INBOX.${app}.${nuid.next()}`;
    void this.#watch(log);
  }

  static async open({ url, app, log }: { url: string; app: string; log: Logger }): Promise<NatsWire> {
    const { server, user, pass, token } = parseUrl(url);
    const connection = await connect({
      servers: server,
      name: app,
      ...(user === undefined ? {} : { user, pass }),
      ...(token === undefined ? {} : { token }),
      inboxPrefix: `_INBOX.${app}`,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      reconnectJitter: 500,
      pingInterval: PING_MS,
      maxPingOut: 2,
      timeout: 5_000,
    });
    return new NatsWire(connection, app, log);
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

  connected(): boolean {
    return this.#connected && !this.connection.isClosed();
  }

  whenConnected(timeoutMs: number): Promise<boolean> {
    if (this.connected()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve(this.connected());
      };
      const timer = setTimeout(done, Math.max(0, timeoutMs));
      this.#listeners.add(done);
    });
  }

  onReconnect(listener: () => void): () => void {
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
        if (error === null) onMessage(new NatsMessage(message));
      },
    });
    return { unsubscribe: () => subscription.unsubscribe() };
  }

  flush(): Promise<void> {
    return this.connection.flush();
  }

  async close(): Promise<void> {
    await this.connection.drain().catch(() => this.connection.close());
  }

  async #watch(log: Logger): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === Events.Disconnect) {
        this.#connected = false;
        log.warn('the message bus is gone; reconnecting');
      } else if (status.type === Events.Reconnect) {
        this.#connected = true;
        this.#reconnects += 1;
        log.info('the message bus is back');
        for (const listener of [...this.#listeners]) listener();
      } else if (status.type === Events.Error) {
        log.warn({ detail: String(status.data) }, 'the message bus reports an error');
      }
    }
    this.#connected = false;
  }
}

class NatsMessage implements WireMessage {
  constructor(private readonly message: Msg) {}

  get subject(): string {
    return this.message.subject;
  }
  get body(): Uint8Array {
    return this.message.data;
  }
  get reply(): string | undefined {
    return this.message.reply === '' ? undefined : this.message.reply;
  }
  get noResponders(): boolean {
    return this.message.headers?.code === 503;
  }
  header(name: string): string | undefined {
    const value = this.message.headers?.get(name);
    return value === undefined || value === '' ? undefined : value;
  }
}

/** nats://user:password@host:port or nats://token@host:port; several servers separated by commas. */
export function parseUrl(text: string): { server: string[]; user?: string; pass?: string; token?: string } {
  const urls = text.split(',').map((part) => new URL(part.includes('://') ? part.trim() : `nats://${part.trim()}`));
  const server = urls.map((url) => `${url.hostname}:${url.port || '4222'}`);
  const first = urls[0];
  if (!first?.username) return { server };
  const user = decodeURIComponent(first.username);
  return first.password ? { server, user, pass: decodeURIComponent(first.password) } : { server, token: user };
}
