import { AppError } from '@switchyard/contracts';
import { backoffMs, type Logger, sleep, type TlsFiles, tlsOptions, tlsRefusal } from '@switchyard/platform';
import { connect, Events, headers as natsHeaders, type Msg, type NatsConnection, NatsError, nuid } from 'nats';
import { logEvent } from '../log-events.ts';
import type { Wire, WireMessage, WireSubscription } from '../protocol/index.ts';

/*
 * The connection to nats-server.
 *
 * - A dead link is detected within six seconds (two missed pings), even a link that swallows packets.
 * - The connection never gives up, neither at the start nor later. Reconnects of many clients are spread over time.
 * - Without a connection nothing is queued: a publish is refused, and the caller decides.
 * - An error that a subscriber throws never reaches the client library, which would silently stop reading.
 * - A message that the server does not permit is reported at once, with its subject.
 * - A subscription outlives the link. If the link breaks while a subscription is being made, the call waits for the
 *   link instead of failing.
 * - Each new connection reads the certificate files again; an open connection keeps its certificate.
 */

const PING_MS = 2_000;
const RTT_EVERY_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;
const FLUSH_AGAIN_MS = 5_000;
const FLUSH_PAUSE_MS = 50;
/** Log one line per this many failed attempts to connect. */
const LOG_EVERY = 20;

interface Opening {
  readonly url: string;
  readonly app: string;
  readonly log: Logger;
  /** Set: no connection without TLS, and each new one reads the files again. */
  readonly tls?: TlsFiles | undefined;
  /** Ends the attempts to connect, which are otherwise repeated for ever. */
  readonly signal?: AbortSignal | undefined;
}

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

  static async open({ url, app, log, tls: files, signal }: Opening): Promise<NatsWire> {
    const { server, user, pass, token, tls: asked } = parseUrl(url);
    const tls = files
      ? tlsOptions(files, (why) => logEvent(log, 'tls_files_unusable', { server: 'NATS', why }))
      : asked && {};
    const masked = server.map((one) => `nats://${one}`).join(',');
    for (let failures = 1; ; failures += 1) {
      try {
        const connecting = connect({
          servers: server,
          name: app,
          ...(user === undefined ? {} : { user, pass }),
          ...(token === undefined ? {} : { token }),
          ...(tls ? { tls } : {}),
          inboxPrefix: `_INBOX.${app}`,
          maxReconnectAttempts: -1,
          // Without it two refused logins in a row, for example during a change of passwords, end the connection for
          // ever.
          ignoreAuthErrorAbort: true,
          reconnectTimeWait: 250,
          reconnectJitter: 500,
          pingInterval: PING_MS,
          maxPingOut: 2,
          timeout: 5_000,
        });
        return new NatsWire(await unlessAborted(connecting, signal), masked, app, log);
      } catch (error) {
        const code = error instanceof NatsError ? error.code : undefined;
        if (failures % LOG_EVERY === 1) {
          const why = tlsRefusal(error);
          logEvent(log, 'bus_unreachable', { url: masked, code, failures, ...(why ? { why } : {}) });
        }
        if (!signal?.aborted)
          await sleep(100 + backoffMs(failures, { baseMs: 100, maxMs: 1_000 }), signal).catch(() => undefined);
        signal?.throwIfAborted();
      }
    }
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

/** Rejects with the signal's reason if that comes first; a connection that is made nevertheless is closed. */
function unlessAborted(connecting: Promise<NatsConnection>, signal?: AbortSignal): Promise<NatsConnection> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal?.reason as Error);
      connecting.then(
        (late) => late.close(),
        () => undefined,
      );
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    void connecting.then(resolve, reject).finally(() => signal?.removeEventListener('abort', onAbort));
  });
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

/** nats://user:password@host:port or nats://token@host:port; several servers separated by commas. */
export function parseUrl(text: string): {
  server: string[];
  user?: string;
  pass?: string;
  token?: string;
  /** Requested by `tls://`; a server that demands TLS gets it in any case. */
  tls?: true;
} {
  const urls = text.split(',').map((part) => new URL(part.includes('://') ? part.trim() : `nats://${part.trim()}`));
  const server = urls.map((url) => `${url.hostname}:${url.port || '4222'}`);
  const tls = urls.some(({ protocol }) => protocol === 'tls:') ? { tls: true as const } : {};
  const first = urls[0];
  if (!first?.username) return { server, ...tls };
  const user = decodeURIComponent(first.username);
  return first.password
    ? { server, user, pass: decodeURIComponent(first.password), ...tls }
    : { server, token: user, ...tls };
}
