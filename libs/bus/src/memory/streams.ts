import { AppError, type StreamName } from '@switchyard/contracts';
import { type ConsumedMessage, type ConsumeOptions, DRAIN_LIMIT_MS, settledWithin } from '../protocol/index.ts';
import { matches } from './wire.ts';

/** Further messages are refused, as by a full stream. */
const MAX_STORED = 100_000;
/** An unhandled message is delivered again after this time. */
const AGAIN_MS = 20;

interface StoredMessage extends ConsumedMessage {
  readonly subject: string;
}

interface Consumer {
  readonly options: ConsumeOptions;
  next: number;
  busy: boolean;
  handling: Promise<void>;
}

/** The streams of facts and their durable consumers, shared by all connections. */
export class MemoryStreams {
  readonly #messages: Record<StreamName, StoredMessage[]> = { RUNS: [], SYSTEM: [], COMMANDS: [] };
  readonly #ids = new Set<string>();
  readonly #consumers = new Map<string, Consumer>();
  #made = 1;

  /** Stores a message once, however often its id comes. */
  put(stream: 'RUNS' | 'SYSTEM', id: string, message: Omit<StoredMessage, 'streamSeq'>): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    const messages = this.#messages[stream];
    if (messages.length >= MAX_STORED) throw new AppError('unavailable');
    messages.push({ ...message, streamSeq: messages.length + 1 });
    for (const consumer of this.#consumers.values()) this.#feed(consumer);
  }

  /** Starts to consume; returns a function that stops, and waits for messages being handled. */
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

  position(stream: StreamName): { made: string; lastSeq: number } {
    return { made: String(this.#made), lastSeq: this.#messages[stream].length };
  }

  wipe(): void {
    this.#made += 1;
    this.#ids.clear();
    for (const messages of Object.values(this.#messages)) messages.length = 0;
    for (const consumer of this.#consumers.values()) consumer.next = 0;
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
      .catch(() => new Promise<void>((resolve) => setTimeout(resolve, AGAIN_MS).unref()))
      .then(() => {
        consumer.busy = false;
        this.#feed(consumer);
      });
  }
}
