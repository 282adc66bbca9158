import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { parseOrThrow, safeParse } from '@switchyard/contracts';
import { OrchestrateRequest, StreamTaskQuery, StreamViewQuery } from '@switchyard/contracts/http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../identity/index.ts';
import { concerns, headerOf } from '../http/index.ts';
import { mintRunId } from './mint.ts';
import type { GatewayConfig } from '../config.ts';
import { CONFIG } from '../tokens.ts';
import { toStartRun } from './requests.ts';
import { OVER, reconnectOf, Streams, type Viewer } from '../streams/index.ts';
import { unusedFields } from './unused-fields.ts';

/** Runs a task: one answer, or a stream of named events. */
@Controller()
export class OrchestrateController {
  readonly #timeoutMs: number;

  readonly #guard: AuthGuard;
  readonly #streams: Streams;

  constructor(guard: AuthGuard, streams: Streams, @Inject(CONFIG) config: GatewayConfig) {
    this.#guard = guard;
    this.#streams = streams;
    this.#timeoutMs = config.orchestrateTimeoutMs;
  }

  @Post('orchestrate')
  @HttpCode(200)
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(OVER));
    const start = this.#toStart(request);
    concerns(request, { threadId: start.run.thread_id });
    const notices = noticesOf(request);
    const answer = await this.#streams.answer(start, this.#timeoutMs, gone.signal, notices);
    const code = answer.status === 'waiting' ? 202 : 200;
    void reply.code(code).header('x-run-id', answer.run_id).send(answer);
  }

  @Post('orchestrate/stream')
  @HttpCode(200)
  stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { view } = parseOrThrow(StreamViewQuery, request.query, 'The query');
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined)
      return this.#streams.attach(reply, this.#viewer(request, view), earlier.runId, { after: earlier.seq });
    const start = this.#toStart(request);
    const viewer = this.#viewer(request, view);
    const context = { ...viewer.context, notices: noticesOf(request) };
    return this.#streams.start(reply, { ...viewer, context, principal: start.run.principal }, start);
  }

  @Get('orchestrate/stream')
  streamTask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const query = parseOrThrow(StreamTaskQuery, request.query, 'The query');
    const viewer = this.#viewer(request, query.view);
    const earlier = reconnectOf(headerOf(request, 'last-event-id'));
    if (earlier !== undefined) return this.#streams.attach(reply, viewer, earlier.runId, { after: earlier.seq });
    const { principal } = viewer;
    return this.#streams.start(
      reply,
      viewer,
      toStartRun(query, { principal, mintedRunId: mintRunId(), idempotencyKey: headerOf(request, 'idempotency-key') }),
    );
  }

  #toStart(request: FastifyRequest) {
    const body = parseOrThrow(OrchestrateRequest, request.body, 'The body');
    const principal = this.#guard.principalOf(request, body.tenant);
    return toStartRun(body, {
      principal,
      mintedRunId: mintRunId(),
      idempotencyKey: headerOf(request, 'idempotency-key'),
    });
  }

  #viewer(request: FastifyRequest, view: 'default' | 'all'): Viewer {
    const body = request.body as { tenant?: { tenant_id?: string; user_id?: string } } | undefined;
    const tenant = safeParse(OrchestrateRequest.shape.tenant, body?.tenant).data;
    return {
      principal: this.#guard.principalOf(request, tenant),
      expiresAt: request.identity?.expiresAt,
      dialect: 'orchestrate',
      context: { threadId: '', view, profile: '1.0' },
      endsAtPause: false,
    };
  }
}

/** The unused parts of a valid body. */
function noticesOf({ body }: FastifyRequest): string[] {
  return unusedFields(body as OrchestrateRequest);
}
