import { AppError, sha256 } from '@switchyard/contracts';
import type { Provider } from '../oauth/index.ts';

/*
 * The providers that there are, from wherever they are known.
 *
 * K1 One that the operator named has its name before one that an upstream led to, and this before one that ships.
 * K3 One that ships and has no credentials is no provider: nothing is asked of it, and whoever asks for it is told why.
 * K2 Where the providers, or who they are, are others, the mark is another.
 */

/** Where it is known that there are providers. */
type Source = 'named' | 'discovered' | 'shipped';

/** K3 */
export interface NotSetUp {
  readonly id: string;
  readonly title: string;
  readonly scopes: readonly string[];
  /** For people: what is missing. */
  readonly why: string;
}

export class KnownProviders {
  readonly #sources = new Map<Source, ReadonlyMap<string, Provider>>();
  #providers: ReadonlyMap<string, Provider> = new Map();
  #mark = '';
  #without: readonly NotSetUp[] = [];

  /** The providers of this source that there are from now on. */
  use(providers: ReadonlyMap<string, Provider>, source: Source): void {
    this.#sources.set(source, providers);
    const order = ['shipped', 'discovered', 'named'] as const; // K1
    this.#providers = new Map(order.flatMap((each) => [...(this.#sources.get(each) ?? [])]));
    const issuers = [...this.#providers.values()].map(({ config }) => `${config.id} ${config.issuer ?? ''}`);
    this.#mark = sha256(issuers.sort().join('\n')).slice(0, 8);
  }

  /** K3 */
  without(missing: readonly NotSetUp[]): void {
    this.#without = missing;
  }

  notSetUp(): readonly NotSetUp[] {
    return this.#without.filter(({ id }) => !this.#providers.has(id));
  }

  /** Undefined where nothing is known of such a provider. */
  whyNot(provider: string): string | undefined {
    return this.notSetUp().find(({ id }) => id === provider)?.why;
  }

  /** K2 */
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

  /** Throws where there is none. */
  get(provider: string): Provider {
    const found = this.find(provider);
    const why = found ? undefined : this.whyNot(provider);
    if (why !== undefined) throw new AppError('provider_unusable', why);
    if (!found) throw new AppError('not_found', 'There is no such provider.');
    return found;
  }
}
