import type { AppName, BusKey } from '@switchyard/contracts';
import type { BusKeys } from './bus-keys.ts';
import type { Guarded } from './guarded.ts';

export type BusLogin = AppName | 'operator' | 'watcher';

/** The options with which `connectBus` logs in to the bus as an app or as a person. */
export interface BusAccess<A extends BusLogin> {
  readonly url: string;
  readonly app: A;
  readonly trust: readonly BusKey[];
  /** The person who asks. */
  readonly person?: string;
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** A watcher only listens, so it has no keys. */
export function busAccess<A extends BusLogin>(app: A, nats: Guarded, keys: BusKeys, person: string): BusAccess<A> {
  const url = nats.urlFor(app);
  const tls = nats.tlsFor ? { tls: nats.tlsFor(app) } : {};
  if (app === 'watcher') return { url, app, trust: [], ...tls };
  if (app === 'operator') return { url, app, trust: keys.read(keys.ofOperator(person).BUS_KEYS), person, ...tls };
  return { url, app, trust: keys.read(keys.of(app as AppName).BUS_KEYS), ...tls };
}
