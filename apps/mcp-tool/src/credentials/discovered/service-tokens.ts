import { AppError } from '@switchyard/contracts';
import type { DiscoveredProvider } from './provider.ts';
import type { Challenged } from '../../oauth/index.ts';

/*
 * Our own tokens (`auth: service`), one for each upstream, in memory only.
 *
 * - A token is asked for once for all callers that wait, and used until shortly before its end.
 * - After a refusal we ask for a new token once. Where the upstream refuses the new one too, people are told.
 */

/** A token that ends within this time is not used any more. */
const RENEW_BEFORE_MS = 30_000;
/** The lifetime of a token where the server does not say one. */
const USUAL_MS = 300_000;

interface Kept {
  readonly token: string;
  readonly until: number;
}

export class ServiceTokens {
  readonly #kept = new Map<string, Promise<Kept>>();

  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The token for an upstream. All callers that wait share one request. */
  async tokenOf(upstream: string, provider: DiscoveredProvider): Promise<string> {
    const known = await this.#kept.get(upstream);
    if (known && known.until > this.#now()) return known.token;
    if (known) this.#kept.delete(upstream);
    let asked = this.#kept.get(upstream);
    if (!asked) {
      asked = this.#ask(provider);
      this.#kept.set(upstream, asked);
      const mine = asked;
      asked.catch(() => {
        if (this.#kept.get(upstream) === mine) this.#kept.delete(upstream);
      });
    }
    return (await asked).token;
  }

  /** Drops a token that the upstream refused. Throws where the upstream wants more scopes: a new token has the same. */
  async refused(upstream: string, refusal: Challenged): Promise<void> {
    const known = await this.#kept.get(upstream);
    if (refusal.challenge.status === 403)
      throw new AppError('forbidden', `${upstream} does not allow this with the scopes that it gave us.`);
    if (known && refusal.wasFor(known.token)) this.#kept.delete(upstream);
  }

  forget(upstream: string): void {
    this.#kept.delete(upstream);
  }

  async #ask(provider: DiscoveredProvider): Promise<Kept> {
    try {
      const { credential, expiresAt } = await provider.ownToken();
      return { token: credential.access_token, until: (expiresAt ?? this.#now() + USUAL_MS) - RENEW_BEFORE_MS };
    } catch (error) {
      provider.failed(error);
      const why = error instanceof AppError ? error.message : `${provider.config.title} gave us no token.`;
      throw new AppError('credentials_missing', why, { cause: error });
    }
  }
}
