import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { headerOf } from '../http/index.ts';
import { AuthGuard } from '../identity/index.ts';
import { CONFIG } from '../tokens.ts';
import { callerOf } from './caller.ts';
import { restRefusal } from './errors.ts';
import { type Caller, Operations } from './operations.ts';
import { checkVersion, jsonOf } from './rpc.ts';

const CONTENT_TYPE = 'application/a2a+json';
/** Fastify: a doubled colon is a colon, and the expression keeps the id from taking it in. */
const TASK = 'tasks/:id(^[^:/]+)';

/** A2A over HTTP+JSON. The hooks (hooks.ts) authenticated the caller before. */
@Controller('a2a/v1')
export class A2aRestController {
  readonly #guard: AuthGuard;
  readonly #operations: Operations;
  readonly #enabled: boolean;

  constructor(guard: AuthGuard, operations: Operations, @Inject(CONFIG) config: GatewayConfig) {
    this.#guard = guard;
    this.#operations = operations;
    this.#enabled = config.a2a.enabled;
  }

  @Post('message::send')
  @HttpCode(200)
  send(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, (caller) => this.#operations.send(caller, jsonOf(request.body)));
  }

  @Post('message::stream')
  @HttpCode(200)
  stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#guarded(request, reply, ({ principal }) =>
      this.#operations.stream(reply, this.#viewer(request, principal), jsonOf(request.body)),
    );
  }

  @Get('tasks')
  list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, (caller) => this.#operations.list(caller, request.query));
  }

  @Post(`${TASK}::cancel`)
  @HttpCode(200)
  cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, (caller) => this.#operations.cancel(caller, paramsOf(request)));
  }

  @Post(`${TASK}::subscribe`)
  @HttpCode(200)
  subscribe(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#guarded(request, reply, ({ principal }) =>
      this.#operations.subscribe(reply, this.#viewer(request, principal), paramsOf(request)),
    );
  }

  @Get('tasks/:id')
  show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, (caller) => {
      const { historyLength, ...rest } = paramsOf(request);
      const length =
        historyLength === undefined || historyLength === '' ? {} : { historyLength: Number(historyLength) };
      return this.#operations.get(caller, { ...rest, ...length });
    });
  }

  @Get('extendedAgentCard')
  extendedCard(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#answer(request, reply, (caller) => this.#operations.extendedCard(caller, request.query));
  }

  #viewer(request: FastifyRequest, principal: Caller['principal']) {
    return { principal, expiresAt: request.identity?.expiresAt };
  }

  #answer(request: FastifyRequest, reply: FastifyReply, act: (caller: Caller) => Promise<unknown>): Promise<void> {
    return this.#guarded(request, reply, async (caller) => {
      const body = JSON.stringify(await act(caller));
      void reply.code(200).header('content-type', CONTENT_TYPE).send(body);
    });
  }

  async #guarded(request: FastifyRequest, reply: FastifyReply, act: (caller: Caller) => Promise<void>): Promise<void> {
    if (!this.#enabled) throw new AppError('not_found', 'There is nothing under this path.');
    try {
      checkVersion(versionOf(request));
      await act(callerOf(request, reply, this.#guard.principalOf(request)));
    } catch (error) {
      // The filter counts it among the denials.
      if (reply.sent || (error instanceof AppError && error.code === 'forbidden')) throw error;
      const { status, headers, body } = restRefusal(error);
      void reply.code(status).headers(headers).header('content-type', CONTENT_TYPE).send(JSON.stringify(body));
    }
  }
}

function paramsOf({ params, query }: FastifyRequest): Record<string, unknown> {
  return { ...(query as object), ...(params as object) };
}

/** A client that cannot set headers names its version in the query. */
function versionOf(request: FastifyRequest): string | undefined {
  const { 'A2A-Version': named } = request.query as Record<string, unknown>;
  return headerOf(request, 'a2a-version') ?? (typeof named === 'string' ? named : undefined);
}
