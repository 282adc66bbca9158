import type { AppName } from '@switchyard/contracts';
import type { Guarded } from './guarded.ts';
import { DATABASE_ROLES, type GuardedServer } from './logins.ts';
import { REDIS_RIGHTS } from './redis-access.ts';

/** What a service of every stack is started with, whoever starts it: the quick start, a test, a benchmark. */
export const LOG_LEVEL = 'info';

/**
 * A young generation of at most 16 MB for each service. With 4 MB a run costs a sixth more CPU at 64 at once, because
 * what lives for the time of a run is copied again and again; at rest the young generation is small either way. Infra's
 * Dockerfile says the same.
 */
export const NODE_FLAGS = ['--enable-source-maps', '--max-semi-space-size=16'] as const;

export interface ServiceAccess {
  readonly NATS_URL?: string;
  /** For an app that owns tables. */
  readonly DATABASE_URL?: string;
  /** For an app that keeps something in Redis. */
  readonly REDIS_URL?: string;
  readonly BUS_KEYS?: string;
}

/** The variables by which one service reaches the servers that run, as itself. Pure. */
export function serviceAccess(
  app: AppName,
  servers: Readonly<Partial<Record<GuardedServer, Guarded>>>,
  keys: Pick<ServiceAccess, 'BUS_KEYS'> = {},
): ServiceAccess & Record<string, string> {
  const { nats, postgres, redis } = servers;
  return {
    ...(nats ? { NATS_URL: nats.urlFor(app), ...tlsSettings('NATS', nats, app) } : {}),
    ...(postgres && DATABASE_ROLES[app]
      ? { DATABASE_URL: postgres.urlFor(app), ...tlsSettings('DATABASE', postgres, app) }
      : {}),
    ...(redis && REDIS_RIGHTS[app] ? { REDIS_URL: redis.urlFor(app), ...tlsSettings('REDIS', redis, app) } : {}),
    ...keys,
  };
}

function tlsSettings(server: 'NATS' | 'DATABASE' | 'REDIS', at: Guarded, app: AppName): Record<string, string> {
  const files = at.tlsFor?.(app);
  if (!files) return {};
  return {
    [`${server}_TLS_CA_FILE`]: files.ca,
    [`${server}_TLS_CERT_FILE`]: files.cert,
    [`${server}_TLS_KEY_FILE`]: files.key,
  };
}
