import { jwksOf, readCard, signCard, type SigningKey } from '@switchyard/agent-card';
import { AgentCard } from '@a2a-js/sdk';
import { AppError, type InputOf, type OutputOf, type signCard as signCardRequest } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';

/** How long a signature of our card holds. The gateway asks for a new one at half of it. */
const VALID_MS = 24 * 3_600_000;

/** Signs the cards of this deployment: the private keys are here alone, and not in the process that faces clients. */
export class OwnCard {
  readonly #keys: readonly SigningKey[];
  readonly #clock: Clock;

  constructor(keys: readonly SigningKey[], clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  async sign({ card, jwksUrl }: InputOf<typeof signCardRequest>): Promise<OutputOf<typeof signCardRequest>> {
    const read = readCard(card);
    if (read === undefined) throw new AppError('invalid_input', 'This is no A2A 1.0 card.');
    if (this.#keys.length === 0) return { card, keys: [], goodUntil: null };
    const nowMs = this.#clock.now();
    const signed = await signCard(read, { keys: this.#keys, nowMs, validForMs: VALID_MS, jwksUrl });
    return {
      card: AgentCard.toJSON(signed) as Record<string, unknown>,
      ...(jwksOf(this.#keys) as { keys: { kid: string; kty: string }[] }),
      goodUntil: nowMs + VALID_MS,
    };
  }
}
