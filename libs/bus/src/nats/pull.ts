import { AppError } from '@switchyard/contracts';
import { backoffMs, linkAbort, type Logger, sleep } from '@switchyard/platform';
import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  NatsError,
} from 'nats';
import { logEvent } from '../log-events.ts';

/*
 * A durable pull consumer that keeps working.
 *
 * - The consumer is created if it is missing, also after the loss of the whole store.
 * - A consumer that is ahead of its stream (the store lost its end, the consumer did not) would silently get nothing
 *   any more. It is detected within WATCH_MS, deleted and created again. That is safe because its messages can be
 *   handled twice and rebuilt from the journal.
 * - Only its signal ends the loop.
 * - A pull waits at the server that serves the consumer, and is gone with it. If that server dies, another serves, and does
 *   not know of the pull: that is detected within WATCH_MS, and the pull is made anew.
 * - A message that is being handled is not given to another worker meanwhile.
 * - A consumer with other settings, made by an earlier version, is updated. If the server cannot update it, it is
 *   created again and begins at the start of the stream.
 * - Each pull stays open for a long time. The client library closes a pull by its own clock, a twentieth after the
 *   server's time for it. It discards a message that the server sent just before and that a busy process has not read
 *   yet; that message comes again only after ACK_WAIT_MS. A twentieth of a second is too short on a busy machine; a
 *   twentieth of half a minute is enough.
 */

const WATCH_MS = 5_000;
const EXPIRES_MS = 30_000;
const ACK_WAIT_MS = 30_000;

export const WANTED_OF_EVERY_CONSUMER = {
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: ACK_WAIT_MS * 1_000_000,
} as const;

export interface PullOptions {
  readonly stream: string;
  readonly durable: string;
  readonly filter?: string | undefined;
  readonly maxAckPending: number;
  /** How many messages to request at this moment; 0 waits a little and asks again. */
  readonly want: () => number;
  readonly onBatch: (messages: AsyncIterable<JsMsg>) => Promise<void>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export async function pull(
  js: JetStreamClient,
  manager: (withStreams: boolean) => Promise<JetStreamManager>,
  options: PullOptions,
): Promise<void> {
  const { log, signal, stream, durable } = options;
  let failures = 0;
  let withStreams = true;
  while (!signal.aborted) {
    try {
      const jsm = await manager(withStreams);
      withStreams = false;
      await prepare(jsm, options);
      const consumer = await js.consumers.get(stream, durable);
      failures = 0;
      await pullOn(consumer, jsm, options);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      withStreams = true;
      logEvent(log, 'consumer_failed', { err: error, stream, durable, failures });
      await sleep(backoffMs(failures, { baseMs: 200, maxMs: 3_000 }) + 50, signal).catch(() => undefined);
    }
  }
}

/** Pulls until the signal, or until the consumer is ahead of its stream. */
async function pullOn(consumer: Consumer, jsm: JetStreamManager, options: PullOptions): Promise<void> {
  const lost = linkAbort([options.signal]);
  const watch = watchOver(jsm, options, lost.signal).then(
    () => lost.abort(),
    (error: unknown) => lost.abort(error),
  );
  try {
    await fetchOn(consumer, { ...options, signal: lost.signal });
  } finally {
    lost.abort();
    lost.release();
    await watch;
  }
}

async function fetchOn(consumer: Consumer, { signal, want, onBatch }: PullOptions): Promise<void> {
  while (!signal.aborted) {
    const messages = want();
    if (messages <= 0) {
      await sleep(20, signal).catch(() => undefined);
      continue;
    }
    const fetched = await consumer.fetch({ max_messages: messages, expires: EXPIRES_MS }); // half a minute: see the head
    const stop = () => void fetched.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) stop();
      await onBatch(fetched);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/**
 * Resolves when the consumer is ahead of its stream and must be created again, when another server of a cluster serves it,
 * or at the signal.
 */
async function watchOver(jsm: JetStreamManager, options: PullOptions, signal: AbortSignal): Promise<void> {
  const { stream, durable } = options;
  let leader: string | undefined;
  while (!signal.aborted) {
    await sleep(WATCH_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    const [{ delivered, cluster }, { state }] = await Promise.all([
      jsm.consumers.info(stream, durable),
      jsm.streams.info(stream),
    ]);
    if (standsAhead(delivered.stream_seq, state.last_seq)) return;
    if (leader !== undefined && cluster?.leader !== leader) return;
    leader = cluster?.leader;
  }
}

/**
 * Groups messages: a group is complete when it has `max` messages, or `withinMs` after its first one. A message never
 * waits longer than that.
 */
export async function* inParts<T>(
  messages: AsyncIterable<T>,
  { max, withinMs }: { max: number; withinMs: number },
): AsyncGenerator<T[]> {
  const source = messages[Symbol.asyncIterator]();
  const ask = (): Promise<IteratorResult<T>> => {
    const asked = source.next();
    // The source may fail while a group is handled; the error is thrown at the next await.
    asked.catch(() => undefined);
    return asked;
  };
  let next = ask();
  for (;;) {
    const first = await next;
    if (first.done) return;
    const part = [first.value];
    next = ask();
    const limit = new AbortController();
    const late = sleep(withinMs, limit.signal).catch(() => undefined);
    let ended = false;
    while (part.length < max && !ended) {
      const more = await Promise.race([next, late]);
      if (more === undefined) break;
      if (more.done) ended = true;
      else {
        part.push(more.value);
        next = ask();
      }
    }
    limit.abort();
    yield part;
    if (ended) return;
  }
}

/** Creates the consumer if it is missing. Creates it again if it is ahead or has settings that cannot be changed. */
async function prepare(jsm: JetStreamManager, options: PullOptions): Promise<void> {
  const { stream, durable, filter, maxAckPending, log } = options;
  const found = await jsm.consumers.info(stream, durable).catch((error: unknown) => {
    if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
    throw error;
  });
  const asked = {
    durable_name: durable,
    ...WANTED_OF_EVERY_CONSUMER,
    max_ack_pending: maxAckPending,
    // An empty one would become an empty token of the subject that the server is asked under.
    ...(filter === undefined ? {} : { filter_subject: filter }),
  };
  if (found) {
    const { state } = await jsm.streams.info(stream);
    const ahead = standsAhead(found.delivered.stream_seq, state.last_seq);
    const other = differences(asked, found.config);
    if (!ahead && (other.length === 0 || (await updated(jsm, stream, durable, asked)))) return;
    const about = { stream, durable, delivered: found.delivered.stream_seq, last: state.last_seq, other };
    if (ahead) logEvent(log, 'consumer_ahead_of_stream', about);
    else logEvent(log, 'consumer_recreated', about);
    await jsm.consumers.delete(stream, durable);
  }
  await jsm.consumers.add(stream, asked);
}

/** False if the server cannot change these settings of an existing consumer. */
async function updated(jsm: JetStreamManager, stream: string, durable: string, asked: Settings): Promise<boolean> {
  try {
    await jsm.consumers.update(stream, durable, asked);
    return differences(asked, (await jsm.consumers.info(stream, durable)).config).length === 0;
  } catch (error) {
    if (error instanceof NatsError && error.api_error) return false;
    throw error;
  }
}

type Settings = Pick<ConsumerConfig, 'ack_policy' | 'deliver_policy'> & Partial<ConsumerConfig>;

/** The settings in which a consumer differs. An absent filter equals an empty one. */
export function differences(asked: Settings, found: Partial<ConsumerConfig>): string[] {
  return (['ack_policy', 'deliver_policy', 'ack_wait', 'max_ack_pending', 'filter_subject'] as const).filter(
    (name) => (asked[name] ?? '') !== (found[name] ?? ''),
  );
}

/** Tells the server until `fn` ends that work continues, so that the messages go to no other worker. */
export async function whileHandling<T>(messages: readonly JsMsg[], fn: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => messages.forEach((message) => message.working()), ACK_WAIT_MS / 3);
  try {
    return await fn();
  } finally {
    clearInterval(timer);
  }
}

/** True if the consumer was given more than the stream ever had. */
export function standsAhead(deliveredSeq: number, lastSeq: number): boolean {
  return deliveredSeq > lastSeq;
}

export function asUnavailable(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError('unavailable', 'The message bus does not answer at the moment.', { cause: error });
}
