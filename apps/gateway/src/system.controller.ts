import { Controller, Get, Headers, Inject, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import { buildOpenApi, type Readiness } from '@switchyard/contracts/http';
import { HealthChecks, mayReadMetrics, type Metrics } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import type { GatewayConfig } from './config.ts';
import { CONFIG, METRICS } from './parts.ts';
import { Traffic } from './traffic.ts';

/** What operators and tools ask of the gateway itself. */
@Controller()
export class SystemController {
  #openApi: string | undefined;

  constructor(
    private readonly health: HealthChecks,
    private readonly traffic: Traffic,
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(CONFIG) private readonly gatewayConfig: GatewayConfig,
  ) {}

  @Get('health')
  alive(@Res() reply: FastifyReply): void {
    void reply.send({ status: 'ok' });
  }

  @Get('readiness')
  async readiness(@Res() reply: FastifyReply): Promise<void> {
    const { ready, checks } = await this.health.evaluate();
    const answer: Readiness = { status: ready ? 'ready' : 'not_ready', checks: { ...checks } };
    void reply.code(ready ? 200 : 503).send(answer);
  }

  @Get('metrics')
  async prometheus(
    @Res() reply: FastifyReply,
    @Headers('authorization') authorization: string | undefined,
  ): Promise<void> {
    this.#ensureOperator(authorization);
    void reply.type(this.metrics.contentType).send(await this.metrics.text());
  }

  @Get('metrics-debug')
  debug(@Res() reply: FastifyReply, @Headers('authorization') authorization: string | undefined): void {
    this.#ensureOperator(authorization);
    void reply.send(this.traffic.debug());
  }

  @Get('config')
  config(@Res() reply: FastifyReply): void {
    void reply.send(this.gatewayConfig.defaults);
  }

  @Get('openapi.json')
  openApi(@Res() reply: FastifyReply): void {
    this.#openApi ??= JSON.stringify(buildOpenApi());
    void reply.type('application/json; charset=utf-8').send(this.#openApi);
  }

  /** Where OPS_TOKEN is set, the counts are for those who bring it. */
  #ensureOperator(authorization: string | undefined): void {
    if (!mayReadMetrics(authorization, this.gatewayConfig.metricsToken))
      throw new AppError('unauthenticated', 'Send the token of OPS_TOKEN as a bearer token.');
  }
}
