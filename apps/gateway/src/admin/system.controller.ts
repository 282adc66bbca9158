import { Controller, Get, Inject, Res } from '@nestjs/common';
import { buildOpenApi, type Readiness } from '@switchyard/contracts/http';
import { HealthChecks, type Metrics } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { CONFIG, METRICS } from '../tokens.ts';
import { Traffic } from '../http/index.ts';

/** What operators and tools ask of the gateway itself. */
@Controller()
export class SystemController {
  #openApi: string | undefined;

  readonly #health: HealthChecks;
  readonly #traffic: Traffic;
  readonly #metrics: Metrics;
  readonly #gatewayConfig: GatewayConfig;

  constructor(
    health: HealthChecks,
    traffic: Traffic,
    @Inject(METRICS) metrics: Metrics,
    @Inject(CONFIG) gatewayConfig: GatewayConfig,
  ) {
    this.#health = health;
    this.#traffic = traffic;
    this.#metrics = metrics;
    this.#gatewayConfig = gatewayConfig;
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

  @Get('metrics')
  async prometheus(@Res() reply: FastifyReply): Promise<void> {
    void reply.type(this.#metrics.contentType).send(await this.#health.exposition(this.#metrics));
  }

  @Get('metrics-debug')
  debug(@Res() reply: FastifyReply): void {
    void reply.send(this.#traffic.debug());
  }

  @Get('config')
  config(@Res() reply: FastifyReply): void {
    void reply.send(this.#gatewayConfig.defaults);
  }

  @Get('openapi.json')
  openApi(@Res() reply: FastifyReply): void {
    this.#openApi ??= JSON.stringify(buildOpenApi());
    void reply.type('application/json; charset=utf-8').send(this.#openApi);
  }
}
