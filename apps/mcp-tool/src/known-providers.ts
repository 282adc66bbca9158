import { AppError, sha256 } from '@switchyard/contracts';
import type { Provider } from './provider.ts';

/*
 * The providers that there are, from wherever they are known.
 *
 * K1 One that the operator named has its name before one that an upstream led to.
 * K2 Where the providers, or who they are, are others, the mark is another.
 */

/** Where it is known that there are providers. */
type Source = 'named' | 'discovered';

export class KnownProviders {
  readonly #sources = new Map<Source, ReadonlyMap<string, Provider>>();
  #providers: ReadonlyMap<string, Provider> = new Map();
  #mark = '';

  /** The providers of this source that there are from now on. */
  use(providers: ReadonlyMap<string, Provider>, source: Source): void {
    this.#sources.set(source, providers);
    this.#providers = new Map([...(this.#sources.get('discovered') ?? []), ...(this.#sources.get('named') ?? [])]); // K1
    const issuers = [...this.#providers.values()].map(({ config }) => `${config.id} ${config.issuer ?? ''}`);
    this.#mark = sha256(issuers.sort().join('\n')).slice(0, 8);
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
    if (!found) throw new AppError('not_found', 'There is no such provider.');
    return found;
  }
}
