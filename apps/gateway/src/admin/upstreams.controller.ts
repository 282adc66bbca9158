import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import {
  decideQuarantine,
  listQuarantine,
  listUpstreams,
  lookAtUpstream,
  parseOrThrow,
  type QuarantineDecided,
  QuarantineDecision,
  type QuarantineList,
  QuarantineQuery,
  type UpstreamList,
  UpstreamLookBody,
} from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { BUS } from '../tokens.ts';

/** The MCP upstreams, and their quarantined definitions. mcp-tool decides who may do what. */
@Controller()
export class UpstreamsController {
  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#bus = bus;
  }

  @Get('tools/quarantine')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { cursor, limit } = parseOrThrow(QuarantineQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const page = await this.#bus.request(listQuarantine, {
      principal,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const tools = page.tools.map(({ seenAt, ...tool }) => ({ ...tool, seen_at: seenAt }));
    void reply.code(200).send({ tools, next_cursor: page.nextCursor } satisfies QuarantineList);
  }

  @Post('tools/quarantine')
  @HttpCode(200)
  async decide(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const decision = parseOrThrow(QuarantineDecision, request.body, 'The body');
    const principal = this.#guard.principalOf(request);
    const decided: QuarantineDecided = await this.#bus.request(decideQuarantine, { principal, ...decision });
    void reply.code(200).send(decided);
  }

  @Get('tools/upstreams')
  async upstreams(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const found = await this.#bus.request(listUpstreams, { principal: this.#guard.principalOf(request) });
    const upstreams = found.upstreams.map(({ refreshedAt, ...status }) => ({ ...status, refreshed_at: refreshedAt }));
    void reply.code(200).send({ upstreams } satisfies UpstreamList);
  }

  @Post('tools/upstreams/look')
  @HttpCode(200)
  async look(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { url } = parseOrThrow(UpstreamLookBody, request.body, 'The body');
    const principal = this.#guard.principalOf(request);
    void reply.code(200).send(await this.#bus.request(lookAtUpstream, { principal, url }));
  }
}
