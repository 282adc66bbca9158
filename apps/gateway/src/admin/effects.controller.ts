import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import {
  type EffectView,
  getEffect,
  idOrThrow,
  listEffects,
  parseOrThrow,
  publicRunId,
  settleEffect,
} from '@switchyard/contracts';
import { type EffectList, EffectListQuery, type EffectResource, EffectSettleBody } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { BUS } from '../tokens.ts';

/** Effects of tools, and a person's decision about those in doubt. mcp-tool decides who may do what. */
@Controller()
export class EffectsController {
  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#bus = bus;
  }

  @Get('effects')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { run_id: runId, state, cursor, limit } = parseOrThrow(EffectListQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const page = await this.#bus.request(listEffects, {
      principal,
      limit,
      ...(runId === undefined ? {} : { runId }),
      ...(state === undefined ? {} : { state }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const answer: EffectList = { effects: page.effects.map(toResource), next_cursor: page.nextCursor };
    void reply.code(200).send(answer);
  }

  @Get('effects/:id')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const effectId = effectIdOf(request);
    const effect = await this.#bus.request(getEffect, { principal: this.#guard.principalOf(request), effectId });
    void reply.code(200).send(toResource(effect));
  }

  @Post('effects/:id/settle')
  @HttpCode(200)
  async settle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const effectId = effectIdOf(request);
    const body = parseOrThrow(EffectSettleBody, request.body, 'The body');
    const principal = this.#guard.principalOf(request);
    const effect = await this.#bus.request(settleEffect, { principal, effectId, ...body });
    void reply.code(200).send(toResource(effect));
  }
}

function effectIdOf(request: FastifyRequest): string {
  return idOrThrow((request.params as { id?: unknown }).id, 'The effect id');
}

function toResource(effect: EffectView): EffectResource {
  const { effectId, userId, runId, stepId, lateOutcome, createdAt, dispatchedAt, endedAt } = effect;
  const { tool, kind, idempotency, state, arguments: args, result, attempts, late, settled } = effect;
  return {
    effect_id: effectId,
    user_id: userId,
    run_id: runId === null ? null : publicRunId(effect.tenantId, runId),
    step_id: stepId,
    tool,
    kind,
    idempotency,
    state,
    arguments: args,
    result,
    attempts,
    late,
    late_outcome: lateOutcome,
    settled,
    created_at: createdAt,
    dispatched_at: dispatchedAt,
    ended_at: endedAt,
  };
}
