/**
 * The interface of a message system, as the request protocol needs it. NATS and the memory twin implement it, so that
 * the protocol is written and tested once.
 */
export interface Wire {
  /** Private to this connection; replies to its requests arrive under it. */
  readonly inbox: string;
  /** Largest body in bytes. */
  readonly maxPayload: number;
  /** Throws AppError `unavailable` without a connection. */
  publish(subject: string, body: Uint8Array, options?: { headers?: Record<string, string>; reply?: string }): void;
  subscribe(subject: string, onMessage: (message: WireMessage) => void, queue?: string): WireSubscription;
  /** Resolves when the other side has everything sent so far, subscriptions included. */
  flush(): Promise<void>;
  connected(): boolean;
  /** Calls the listener with the subject of each message that the server does not permit. */
  onRefused?(listener: (subject: string) => void): void;
  /** Resolves when connected; false after `timeoutMs`, or as soon as the signal aborts. */
  whenConnected(timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

export interface WireMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly reply?: string;
  /** True if the request had no responders (NATS status 503). */
  readonly noResponders: boolean;
  header(name: string): string | undefined;
}

export interface WireSubscription {
  unsubscribe(): void;
  /** Accepts nothing new, but delivers what is on its way; then ends. */
  drain(): Promise<void>;
}
