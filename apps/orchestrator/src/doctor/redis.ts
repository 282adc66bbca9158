import { randomUUID } from 'node:crypto';
import { type Finding, found } from '@switchyard/contracts';
import type { TlsFiles } from '@switchyard/platform';
import { dialRedis, type Redis, redisServers } from '@switchyard/redis';

/* Checks 32 and 40: Redis, which keeps the counts of the day and of the rate limit. The judges are pure. */

interface RedisSeen {
  /** Without credentials. */
  readonly server: string;
  readonly refused?: string;
  readonly version?: string;
  readonly pingMs?: number;
  /** The error of writing, reading, expiring or deleting a key. */
  readonly keyFailed?: string;
  /** Undefined: the server does not report it. */
  readonly policy?: string;
  readonly maxMemory?: number;
  readonly evicted?: number;
}

const NO_URL = 'what is no URL';

/** Writes one key of its own, which ends by itself, and deletes it again. */
export async function probeRedis(url: string, limitMs: number, tls?: TlsFiles): Promise<RedisSeen> {
  const server = redisServers(url);
  if (server === undefined) return { server: NO_URL, refused: NO_URL };
  let redis: Redis | undefined;
  try {
    redis = await dialRedis(url, { limitMs, tls, name: 'switchyard-doctor' });
    const began = performance.now();
    await redis.ping();
    const pingMs = performance.now() - began;
    const keyFailed = await tryKey(redis).then(() => undefined, messageOf);
    const info = await redis.info().catch(() => '');
    const of = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
    const [version, policy, maxMemory, evicted] = [
      'redis_version',
      'maxmemory_policy',
      'maxmemory',
      'evicted_keys',
    ].map(of);
    return {
      server,
      pingMs,
      ...(keyFailed === undefined ? {} : { keyFailed }),
      ...(version === undefined ? {} : { version }),
      ...(policy === undefined ? {} : { policy }),
      ...(maxMemory === undefined ? {} : { maxMemory: Number(maxMemory) }),
      ...(evicted === undefined ? {} : { evicted: Number(evicted) }),
    };
  } catch (error) {
    return { server, refused: reasonOf(error) };
  } finally {
    redis?.disconnect();
  }
}

const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? messageOf(error);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'no answer');
const KEY_LIFE_MS = 60_000;

async function tryKey(redis: Redis): Promise<void> {
  const [key, value] = [`doctor:${randomUUID()}`, randomUUID()];
  await redis.set(key, value, 'PX', KEY_LIFE_MS);
  const [read, leftMs, deleted] = [await redis.get(key), await redis.pttl(key), await redis.del(key)];
  if (read !== value) throw new Error('a key that was written was not there when it was read');
  if (leftMs <= 0 || leftMs > KEY_LIFE_MS) throw new Error(`a key that was to end in 60 s ends in ${leftMs} ms`);
  if (deleted !== 1) throw new Error('a key could not be deleted');
}

/** Check 32 */
export function judgeReached({ server, refused, version = '?', pingMs = 0 }: RedisSeen, limitMs: number): Finding {
  if (refused === undefined) return found.ok(`Redis ${version} at ${server} answers in ${pingMs.toFixed(1)} ms.`);
  const evidence = [`${server}: ${refused}`];
  if (server === NO_URL)
    return found.fail(
      'REDIS_URL is no URL such as redis://host:6379, or redis-sentinel://host:26379,other:26379/0#group: correct it.',
      evidence,
    );
  if (refused === 'ECONNREFUSED')
    return found.fail(
      `${server} refused the connection (ECONNREFUSED): no Redis listens there. Start it, or correct REDIS_URL.`,
      evidence,
    );
  if (/NOAUTH|WRONGPASS|invalid password|AUTH/i.test(refused))
    return found.fail(`${server} refuses the login: the user or password in REDIS_URL is wrong.`, evidence);
  if (/ENOTFOUND|EAI_AGAIN/.test(refused))
    return found.fail(`The name in REDIS_URL (${server}) is not known to DNS: correct it.`, evidence);
  if (/timed? ?out/i.test(refused))
    return found.fail(
      `${server} did not answer within ${limitMs / 1_000} s: a firewall, or a server that hangs.`,
      evidence,
    );
  return found.fail(`${server} does not answer as Redis does: ${refused}.`, evidence);
}

/** Check 40 */
export function judgeKeeping({ server, keyFailed, policy, maxMemory = 0, evicted = 0 }: RedisSeen): Finding {
  const evidence = [
    `maxmemory ${maxMemory}, maxmemory-policy ${policy ?? 'not told'}, evicted keys ${evicted}`,
    ...(keyFailed === undefined ? [] : [keyFailed]),
  ];
  if (keyFailed !== undefined && /READONLY/.test(keyFailed))
    return found.fail(`${server} is a replica that takes no writes: REDIS_URL must name the primary.`, evidence);
  if (keyFailed !== undefined && /NOPERM/.test(keyFailed))
    return found.fail(`The login of REDIS_URL may not keep keys: give it set, get, pttl, del and eval.`, evidence);
  if (keyFailed !== undefined && /OOM/.test(keyFailed))
    return found.fail(`${server} has no memory left: raise maxmemory.`, evidence);
  if (keyFailed !== undefined) return found.fail(`${server} does not keep a key: ${keyFailed}.`, evidence);
  if (policy?.startsWith('allkeys-') || policy?.startsWith('volatile-')) {
    const now = maxMemory > 0 ? '' : ' once maxmemory is set';
    return found.warn(
      `${server} may throw counts away${now} (maxmemory-policy ${policy}): a limit by day would then begin anew. Set noeviction, or give Switchyard a Redis of its own.`,
      evidence,
    );
  }
  if (evicted > 0)
    return found.warn(
      `${server} has thrown ${evicted} keys away since it started; they may have been counts of the day.`,
      evidence,
    );
  return found.ok('A key is written, read, ends by itself and is deleted; none is thrown away.', evidence);
}
