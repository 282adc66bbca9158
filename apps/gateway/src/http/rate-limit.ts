import { AppError } from '@switchyard/contracts';
import type { Logger, TlsFiles } from '@switchyard/platform';
import { connectRedis } from '@switchyard/redis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { RateSlices, type Slice } from './rate-slices.ts';

/*
 * Limits the requests of one caller per minute, counted over all replicas in Redis.
 *
 * - If Redis does not answer, each replica counts alone: no caller is locked out, and no caller is unlimited.
 * - A caller over the limit is refused without asking Redis again until its minute is over.
 * - A caller with many requests is counted in slices (rate-slices.ts). It never gets more than the limit, and not every
 *   request waits for Redis.
 */
export interface RateLimit {
  /** Counts one request. Throws `rate_limited` with the pause. */
  take(key: string): Promise<void>;
  /** True if the shared count works; undefined if none is configured. */
  shared(): boolean | undefined;
  close(): void;
}

const WINDOW_S = 60;
const REDIS_TIMEOUT_MS = 500;
const REDIS_PAUSE_MS = 5_000;

export function createRateLimit(options: {
  perMinute: number;
  redisUrl: string | undefined;
  redisTls?: TlsFiles | undefined;
  log: Logger;
}): RateLimit {
  const { perMinute, redisUrl, redisTls, log } = options;
  if (perMinute === 0) return { take: () => Promise.resolve(), shared: () => undefined, close: () => undefined };

  const alone = new RateLimiterMemory({ points: perMinute, duration: WINDOW_S });
  const redis =
    redisUrl === undefined
      ? undefined
      : connectRedis(redisUrl, {
          tls: redisTls,
          log,
          commandTimeoutMs: REDIS_TIMEOUT_MS,
          maxPauseMs: REDIS_PAUSE_MS,
          without: 'each replica counts requests alone',
        });
  const limiter =
    redis === undefined
      ? alone
      : new RateLimiterRedis({
          storeClient: redis,
          keyPrefix: 'rl',
          points: perMinute,
          duration: WINDOW_S,
          insuranceLimiter: alone,
          inMemoryBlockOnConsumed: perMinute + 1,
          rejectIfRedisNotReady: true,
        });

  const slices = new RateSlices(async (key, wanted): Promise<Slice> => {
    const { consumedPoints, msBeforeNext } = await limiter.consume(key, wanted).catch((refused: unknown) => {
      if (refused instanceof RateLimiterRes) return refused;
      throw refused;
    });
    // A part of the last slice may still lie below the limit. The limiter counts nothing (0 points) for a caller that
    // it refuses without asking Redis.
    const points = consumedPoints === 0 ? 0 : wanted - Math.max(0, consumedPoints - perMinute);
    if (points <= 0)
      throw new AppError('rate_limited', `More than ${perMinute} requests in a minute.`, {
        retryAfterMs: msBeforeNext,
      });
    return { points, left: Math.max(0, perMinute - consumedPoints), endsInMs: msBeforeNext };
  });
  return {
    take: (key) => slices.take(key),
    shared: () => (redis === undefined ? undefined : redis.status === 'ready'),
    close: () => redis?.disconnect(),
  };
}
