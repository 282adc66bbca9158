import { type Logger, logSharedEvent, type TlsFiles, tlsOptions } from '@switchyard/platform';
import { Redis, type RedisOptions as ClientOptions } from 'ioredis';
import { sentinelAddress } from './address.ts';

export type { Redis };
export { isRedisAddress, REDIS_ADDRESS_FORM, redisServers } from './address.ts';

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

type Limits = Required<Pick<ClientOptions, 'connectTimeout' | 'commandTimeout'>>;
/** Between two rounds over all Sentinels, none of which knew a primary. */
const SENTINEL_PAUSE_MS = 250;
/** Connections for the news of a failover. */
const SENTINELS_HEARD = 2;

/** A client of one Redis, or of the primary that Sentinels name. Throws a sentence for people if the URL is not one. */
function clientOf(
  url: string,
  tls: ReturnType<typeof tlsOptions> | undefined,
  { maxRounds = Infinity, ...options }: ClientOptions & Limits & { maxRounds?: number },
): Redis {
  const own = { ...ALWAYS, ...(tls ? { tls } : {}), ...options };
  const several = sentinelAddress(url);
  if (!several) return new Redis(url, own);
  const { tls: speaksTls, sentinels, ...address } = several;
  // Without files: the authorities that Node.js knows.
  const files = speaksTls || tls ? (tls ?? {}) : undefined;
  return new Redis({
    ...own,
    ...address,
    sentinels: [...sentinels],
    ...(files ? { tls: files, sentinelTLS: files, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: options.commandTimeout,
    sentinelRetryStrategy: (round) => (round >= maxRounds ? null : SENTINEL_PAUSE_MS),
    sentinelMaxConnections: SENTINELS_HEARD,
  });
}

/**
 * A primary that became a replica refuses writes. The connection is made anew, and what was refused fails: only its caller
 * knows whether it may be repeated.
 */
const wasDemoted = (error: Error): boolean => error.message.startsWith('READONLY');

/** A connection that comes back by itself for as long as it is not disconnected. An outage never ends the process. */
export function connectRedis(url: string, options: RedisOptions): Redis {
  const { tls, log, commandTimeoutMs, maxPauseMs, waits = false, without } = options;
  const files = tls && tlsOptions(tls, (why) => logSharedEvent(log, 'tls_files_unusable', { server: 'Redis', why }));
  const redis = clientOf(url, files, {
    reconnectOnError: wasDemoted,
    // A primary that was cut off does not hang up by itself: the Sentinels say that it is replaced.
    failoverDetector: true,
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
  const redis = clientOf(url, tls && tlsOptions(tls), {
    maxRounds: 1,
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
