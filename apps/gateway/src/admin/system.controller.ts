import { Controller, Get, Res } from '@nestjs/common';
import { buildOpenApi, type Readiness } from '@switchyard/contracts/http';
import { HealthChecks } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';

/** Health, readiness and interface description, for clients, proxies and tools. */
@Controller()
export class SystemController {
  #openApi: string | undefined;

  readonly #health: HealthChecks;

  constructor(health: HealthChecks) {
    this.#health = health;
  }

  @Get('health')
  alive(@Res() reply: FastifyReply): void {
    void reply.send({ status: 'ok' });
  }

  @Get('readiness')
  async readiness(@Res() reply: FastifyReply): Promise<void> {
    const { ready, checks } = await this.#health.evaluate();
    const answer: Readiness = { status: ready ? 'ready' : 'not_ready', checks: { ...checks } };
    void reply.code(ready ? 200 : 503).send(answer);
  }

  @Get('openapi.json')
  openApi(@Res() reply: FastifyReply): void {
    this.#openApi ??= JSON.stringify(buildOpenApi());
    void reply.type('application/json; charset=utf-8').send(this.#openApi);
  }
}
