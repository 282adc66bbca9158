import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { CONFIG } from '../tokens.ts';
import { Cards } from './cards.ts';

const MAX_AGE_S = 300;

/** The public agent card. */
@Controller()
export class CardController {
  readonly #cards: Cards;
  readonly #enabled: boolean;
  readonly #since = new Date().toUTCString();

  constructor(cards: Cards, @Inject(CONFIG) config: GatewayConfig) {
    this.#cards = cards;
    this.#enabled = config.a2a.enabled;
  }

  @Get('.well-known/agent-card.json')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (!this.#enabled) throw new AppError('not_found', 'There is nothing under this path.');
    const { body, etag } = await this.#cards.public(request.headers.host);
    // An address taken from the Host of one request is only for that client.
    const whose = this.#cards.isFixed ? 'public' : 'private';
    reply.header('etag', etag).header('cache-control', `${whose}, max-age=${MAX_AGE_S}`);
    reply.header('last-modified', this.#since).header('vary', 'host');
    const known = request.headers['if-none-match'];
    if (known !== undefined && known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag))
      return void reply.code(304).send();
    void reply.code(200).header('content-type', 'application/json').send(body);
  }

  /** The public keys that sign the card. */
  @Get('.well-known/jwks.json')
  async keys(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (!this.#enabled) throw new AppError('not_found', 'There is nothing under this path.');
    const body = await this.#cards.keys(request.headers.host);
    void reply.code(200).header('cache-control', `public, max-age=${MAX_AGE_S}`).send(body);
  }
}
