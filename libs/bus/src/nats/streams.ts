import { AppError, type StreamDefinition, type StreamLimits, STREAMS } from '@switchyard/contracts';
import {
  DiscardPolicy,
  type JetStreamManager,
  NatsError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from 'nats';

const NANOS_PER_MS = 1_000_000;
const OLDEST_SERVER = [2, 9] as const;

/** Refuses a server that is too old for the streams. */
export function checkServerVersion(version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new AppError(
    'unavailable',
    `nats-server ${version ?? '?'} is too old; ${OLDEST_SERVER.join('.')} or newer is needed.`,
  );
}

/** The part of a stream's configuration that we request. Pure. */
export function toStreamConfig(definition: StreamDefinition): Partial<StreamConfig> & { name: string } {
  return {
    name: definition.name,
    subjects: [...definition.subjects],
    retention: definition.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    discard: definition.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    storage: StorageType.File,
    max_age: definition.maxAgeMs * NANOS_PER_MS,
    max_bytes: definition.maxBytes,
    max_msgs: definition.maxMessages,
    duplicate_window: definition.duplicateWindowMs * NANOS_PER_MS,
    description: definition.summary,
  };
}

/** The part of a bucket's configuration on which its users rely. Pure. */
export function toBucketConfig(ttlMs: number, maxBytes: number): Partial<StreamConfig> {
  return {
    max_msgs_per_subject: 1,
    retention: RetentionPolicy.Limits,
    // A record is kept until it expires: a full bucket refuses writes, and drops nothing.
    discard: DiscardPolicy.New,
    max_msgs: -1,
    max_age: ttlMs * NANOS_PER_MS,
    max_bytes: maxBytes,
    allow_direct: false,
  };
}

/** The options that the server did not adopt. Older servers silently drop unknown options. */
export function ignoredOptions(asked: Record<string, unknown>, echoed: Record<string, unknown>): string[] {
  return Object.entries(asked)
    .filter(([name, value]) => JSON.stringify(echoed[name]) !== JSON.stringify(value))
    .map(([name]) => name);
}

/*
 * - The stream that the server made is compared with the stream that was asked for.
 * - Where the server does not change a setting of a stream, the stream is made anew if all of its content is committed
 *   elsewhere. Any other stream is left as it is, and the error says what an operator must decide.
 * - A stream of this name that somebody else made is not touched.
 * - How much of RUNS is kept is a setting of one service. Any other makes a missing RUNS with the limits of the contracts,
 *   and leaves those of an existing one as they are. The same is true of how many servers keep each stream.
 * - A server that is busy with an election, or cannot keep as many copies, is no reason to make a stream anew.
 */

/**
 * Creates or updates every stream. `runs`: the limits of RUNS, and `copies`: how many servers keep each stream, where this
 * service decides them.
 */
export async function ensureStreams(manager: JetStreamManager, runs?: StreamLimits, copies?: number): Promise<void> {
  for (const definition of Object.values(STREAMS)) {
    const isRuns = definition.name === 'RUNS';
    const asked = toStreamConfig(isRuns ? { ...definition, ...runs } : definition);
    if (isRuns && !runs) Object.assign(asked, await limitsOf(manager, asked.name));
    if (copies !== undefined) asked.num_replicas = copies;
    const info = await createOrUpdate(manager, asked, definition.rebuildable);
    const ignored = ignoredOptions(asked, info.config as unknown as Record<string, unknown>);
    if (ignored.length > 0) {
      throw new AppError(
        'unavailable',
        `nats-server ignored ${ignored.join(', ')} of stream ${definition.name}; use another version.`,
      );
    }
  }
}

type Asked = Partial<StreamConfig> & { name: string };

/** The limits of an existing stream; nothing where there is no such stream. */
async function limitsOf(manager: JetStreamManager, name: string): Promise<Partial<StreamConfig>> {
  const info = await found(manager, name);
  if (!info) return {};
  const { max_age, max_bytes, max_msgs } = info.config;
  return { max_age, max_bytes, max_msgs };
}

async function found(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.code === 404) return undefined;
    throw error;
  }
}

/** The server's codes for a stream of this name with other settings, and for subjects that another stream has. */
const NAME_IN_USE = 10_058;
const SUBJECTS_IN_USE = 10_065;
/** No cluster; not enough servers that could keep a copy. */
const TOO_MANY_COPIES: readonly (number | undefined)[] = [10_074, 10_005];
/** The status with which a server says that it can decide nothing at the moment. */
const NOT_NOW = 503;

async function createOrUpdate(manager: JetStreamManager, asked: Asked, rebuildable: boolean): Promise<StreamInfo> {
  const existing = await found(manager, asked.name);
  if (!existing) return create(manager, asked);
  const other = ignoredOptions(asked, existing.config as unknown as Record<string, unknown>);
  if (other.length === 0) return existing;
  if (other.includes('subjects') && other.includes('description')) {
    throw new AppError(
      'unavailable',
      `The stream ${asked.name} on this server is somebody else's: ${other.join(', ')}.`,
    );
  }
  try {
    return await manager.streams.update(asked.name, asked);
  } catch (error) {
    if (!(error instanceof NatsError) || !error.api_error) throw error;
    if (TOO_MANY_COPIES.includes(error.api_error.err_code)) throw tooManyCopies(asked, error);
    if (error.api_error.code === NOT_NOW) throw error;
    if (!rebuildable) {
      throw new AppError(
        'unavailable',
        `Stream ${asked.name} has another ${other.join(', ')}, which nats-server does not change. Its messages exist ` +
          `nowhere else: delete it by hand once they are not needed, then it is made anew.`,
        { cause: error },
      );
    }
  }
  await manager.streams.delete(asked.name);
  return create(manager, asked);
}

async function create(manager: JetStreamManager, asked: Asked): Promise<StreamInfo> {
  try {
    return await manager.streams.add(asked);
  } catch (error) {
    const code = error instanceof NatsError ? error.api_error?.err_code : undefined;
    // Another replica created it between the read and the attempt.
    if (code === NAME_IN_USE) return manager.streams.info(asked.name);
    if (TOO_MANY_COPIES.includes(code)) throw tooManyCopies(asked, error);
    if (code !== SUBJECTS_IN_USE) throw error;
    throw new AppError(
      'unavailable',
      `Another stream has subjects of ${asked.name} (${(asked.subjects ?? []).join(', ')}); rename or delete it.`,
      { cause: error },
    );
  }
}

function tooManyCopies({ name, num_replicas }: Asked, cause: unknown): AppError {
  return new AppError(
    'unavailable',
    `Stream ${name} is to be kept by ${num_replicas} nats-servers (NATS_STREAM_REPLICAS), and there are not so many in a ` +
      `cluster with JetStream.`,
    { cause },
  );
}
