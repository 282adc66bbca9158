import { AppError } from '@switchyard/contracts';
import type { Wire, WireMessage, WireSubscription } from '../protocol/index.ts';

interface Route {
  readonly tokens: readonly string[];
  readonly queue: string | undefined;
  readonly wire: MemoryWire;
  readonly onMessage: (message: WireMessage) => void;
}

/** Mimics NATS for core messages: wildcards, queue groups, order per sender, 503 without responders. */
export class MemoryServer {
  readonly #routes = new Set<Route>();
  readonly #byApp = new Map<string, MemoryWire>();
  #turn = 0;
  #wires = 0;

  connect(app: string): MemoryWire {
    const wire = new MemoryWire(this, app, `_INBOX.${app}.m${(this.#wires += 1)}`);
    this.#byApp.set(app, wire);
    return wire;
  }

  get subscriptionCount(): number {
    return this.#routes.size;
  }

  /** Subscriptions of one app's connections. */
  subscriptionsOf(app: string): number {
    return [...this.#routes].filter(({ wire }) => wire.app === app).length;
  }

  /** Cuts the newest connection of an app without notice, as a crash does. */
  cut(app: string): void {
    this.#byApp.get(app)?.close();
  }

  add(route: Route): () => void {
    this.#routes.add(route);
    return () => void this.#routes.delete(route);
  }

  remove(wire: MemoryWire): void {
    for (const route of this.#routes) if (route.wire === wire) this.#routes.delete(route);
  }

  deliver(message: { subject: string; body: Uint8Array; reply?: string; headers: Record<string, string> }): void {
    const tokens = message.subject.split('.');
    const matching = [...this.#routes].filter((route) => matches(route.tokens, tokens));
    const queues = new Map<string, Route[]>();
    for (const route of matching) {
      if (route.queue === undefined) this.#hand(route, message);
      else queues.set(route.queue, [...(queues.get(route.queue) ?? []), route]);
    }
    for (const group of queues.values()) this.#hand(group[(this.#turn += 1) % group.length]!, message);
    if (matching.length > 0 || message.reply === undefined) return;
    for (const route of this.#routes) {
      if (!matches(route.tokens, message.reply.split('.'))) continue;
      const none = { subject: message.reply, body: new Uint8Array(), noResponders: true, header: () => undefined };
      setImmediate(() => this.#routes.has(route) && route.onMessage(none));
    }
  }

  #hand(
    route: Route,
    {
      subject,
      body,
      reply,
      headers,
    }: { subject: string; body: Uint8Array; reply?: string; headers: Record<string, string> },
  ): void {
    const message: WireMessage = {
      subject,
      body,
      noResponders: false,
      header: (name) => headers[name],
      ...(reply === undefined ? {} : { reply }),
    };
    setImmediate(() => this.#routes.has(route) && route.onMessage(message));
  }
}

export class MemoryWire implements Wire {
  readonly maxPayload = 1_048_576;
  #open = true;

  readonly #server: MemoryServer;

  constructor(
    server: MemoryServer,
    readonly app: string,
    readonly inbox: string,
  ) {
    this.#server = server;
  }

  publish(subject: string, body: Uint8Array, options: { headers?: Record<string, string>; reply?: string } = {}): void {
    if (!this.#open) throw new AppError('unavailable');
    this.#server.deliver({
      subject,
      body,
      headers: options.headers ?? {},
      ...(options.reply === undefined ? {} : { reply: options.reply }),
    });
  }

  subscribe(subject: string, onMessage: (message: WireMessage) => void, queue?: string): WireSubscription {
    const unsubscribe = this.#server.add({ tokens: subject.split('.'), queue, wire: this, onMessage });
    // Earlier messages are delivered in the same turn of the loop.
    return { unsubscribe, drain: () => new Promise((resolve) => setImmediate(() => resolve(unsubscribe()))) };
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
  connected(): boolean {
    return this.#open;
  }
  whenConnected(): Promise<boolean> {
    return Promise.resolve(this.#open);
  }
  close(): void {
    this.#open = false;
    this.#server.remove(this);
  }
}

/** Subject filters as NATS has them: `*` is one token, `>` one or more at the end. */
export function matches(filter: readonly string[], tokens: readonly string[]): boolean {
  for (const [index, token] of filter.entries()) {
    if (token === '>') return tokens.length > index;
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false;
  }
  return filter.length === tokens.length;
}
