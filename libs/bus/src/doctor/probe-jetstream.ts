import { type AppName, type Bucket, BUCKETS, CONSUMERS, STREAMS } from '@switchyard/contracts';
import { type JetStreamManager, type NatsConnection, NatsError } from 'nats';
import {
  differences,
  ignoredOptions,
  standsAhead,
  toBucketConfig,
  toStreamConfig,
  WANTED_OF_EVERY_CONSUMER,
} from '../nats/index.ts';

/* Reads the state of streams, consumers and key-value buckets for the doctor. It creates and changes nothing. */

export interface StreamSeen {
  readonly name: string;
  readonly missing: boolean;
  /** Options that differ from the requested ones. */
  readonly other: readonly string[];
  readonly messages: number;
  readonly bytes: number;
}

export interface ConsumerSeen {
  readonly stream: string;
  readonly name: string;
  readonly missing: boolean;
  readonly other: readonly string[];
  /** The consumer was given more than the stream ever had, so it gets no further messages. */
  readonly ahead: boolean;
  readonly pending: number;
  readonly unacknowledged: number;
}

/** A key-value bucket, which is created when it is first needed. */
export interface BucketSeen {
  readonly name: string;
  readonly missing: boolean;
  /** Options that differ from the requested ones. */
  readonly other: readonly string[];
  readonly entries: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

/** What this login is responsible for; nothing that belongs to another. */
export interface Looked {
  readonly streams: readonly StreamSeen[];
  readonly consumers: readonly ConsumerSeen[];
  readonly buckets: readonly BucketSeen[];
}

/** Each stream is read by the app that may change it, each consumer and bucket by the app that owns it. */
export async function lookAtJetStream(
  connection: NatsConnection,
  app: AppName | undefined,
  limitMs: number,
): Promise<Partial<Looked>> {
  const consumers = CONSUMERS.filter((each) => app === undefined || each.app === app);
  const buckets = BUCKETS.filter(({ apps }) => app === undefined || apps.includes(app));
  const seesStreams = app === undefined || app === 'orchestrator';
  const asksAll = seesStreams || consumers.length > 0;
  if (!asksAll && buckets.length === 0) return {};
  const manager = await connection.jetstreamManager({ timeout: limitMs, checkAPI: asksAll });
  const streams = seesStreams ? await Promise.all(Object.values(STREAMS).map((each) => stream(manager, each))) : [];
  return {
    streams,
    consumers: await Promise.all(consumers.map((each) => consumer(manager, STREAMS[each.stream].name, each.app))),
    buckets: await Promise.all(buckets.map((each) => bucket(manager, each))),
  };
}

const orMissing = (error: unknown): undefined => {
  if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
  throw error;
};

async function stream(
  manager: JetStreamManager,
  definition: (typeof STREAMS)[keyof typeof STREAMS],
): Promise<StreamSeen> {
  const info = await manager.streams.info(definition.name).catch(orMissing);
  const { name } = definition;
  if (!info) return { name, missing: true, other: [], messages: 0, bytes: 0 };
  const config = info.config as unknown as Record<string, unknown>;
  const { messages, bytes } = info.state;
  return { name, missing: false, other: ignoredOptions(toStreamConfig(definition), config), messages, bytes };
}

async function bucket(manager: JetStreamManager, { bucket: name, ttlMs, maxBytes }: Bucket): Promise<BucketSeen> {
  const info = await manager.streams.info(`KV_${name}`).catch(orMissing);
  if (!info) return { name, missing: true, other: [], entries: 0, bytes: 0, maxBytes };
  const { messages: entries, bytes } = info.state;
  const config = { ...info.config, allow_direct: info.config.allow_direct ?? false }; // an older server does not report it
  return {
    name,
    missing: false,
    other: ignoredOptions(toBucketConfig(ttlMs, maxBytes), config),
    entries,
    bytes,
    maxBytes,
  };
}

async function consumer(manager: JetStreamManager, of: string, name: string): Promise<ConsumerSeen> {
  const found = await manager.consumers.info(of, name).catch(orMissing);
  const gone = { stream: of, name, missing: true, other: [], ahead: false, pending: 0, unacknowledged: 0 };
  const info = found && (await manager.streams.info(of).catch(orMissing));
  if (!info) return gone;
  return {
    ...gone,
    missing: false,
    // Each app chooses how many may be under way.
    other: differences({ ...WANTED_OF_EVERY_CONSUMER, max_ack_pending: found.config.max_ack_pending }, found.config),
    ahead: standsAhead(found.delivered.stream_seq, info.state.last_seq),
    pending: found.num_pending,
    unacknowledged: found.num_ack_pending,
  };
}
