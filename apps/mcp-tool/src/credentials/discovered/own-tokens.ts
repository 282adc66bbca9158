import { AppError } from '@switchyard/contracts';
import type { DiscoveredProvider } from './provider.ts';
import type { Challenged } from '../../oauth/index.ts';

/*
 * Tokens with which we are authorised ourselves, one for each upstream; in memory alone.
 *
 * T1 A token is asked for once for all that wait, and used until shortly before its end.
 * T2 One that was refused is asked for anew once; an upstream that refuses the new one too is told to people.
 */

/** A token that ends so soon is not used any more. */
const RENEW_BEFORE_MS = 30_000;
/** Where the server does not say how long it holds. */
const USUAL_MS = 300_000;

interface Kept {
  readonly token: string;
  readonly until: number;
}

export class OwnTokens {
  readonly #kept = new Map<string, Promise<Kept>>();

  constructor(private readonly now: () => number) {}

  /** T1 */
  async tokenOf(upstream: string, provider: DiscoveredProvider): Promise<string> {
    const known = await this.#kept.get(upstream);
    if (known && known.until > this.now()) return known.token;
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

  /** T2 */
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
      return { token: credential.access_token, until: (expiresAt ?? this.now() + USUAL_MS) - RENEW_BEFORE_MS };
    } catch (error) {
      provider.failed(error);
      const why = error instanceof AppError ? error.message : `${provider.config.title} gave us no token.`;
      throw new AppError('credentials_missing', why, { cause: error });
    }
  }
}
