/**
 * What the request/answer part needs of a message system. NATS and the memory twin both offer it, so that the
 * protocol above it is written, and tested, once.
 */
export interface Wire {
  /** Private to this connection; replies to what it asks arrive under it. */
  readonly inbox: string;
  /** Largest body in bytes. */
  readonly maxPayload: number;
  /** Throws AppError `unavailable` where there is no connection. */
  publish(subject: string, body: Uint8Array, options?: { headers?: Record<string, string>; reply?: string }): void;
  subscribe(subject: string, onMessage: (message: WireMessage) => void, queue?: string): WireSubscription;
  /** Resolves when the other side has everything sent so far, subscriptions included. */
  flush(): Promise<void>;
  connected(): boolean;
  /** Calls the listener with the subject of each message that the server refused for want of permission. */
  onRefused?(listener: (subject: string) => void): void;
  /** Resolves when connected; false after `timeoutMs`, or as soon as the signal aborts. */
  whenConnected(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

export interface WireMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly reply?: string;
  /** Nobody listens to what was asked (NATS status 503). */
  readonly noResponders: boolean;
  header(name: string): string | undefined;
}

export interface WireSubscription {
  unsubscribe(): void;
  /** Takes nothing new, but everything that is on its way here already; then it is gone. */
  drain(): Promise<void>;
}
