import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import { getBudget } from '@switchyard/contracts';
import type { BudgetAnswer } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { BUS } from '../tokens.ts';

/** The usage of the daily limits, and what is left. */
@Controller()
export class BudgetController {
  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(guard: AuthGuard, @Inject(BUS) bus: Pick<Bus, 'request'>) {
    this.#guard = guard;
    this.#bus = bus;
  }

  @Get('budget')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const principal = this.#guard.principalOf(request);
    const { resetsAt, ...view } = await this.#bus.request(getBudget, { principal });
    const answer: BudgetAnswer = { ...view, resets_at: resetsAt };
    void reply.code(200).send(answer);
  }
}
