import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import { listDeadLetters, parseOrThrow, publicRunId, requeueDeadLetter, runIdOrThrow } from '@switchyard/contracts';
import { type DeadLetterList, DeadLetterQuery, type Requeued } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { BUS } from '../tokens.ts';
import { eventsUrl } from '../streams/index.ts';

/** Dead letters: runs that were given up. The orchestrator decides who may see them. */
@Controller()
export class DeadLettersController {
  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#bus = bus;
  }

  @Get('dead-letters')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { cursor, limit } = parseOrThrow(DeadLetterQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const page = await this.#bus.request(listDeadLetters, {
      principal,
      limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const answer: DeadLetterList = {
      dead_letters: page.letters.map((letter) => ({
        run_id: publicRunId(principal.tenantId, letter.runId),
        user_id: letter.userId,
        task: letter.task,
        reason: letter.reason,
        error: letter.error,
        attempts: letter.attempts,
        at: letter.at,
        requeued_as: letter.requeuedAs === null ? null : publicRunId(principal.tenantId, letter.requeuedAs),
      })),
      next_cursor: page.nextCursor,
    };
    void reply.code(200).send(answer);
  }

  @Post('dead-letters/:id/requeue')
  @HttpCode(202)
  async requeue(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runId = runIdOrThrow((request.params as { id?: unknown }).id);
    const principal = this.#guard.principalOf(request);
    const requeued = await this.#bus.request(requeueDeadLetter, { principal, runId });
    const { created } = requeued;
    const requeuedAs = publicRunId(principal.tenantId, requeued.requeuedAs);
    const answer: Requeued = {
      run_id: publicRunId(principal.tenantId, runId),
      requeued_as: requeuedAs,
      created,
      events_url: eventsUrl(requeuedAs),
    };
    void reply.code(202).header('location', `/runs/${requeuedAs}`).send(answer);
  }
}
