import { isDeepStrictEqual } from 'node:util';
import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError, type UpstreamAuthorisation, type UpstreamLook } from '@switchyard/contracts';
import type { Clock, Logger } from '@switchyard/platform';
import type { SafeFetch } from '@switchyard/safe-fetch';
import type { Authorisations, ProviderRegistry } from '../index.ts';
import type { Challenged, ClientRegistrations } from '../../oauth/index.ts';
import { DiscoveredProvider } from './provider.ts';
import { loadMcpSdk } from '../../common/index.ts';
import { ServiceTokens } from './service-tokens.ts';
import { parseUpstreams, type ReadVariable, type UpstreamConfig } from '../../upstreams/connections/config.ts';

/*
 * The providers to which the upstreams of the operator's file lead.
 *
 * - An upstream whose configuration stays the same keeps the provider that was discovered for it.
 * - `configure` waits for no upstream. Discovery of each runs on its own, and again when a caller needs it.
 */

export interface DiscoveredProvidersParts {
  readonly providers: Pick<ProviderRegistry, 'use'>;
  readonly authorisations: Pick<Authorisations, 'challenged'>;
  readonly registrations: ClientRegistrations;
  /** `host`: the host of an upstream, which may be private since the operator named it. Absent: no exception. */
  readonly fetchFor: (host?: string) => SafeFetch;
  readonly mayUseHttp: (host: string) => boolean;
  readonly read: ReadVariable;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The page on which a person authorises a provider. */
  readonly pageOf: (provider: string) => string;
  /** Why credentials cannot be sealed; undefined: they can. */
  readonly withoutKeys: string | undefined;
}

interface Held {
  readonly upstream: UpstreamConfig;
  readonly provider: DiscoveredProvider;
}

export class DiscoveredProviders {
  readonly #own: ServiceTokens;
  readonly #listeners = new Set<(upstream: string) => void>();
  #held: ReadonlyMap<string, Held> = new Map();

  readonly #parts: DiscoveredProvidersParts;

  constructor(parts: DiscoveredProvidersParts) {
    this.#parts = parts;
    this.#own = new ServiceTokens(() => parts.clock.now());
  }

  /** Calls `listener` after each discovery, also after one that failed. */
  onLooked(listener: (upstream: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Takes over the upstreams of the file. Throws where users are to authorise one and no credential can be sealed. */
  configure(upstreams: readonly UpstreamConfig[]): void {
    const { withoutKeys, providers } = this.#parts;
    const wanted = upstreams.filter(({ oauth }) => oauth !== undefined);
    if (withoutKeys !== undefined && wanted.some(({ oauth }) => oauth?.by === 'user')) throw new Error(withoutKeys);
    const before = this.#held;
    this.#held = new Map(
      wanted.map((upstream): [string, Held] => {
        const known = before.get(upstream.name);
        const isSame = known && isDeepStrictEqual(known.upstream, upstream);
        return [upstream.name, isSame ? known : { upstream, provider: this.#make(upstream) }];
      }),
    );
    providers.use(this.#ofUsers(), 'discovered');
    for (const [name, held] of this.#held) {
      if (before.get(name) === held) continue;
      this.#own.forget(name);
      void held.provider.look().catch(() => undefined); // Nobody waits for the upstream.
    }
  }

  /** How an upstream is authorised; null: it has no discovered provider. */
  viewOf({ name, provider }: UpstreamConfig): UpstreamAuthorisation | null {
    const held = this.#held.get(name);
    if (!held) return null;
    const { view } = held.provider;
    return view.by === 'service' || view.missing !== null
      ? view
      : { ...view, missing: view.issuer === null ? null : `Each user authorises it: ${this.#parts.pageOf(provider)}` };
  }

  /** What people must do before the upstream can be used; undefined: it has no discovered provider. */
  waitsFor({ name, provider }: UpstreamConfig): string | undefined {
    const held = this.#held.get(name);
    if (!held) return undefined;
    const { issuer, missing } = held.provider.view;
    if (missing !== null) {
      void held.provider.look().catch(() => undefined);
      return missing;
    }
    const where = issuer === null ? '' : ` at ${issuer}`;
    return `Nobody has authorised it${where} yet. Open ${this.#parts.pageOf(provider)}`;
  }

  /** Looks at a server that is no upstream: whether it wants a login, and at which issuer. Keeps nothing. */
  async lookAt(url: string): Promise<UpstreamLook> {
    await loadMcpSdk();
    const { hostname } = new URL(url);
    const parsed = parseUpstreams(JSON.stringify({ upstreams: { server: { url, auth: 'oauth' } } }));
    if ('mistakes' in parsed) throw new AppError('invalid_input', `${url} cannot be an upstream.`);
    const provider = this.#make({ ...parsed.upstreams[0]!, name: hostname }, this.#parts.fetchFor());
    if (!(await provider.asks())) return { wants: 'nothing', authorisation: null };
    await provider.look();
    return { wants: 'login', authorisation: provider.view };
  }

  /** Our own token for an upstream (`auth: service`). */
  async ownToken({ name }: UpstreamConfig): Promise<string> {
    const held = this.#held.get(name);
    if (!held) throw new AppError('credentials_missing', `${name} is not set up.`);
    return this.#own.tokenOf(name, held.provider);
  }

  /** Handles a token that an upstream refused. Resolves if there is another token by now; otherwise throws. */
  async challenged(
    upstream: UpstreamConfig,
    who: Parameters<Authorisations['challenged']>[0] | undefined,
    refusal: Challenged,
  ): Promise<void> {
    const held = this.#held.get(upstream.name);
    if (!held) throw refusal;
    if (refusal.challenge.status === 401)
      await held.provider.look(refusal.challenge).catch((error: unknown) => {
        throw new AppError('provider_not_connected', error instanceof AppError ? error.message : undefined, {
          cause: error,
        });
      });
    if (held.upstream.oauth?.by === 'service') return this.#own.refused(upstream.name, refusal);
    if (!who) throw refusal;
    await this.#parts.authorisations.challenged(who, upstream.provider, refusal);
  }

  #ofUsers(): Map<string, DiscoveredProvider> {
    const held = [...this.#held.values()].filter(({ upstream }) => upstream.oauth?.by === 'user');
    return new Map(held.map(({ upstream, provider }) => [upstream.provider, provider]));
  }

  #make(upstream: UpstreamConfig, fetch?: SafeFetch): DiscoveredProvider {
    const { registrations, fetchFor, mayUseHttp, read, systemEvents, clock, log } = this.#parts;
    const { host, protocol } = new URL(upstream.url!);
    const made: DiscoveredProvider = new DiscoveredProvider({
      upstream,
      oauth: upstream.oauth!,
      registrations,
      read,
      systemEvents,
      log,
      fetch: fetch ?? fetchFor(host),
      // Where the operator's own URL of the upstream is http, its metadata may be http on the same host.
      mayUseHttp: (other) => (!fetch && protocol === 'http:' && other === host) || mayUseHttp(other),
      now: () => clock.now(),
      onLooked: () => {
        if (this.#held.get(upstream.name)?.provider !== made) return;
        // The issuer may have changed: `use` computes the revision anew, so that no list of tools stays stale.
        this.#parts.providers.use(this.#ofUsers(), 'discovered');
        for (const listener of this.#listeners) listener(upstream.name);
      },
    });
    return made;
  }
}
