import { AppError, sha256 } from '@switchyard/contracts';
import type { Provider } from '../oauth/index.ts';

/*
 * All providers, from three sources: the operator's file, the upstreams, and those that ship.
 *
 * - If two sources have a provider of one name, the operator's comes first, then that of an upstream, then the shipped
 *   one.
 * - A shipped provider without credentials does not count as a provider. It gets no requests, and a caller that asks
 *   for it gets the reason.
 * - The revision changes whenever a provider or its issuer changes.
 */

/** The source that a provider comes from. */
type Source = 'named' | 'discovered' | 'shipped';

/** A shipped provider without credentials. */
export interface NotSetUp {
  readonly id: string;
  readonly title: string;
  readonly scopes: readonly string[];
  /** What is missing, for people. */
  readonly why: string;
}

export class ProviderRegistry {
  readonly #sources = new Map<Source, ReadonlyMap<string, Provider>>();
  #providers: ReadonlyMap<string, Provider> = new Map();
  #mark = '';
  #without: readonly NotSetUp[] = [];

  /** Replaces the providers of one source. */
  use(providers: ReadonlyMap<string, Provider>, source: Source): void {
    this.#sources.set(source, providers);
    const order = ['shipped', 'discovered', 'named'] as const; // A later source wins a name.
    this.#providers = new Map(order.flatMap((each) => [...(this.#sources.get(each) ?? [])]));
    const issuers = [...this.#providers.values()].map(({ config }) => `${config.id} ${config.issuer ?? ''}`);
    this.#mark = sha256(issuers.sort().join('\n')).slice(0, 8);
  }

  /** Replaces the list of shipped providers without credentials. */
  without(missing: readonly NotSetUp[]): void {
    this.#without = missing;
  }

  notSetUp(): readonly NotSetUp[] {
    return this.#without.filter(({ id }) => !this.#providers.has(id));
  }

  /** Why a shipped provider is not set up; undefined for any other name. */
  whyNot(provider: string): string | undefined {
    return this.notSetUp().find(({ id }) => id === provider)?.why;
  }

  /** Changes whenever a provider or its issuer changes. */
  get mark(): string {
    return this.#mark;
  }

  get size(): number {
    return this.#providers.size;
  }

  all(): readonly Provider[] {
    return [...this.#providers.values()];
  }

  find(provider: string): Provider | undefined {
    return this.#providers.get(provider);
  }

  /** Throws where there is no such provider. */
  get(provider: string): Provider {
    const found = this.find(provider);
    const why = found ? undefined : this.whyNot(provider);
    if (why !== undefined) throw new AppError('provider_unusable', why);
    if (!found) throw new AppError('not_found', 'There is no such provider.');
    return found;
  }
}
