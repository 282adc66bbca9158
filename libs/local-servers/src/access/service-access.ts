import type { AppName } from '@switchyard/contracts';
import type { Guarded } from './guarded.ts';
import { DATABASE_ROLES, type GuardedServer } from './logins.ts';
import { REDIS_RIGHTS } from './redis-access.ts';

/** The settings of every service, in the quick start, in tests and in benchmarks. */
export const LOG_LEVEL = 'info';

/**
 * At most 16 MB of young generation for each service. With 4 MB a run costs a sixth more CPU when 64 run at once,
 * because the garbage collector copies objects that live as long as a run again and again; an idle service keeps the
 * young generation small either way. The Dockerfile in infra sets the same.
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

/** The environment variables with which a service reaches the running servers, with its own logins. Pure. */
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
