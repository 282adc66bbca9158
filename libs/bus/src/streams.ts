import { AppError, type StreamDefinition, STREAMS } from '@switchyard/contracts';
import { DiscardPolicy, type JetStreamManager, NatsError, RetentionPolicy, StorageType, type StreamConfig } from 'nats';

const NANOS_PER_MS = 1_000_000;
const OLDEST_SERVER = [2, 9] as const;

/** Refuses a server that is too old for what the streams need. */
export function checkServerVersion(version: string | undefined): void {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new AppError(
    'unavailable',
    `nats-server ${version ?? '?'} is too old; ${OLDEST_SERVER.join('.')} or newer is needed.`,
  );
}

/** The part of a stream's configuration that we ask for. Pure. */
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

/** The options that the server did not take over as asked. Older servers drop what they do not know, silently. */
export function ignoredOptions(asked: Record<string, unknown>, echoed: Record<string, unknown>): string[] {
  return Object.entries(asked)
    .filter(([name, value]) => JSON.stringify(echoed[name]) !== JSON.stringify(value))
    .map(([name]) => name);
}

/** Creates or updates every stream and compares what the server made of it with what was asked. */
export async function ensureStreams(manager: JetStreamManager): Promise<void> {
  for (const definition of Object.values(STREAMS)) {
    const asked = toStreamConfig(definition);
    const info = await createOrUpdate(manager, asked);
    const ignored = ignoredOptions(asked, info.config as unknown as Record<string, unknown>);
    if (ignored.length > 0) {
      throw new AppError(
        'unavailable',
        `nats-server ignored ${ignored.join(', ')} of stream ${definition.name}; use another version.`,
      );
    }
  }
}

async function createOrUpdate(manager: JetStreamManager, asked: Partial<StreamConfig> & { name: string }) {
  try {
    const existing = await manager.streams.info(asked.name);
    const differs = ignoredOptions(asked, existing.config as unknown as Record<string, unknown>).length > 0;
    return differs ? await manager.streams.update(asked.name, asked) : existing;
  } catch (error) {
    if (!(error instanceof NatsError) || error.api_error?.code !== 404) throw error;
  }
  try {
    return await manager.streams.add(asked);
  } catch (error) {
    // Another replica created it between the look and the attempt.
    if (error instanceof NatsError && error.api_error?.err_code === 10058) return manager.streams.info(asked.name);
    throw error;
  }
}
