import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config.ts';
import { headerOf } from '../http/index.ts';
import { AuthGuard } from '../identity/index.ts';
import { CONFIG } from '../tokens.ts';
import { callerOf } from './caller.ts';
import { type Refusal, rpcMalformed, rpcRefusal } from './errors.ts';
import { type Caller, Operations } from './operations.ts';
import { checkVersion, jsonOf, NotJson, rpcRequestOf, type RpcRequest } from './rpc.ts';

type Unary = (operations: Operations, caller: Caller, params: unknown) => Promise<unknown>;

const UNARY: Readonly<Record<string, Unary>> = {
  SendMessage: (operations, caller, params) => operations.send(caller, params),
  GetTask: (operations, caller, params) => operations.get(caller, params),
  ListTasks: (operations, caller, params) => operations.list(caller, params),
  CancelTask: (operations, caller, params) => operations.cancel(caller, params),
  GetExtendedAgentCard: (operations, caller, params) => operations.extendedCard(caller, params),
  CreateTaskPushNotificationConfig: (operations) => operations.push(),
  GetTaskPushNotificationConfig: (operations) => operations.push(),
  ListTaskPushNotificationConfigs: (operations) => operations.push(),
  DeleteTaskPushNotificationConfig: (operations) => operations.push(),
};

/** A2A over JSON-RPC. The hooks (hooks.ts) authenticated the caller before. */
@Controller()
export class A2aRpcController {
  readonly #guard: AuthGuard;
  readonly #operations: Operations;
  readonly #enabled: boolean;

  constructor(guard: AuthGuard, operations: Operations, @Inject(CONFIG) config: GatewayConfig) {
    this.#guard = guard;
    this.#operations = operations;
    this.#enabled = config.a2a.enabled;
  }

  @Post('a2a')
  @HttpCode(200)
  async call(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (!this.#enabled) throw new AppError('not_found', 'There is nothing under this path.');
    let asked: RpcRequest | undefined;
    try {
      const body = jsonOf(request.body);
      asked = rpcRequestOf(body);
      if (asked === undefined) return malformed(reply, null, 'INVALID_REQUEST', 'This is no JSON-RPC 2.0 request.');
      checkVersion(headerOf(request, 'a2a-version'));
      await this.#serve(request, reply, asked);
    } catch (error) {
      if (reply.sent) throw error;
      if (error instanceof NotJson) return malformed(reply, null, 'PARSE_ERROR', error.message);
      // The filter counts it among the denials.
      if (error instanceof AppError && error.code === 'forbidden') throw error;
      refuse(reply, rpcRefusal(error, asked?.id ?? null));
    }
  }

  async #serve(request: FastifyRequest, reply: FastifyReply, { id, method, params }: RpcRequest): Promise<void> {
    const principal = this.#guard.principalOf(request);
    const who = { principal, expiresAt: request.identity?.expiresAt, rpcId: id };
    if (method === 'SendStreamingMessage') return this.#operations.stream(reply, who, params);
    if (method === 'SubscribeToTask') return this.#operations.subscribe(reply, who, params);
    if (!Object.hasOwn(UNARY, method)) return malformed(reply, id, 'METHOD_NOT_FOUND', 'There is no such method.');
    const result = await UNARY[method]!(this.#operations, callerOf(request, reply, principal), params);
    void reply.code(200).send({ jsonrpc: '2.0', id, result });
  }
}

function malformed(
  reply: FastifyReply,
  id: RpcRequest['id'],
  code: Parameters<typeof rpcMalformed>[0],
  text: string,
): void {
  refuse(reply, { status: 200, headers: {}, body: { jsonrpc: '2.0', id, error: rpcMalformed(code, text) } });
}

function refuse(reply: FastifyReply, { status, headers, body }: Refusal): void {
  void reply.code(status).headers(headers).header('content-type', 'application/json').send(body);
}
