import { createHash } from 'node:crypto';
import type { Bus } from '@switchyard/bus';
import { AppError, listAgents, listTools, type Principal, signCard } from '@switchyard/contracts';
import { BoundedMap, type Clock, VERSION } from '@switchyard/platform';
import { hostOf, type IdentityMode } from '../identity/index.ts';
import { type CardFacts, extendedCard, publicCard } from './card.ts';

/*
 * The cards that this gateway gives out.
 *
 * - The a2a service signs them: the keys are not in the process that faces clients. While it is away, a card that was
 *   signed is given out until its signature ends; a card that was not goes out unsigned, and is signed soon after.
 * - The public card is made once per address of this gateway, and kept with its ETag for half of the signature's time.
 * - The extended card is made for each caller from what it may use. A service that is away takes its skills with it, and
 *   not the card.
 */

export interface PublicCard {
  readonly body: string;
  readonly etag: string;
}

export interface CardsOptions {
  readonly bus: Pick<Bus, 'request'>;
  readonly clock: Clock;
  readonly publicUrl: string | undefined;
  readonly name: string;
  readonly identity: IdentityMode;
}

interface Made extends PublicCard {
  readonly keys: readonly object[];
  /** When it is made anew, and until when it may be given out meanwhile; ms since 1970. */
  readonly renewAt: number;
  readonly goodUntil: number;
}

const MAX_ADDRESSES = 64;
/** An unsigned card is asked a signature for again after this. */
const TRY_AGAIN_MS = 10_000;
const UNSIGNED_MS = 3_600_000;

export class Cards {
  readonly #options: CardsOptions;
  readonly #made = new BoundedMap<string, Made>(MAX_ADDRESSES);
  readonly #making = new Map<string, Promise<Made>>();

  constructor(options: CardsOptions) {
    this.#options = options;
  }

  /** True if the card is the same for everybody, whatever a request is sent to. */
  get isFixed(): boolean {
    return this.#options.publicUrl !== undefined;
  }

  public(host: string | undefined): PublicCard | Promise<PublicCard> {
    return this.#for(this.#urlFor(host));
  }

  /** The JWKS document of the keys that sign the cards. */
  async keys(host: string | undefined): Promise<{ readonly keys: readonly object[] }> {
    const { keys } = await this.#for(this.#urlFor(host));
    return { keys };
  }

  async extended(principal: Principal, host: string | undefined): Promise<object> {
    const { bus } = this.#options;
    const url = this.#urlFor(host);
    const [tools, agents] = await Promise.all([
      bus.request(listTools, { principal }).then((page) => page.tools, none),
      bus.request(listAgents, { principal }).then((list) => list.agents, none),
    ]);
    return (await this.#signed(url, extendedCard(this.#facts(url), principal, tools, agents))).card;
  }

  #for(url: string): Made | Promise<Made> {
    const now = this.#options.clock.now();
    const known = this.#made.get(url);
    if (known !== undefined && known.renewAt > now) return known;
    const making = this.#making.get(url) ?? this.#make(url, known).finally(() => this.#making.delete(url));
    this.#making.set(url, making);
    return known !== undefined && known.goodUntil > now ? known : making;
  }

  async #make(url: string, before: Made | undefined): Promise<Made> {
    const now = this.#options.clock.now();
    const { card, keys, goodUntil } = await this.#signed(url, publicCard(this.#facts(url)));
    const fails = goodUntil === undefined;
    if (fails && before !== undefined && before.keys.length > 0 && before.goodUntil > now) {
      const kept = { ...before, renewAt: now + TRY_AGAIN_MS };
      this.#made.set(url, kept);
      return kept;
    }
    const body = JSON.stringify(card);
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const until = goodUntil ?? now + UNSIGNED_MS;
    const renewAt = fails ? now + TRY_AGAIN_MS : now + (until - now) / 2;
    const made = { body, etag, keys, renewAt, goodUntil: fails ? renewAt : until };
    this.#made.set(url, made);
    return made;
  }

  /** `goodUntil` undefined: nobody could be asked; null: there are no keys. */
  async #signed(url: string, card: object) {
    try {
      const input = { card: card as Record<string, unknown>, jwksUrl: `${url}/.well-known/jwks.json` };
      return await this.#options.bus.request(signCard, input);
    } catch {
      return { card, keys: [], goodUntil: undefined };
    }
  }

  #facts(url: string): CardFacts {
    return { url, name: this.#options.name, version: VERSION, identity: this.#options.identity };
  }

  #urlFor(host: string | undefined): string {
    const { publicUrl } = this.#options;
    if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
    if (hostOf(host) === undefined) throw new AppError('invalid_input', 'The Host header is not a host.');
    return `http://${String(host)}`;
  }
}

function none(): never[] {
  return [];
}
