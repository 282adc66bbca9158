import { type Logger, logSharedEvent, type TlsFiles, tlsOptions } from '@switchyard/platform';
import { Redis } from 'ioredis';

export type { Redis };

/** Options that every connection has: a stop does not wait, and a command is not repeated by itself. */
const ALWAYS = {
  disconnectTimeout: 100, // ioredis waits this long, even for a connection that was lost before
  maxRetriesPerRequest: 0,
};
const CONNECT_TIMEOUT_MS = 2_000;
const FIRST_PAUSE_MS = 100;

export interface RedisOptions {
  readonly tls?: TlsFiles | undefined;
  readonly log: Logger;
  /** Longest time for one command. */
  readonly commandTimeoutMs: number;
  /** Longest pause between two attempts to connect. */
  readonly maxPauseMs: number;
  /** Commands wait for a connection that is on its way. Default: they fail at once. */
  readonly waits?: boolean;
  /**
   * What follows while Redis is away, for the log, which says it once in each outage. Unset: the caller reports it, and
   * single errors are logged at debug.
   */
  readonly without?: string;
}

/** A connection that comes back by itself for as long as it is not disconnected. An outage never ends the process. */
export function connectRedis(url: string, options: RedisOptions): Redis {
  const { tls, log, commandTimeoutMs, maxPauseMs, waits = false, without } = options;
  const redis = new Redis(url, {
    ...ALWAYS,
    ...(tls
      ? { tls: tlsOptions(tls, (why) => logSharedEvent(log, 'tls_files_unusable', { server: 'Redis', why })) }
      : {}),
    commandTimeout: commandTimeoutMs,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: waits,
    retryStrategy: (attempt) => Math.min(FIRST_PAUSE_MS * 2 ** attempt, maxPauseMs),
  });
  let isAway = false;
  // Without a listener an error would end the process.
  redis.on('error', (error: Error) => {
    if (without === undefined) log.debug({ err: error }, 'redis reports an error');
    else if (!isAway) logSharedEvent(log, 'redis_unreachable', { err: error, effect: without });
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway && without !== undefined) logSharedEvent(log, 'redis_recovered');
    isAway = false;
  });
  return redis;
}

/** One attempt to connect, for a check. Rejects with what the server or the system said first. */
export async function dialRedis(
  url: string,
  { limitMs, tls, name }: { readonly limitMs: number; readonly tls?: TlsFiles | undefined; readonly name: string },
): Promise<Redis> {
  const redis = new Redis(url, {
    ...ALWAYS,
    ...(tls ? { tls: tlsOptions(tls) } : {}),
    lazyConnect: true,
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    retryStrategy: () => null,
    connectionName: name,
  });
  let first: Error | undefined;
  redis.on('error', (error: Error) => (first ??= error));
  try {
    await redis.connect();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw first ?? error;
  }
}
