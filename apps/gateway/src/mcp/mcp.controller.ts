import { Controller, Delete, Get, Inject, Post, Req, Res } from '@nestjs/common';
import { AppError } from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard, resourceUrl } from '../identity/index.ts';
import type { GatewayConfig } from '../config.ts';
import { LazyMcpRouter, refusal } from './lazy-router.ts';
import type { Served } from './router.ts';
import { CONFIG } from '../tokens.ts';
import { deeperThan, headerOf, MAX_BODY_DEPTH, StreamSlots } from '../http/index.ts';

const STALL_MS = 30_000;

/** The tools of a user for any MCP client. The hooks (hooks.ts) authenticated the caller before. */
@Controller()
export class McpController {
  readonly #guard: AuthGuard;
  readonly #router: LazyMcpRouter;
  readonly #slots: StreamSlots;
  readonly #config: GatewayConfig;

  constructor(guard: AuthGuard, router: LazyMcpRouter, slots: StreamSlots, @Inject(CONFIG) config: GatewayConfig) {
    this.#guard = guard;
    this.#router = router;
    this.#slots = slots;
    this.#config = config;
  }

  @Post('mcp')
  async post(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const text = typeof request.body === 'string' ? request.body : '';
    if (Buffer.byteLength(text) > this.#config.mcp.maxBodyBytes)
      return send(reply, refusal(413, -32_600, new AppError('payload_too_large')));
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      return send(reply, refusal(400, -32_700, new AppError('invalid_input', 'The body is not valid JSON.')));
    }
    if (deeperThan(body, MAX_BODY_DEPTH))
      return send(
        reply,
        refusal(400, -32_600, new AppError('invalid_input', `The body nests deeper than ${MAX_BODY_DEPTH}.`)),
      );
    await this.#serve(request, reply, body);
  }

  /** The stream of a session for messages that its server initiates. */
  @Get('mcp')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { tenantId, userId } = this.#guard.principalOf(request);
    const release = this.#slots.take(`${tenantId}/${userId}`);
    reply.raw.once('close', release);
    await this.#serve(request, reply, undefined);
  }

  /** Ends a session. */
  @Delete('mcp')
  async end(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.#serve(request, reply, undefined);
  }

  @Get('.well-known/oauth-protected-resource')
  metadata(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#describe(request, reply);
  }

  @Get('.well-known/oauth-protected-resource/mcp')
  metadataOfMcp(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.#describe(request, reply);
  }

  /** RFC 9728: names the issuer whose tokens count here. */
  #describe(request: FastifyRequest, reply: FastifyReply): void {
    const { identity, mcp } = this.#config;
    if (identity.mode !== 'jwt') throw new AppError('not_found', 'Tokens play no part in this deployment.');
    const resource = resourceUrl(mcp.publicUrl, request.headers);
    if (resource === undefined) throw new AppError('invalid_input', 'The Host header is not a host.');
    // An address taken from the Host of one request is only for that client.
    const caching = mcp.publicUrl === undefined ? 'private, no-store' : 'public, max-age=300';
    void reply.header('cache-control', caching).send({
      resource,
      authorization_servers: [identity.issuer],
      bearer_methods_supported: ['header'],
      resource_name: 'Switchyard',
    });
  }

  async #serve(request: FastifyRequest, reply: FastifyReply, body: unknown): Promise<void> {
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.once('close', onClose);
    const principal = this.#guard.principalOf(request);
    const program = headerOf(request, 'user-agent') ?? '';
    let served: Served | undefined;
    try {
      const { method, url } = request;
      const { signal } = gone;
      const toRequest = () => new Request(`http://localhost${url}`, { method, headers: plainHeaders(request), signal });
      const asked = { method, header: (name: string) => headerOf(request, name), body, signal, toRequest };
      served = await this.#router.serve(asked, { principal, address: request.ip, program });
      const { response, text } = served;
      if (response) await send(reply, response, text);
      else void reply.code(200).header('content-type', 'application/json').send(text);
    } finally {
      served?.done();
      reply.raw.off('close', onClose);
    }
  }
}

/** The headers without those about the body on the wire, and without the caller's credentials. */
function plainHeaders({ headers }: FastifyRequest): [string, string][] {
  const dropped = new Set(['authorization', 'cookie', 'content-length', 'transfer-encoding', 'connection']);
  return Object.entries(headers).flatMap(([name, value]): [string, string][] => {
    if (value === undefined || dropped.has(name)) return [];
    return [[name, Array.isArray(value) ? value.join(', ') : value]];
  });
}

async function send(reply: FastifyReply, response: Response, text?: string): Promise<void> {
  const headers = Object.fromEntries(response.headers);
  const streams = headers['content-type']?.startsWith('text/event-stream') === true && response.body !== null;
  if (text !== undefined || !streams) {
    void reply
      .code(response.status)
      .headers(headers)
      .send(text ?? (await response.text()));
    return;
  }
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(response.status, { ...reply.getHeaders(), ...headers } as Record<string, string>);
  raw.flushHeaders();
  const reader = response.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  raw.once('close', stop);
  raw.on('error', stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!raw.write(value)) await drained(raw);
    }
    raw.end();
  } catch {
    raw.destroy();
  } finally {
    raw.off('close', stop);
  }
}

/** Waits for a client that does not read, and cuts it off if it does not catch up. */
function drained(raw: FastifyReply['raw']): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      raw.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    const timer = setTimeout(() => {
      raw.destroy();
      done();
    }, STALL_MS);
    raw.once('drain', done);
    raw.once('close', done);
    if (raw.destroyed) done();
  });
}
