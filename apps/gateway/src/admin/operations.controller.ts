import { Controller, Get, Inject, Res } from '@nestjs/common';
import { HealthChecks, type Metrics } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { CONFIG, METRICS } from '../tokens.ts';
import { Traffic } from '../http/index.ts';

/** What the port for operations shows, at the public port: only where OPS_ON_GATEWAY_PORT says so. */
@Controller()
export class OperationsController {
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
}
