import { createHash } from 'node:crypto';
import type { Bus } from '@switchyard/bus';
import { AppError, listAgents, listTools, type Principal } from '@switchyard/contracts';
import { BoundedMap, VERSION } from '@switchyard/platform';
import { hostOf, type IdentityMode } from '../identity/index.ts';
import { type CardFacts, extendedCard, publicCard } from './card.ts';

/*
 * The cards that this gateway gives out.
 *
 * - The public card is made once per address of this gateway, and kept with its ETag.
 * - The extended card is made for each caller from what it may use. A service that is away takes its skills with it, and
 *   not the card.
 */

export interface PublicCard {
  readonly body: string;
  readonly etag: string;
}

export interface CardsOptions {
  readonly bus: Pick<Bus, 'request'>;
  readonly publicUrl: string | undefined;
  readonly name: string;
  readonly identity: IdentityMode;
}

const MAX_ADDRESSES = 64;

export class Cards {
  readonly #options: CardsOptions;
  readonly #made = new BoundedMap<string, PublicCard>(MAX_ADDRESSES);

  constructor(options: CardsOptions) {
    this.#options = options;
  }

  /** True if the card is the same for everybody, whatever a request is sent to. */
  get isFixed(): boolean {
    return this.#options.publicUrl !== undefined;
  }

  public(host: string | undefined): PublicCard {
    const url = this.#urlFor(host);
    const known = this.#made.get(url);
    if (known !== undefined) return known;
    const body = JSON.stringify(publicCard(this.#facts(url)));
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const card = { body, etag };
    this.#made.set(url, card);
    return card;
  }

  async extended(principal: Principal, host: string | undefined): Promise<object> {
    const { bus } = this.#options;
    const [tools, agents] = await Promise.all([
      bus.request(listTools, { principal }).then((page) => page.tools, none),
      bus.request(listAgents, { principal }).then((list) => list.agents, none),
    ]);
    return extendedCard(this.#facts(this.#urlFor(host)), principal, tools, agents);
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
