import { randomBytes } from 'node:crypto';
import { Controller, Delete, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { Bus } from '@switchyard/bus';
import {
  AppError,
  AuthStartBody,
  AuthStartQuery,
  type AvailableTools,
  clientDocument,
  finishAuthorisation,
  listProviders,
  listTools,
  liveStatus,
  parseOrThrow,
  ProviderId,
  refreshAuthorisation,
  revokeAuthorisation,
  safeParse,
  searchTools,
  sha256,
  startAuthorisation,
  ToolsAvailableQuery,
  ToolsSearchQuery,
} from '@switchyard/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard, isForeignPage } from '../identity/index.ts';
import type { GatewayConfig } from '../config.ts';
import { cookieOf, setCookie } from './cookies.ts';
import { BUS, CONFIG } from '../tokens.ts';
import { toProblem } from '../http/index.ts';
import { failurePage, PROVIDER_PAGE, PROVIDER_PAGE_POLICY, PROVIDER_PAGE_SCRIPT } from './provider-page.ts';

/*
 * Per-user authorisation of providers: redirects the browser; mcp-tool does the rest.
 *
 * - No browser is sent to a provider before its person agreed. A link shows the consent page, each time and for each
 *   client. Only the page's own request, which no other site can make, begins an authorisation.
 * - A separate cookie, which no script can read, binds each attempt to the browser that began it.
 * - That cookie and the state identify a returning browser, which has no other identity.
 */

const PATH = '/api/mcp/auth';
const ATTEMPT_TTL_S = 600;
const ATTEMPT = /^[A-Za-z0-9_-]{1,64}$/;
/** A page holds up to half a megabyte: more pages are too much for one request. */
const MAX_PAGES = 20;

@Controller('api/mcp/auth')
export class ProviderAuthController {
  readonly #guard: AuthGuard;
  readonly #bus: Pick<Bus, 'request'>;
  readonly #config: Pick<GatewayConfig, 'http'>;

  constructor(
    guard: AuthGuard,
    @Inject(BUS) bus: Pick<Bus, 'request'>,
    @Inject(CONFIG) config: Pick<GatewayConfig, 'http'>,
  ) {
    this.#guard = guard;
    this.#bus = bus;
    this.#config = config;
  }

  @Get()
  page(@Res() reply: FastifyReply): void {
    void harden(reply)
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PROVIDER_PAGE_POLICY)
      .send(PROVIDER_PAGE);
  }

  @Get('page.js')
  script(@Res() reply: FastifyReply): void {
    void harden(reply).type('text/javascript; charset=utf-8').send(PROVIDER_PAGE_SCRIPT);
  }

  /** Authorization servers read it; the same for everybody. */
  @Get('client.json')
  async client(@Res() reply: FastifyReply): Promise<void> {
    const { document } = await this.#bus.request(clientDocument, {});
    if (!document) throw new AppError('not_found', 'There is no such document: PUBLIC_URL is not an https address.');
    void reply.code(200).header('cache-control', 'public, max-age=3600').send(document);
  }

  @Get('providers')
  async providers(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    void harden(reply).send(await this.#bus.request(listProviders, { principal: this.#guard.principalOf(request) }));
  }

  @Get('tools/available')
  async available(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { provider } = parseOrThrow(ToolsAvailableQuery, request.query, 'The query');
    const principal = this.#guard.principalOf(request);
    const tools: AvailableTools['tools'] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.#bus.request(listTools, { principal, ...(cursor === undefined ? {} : { cursor }) });
      tools.push(...page.tools.filter((tool) => provider === undefined || tool.provider === provider));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    const answer: AvailableTools = { tools, total: tools.length };
    void harden(reply).send(answer);
  }

  @Get('tools/search')
  async search(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { q: query, top_k: topK } = parseOrThrow(ToolsSearchQuery, request.query, 'The query');
    const { tools } = await this.#bus.request(searchTools, {
      principal: this.#guard.principalOf(request),
      query,
      topK,
    });
    const answer: AvailableTools = { tools, total: tools.length };
    void harden(reply).send(answer);
  }

  /** Sends a browser to the consent page; any other request begins the authorisation at once. */
  @Get(':provider/start')
  async ask(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const provider = providerOf(request);
    const { return_to, client } = parseOrThrow(AuthStartQuery, request.query, 'The query');
    if (!wantsPage(request)) return this.#start(request, reply, provider, return_to);
    const query = new URLSearchParams({ provider, ...(return_to ? { return_to } : {}), ...(client ? { client } : {}) });
    void harden(reply).redirect(`${PATH}?${query.toString()}`, 303);
  }

  @Post(':provider/start')
  @HttpCode(200)
  async start(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { return_to } = parseOrThrow(AuthStartBody, request.body ?? {}, 'The body');
    await this.#start(request, reply, providerOf(request), return_to);
  }

  /** Ends the attempt that the cookie and the state name; the returning browser has no other identity. */
  @Get('callback')
  async callback(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    harden(reply);
    try {
      const params = paramsOf(request.query);
      const attempt = params.state?.split('.', 1)[0] ?? '';
      const name = ATTEMPT.test(attempt) ? cookieName(attempt) : undefined;
      const held = name === undefined ? undefined : cookieOf(request.headers.cookie, name);
      const session = held === undefined ? null : sha256(held);
      if (name !== undefined)
        void reply.header('set-cookie', setCookie(name, '', { ...this.#cookie(request), maxAgeS: 0 }));
      const done = await this.#bus.request(finishAuthorisation, { session, params });
      if (!wantsPage(request)) return void reply.send({ provider: done.provider, status: 'connected' });
      void reply.redirect(done.returnTo ?? `${PATH}?connected=${done.provider}`, 303);
    } catch (error) {
      if (!wantsPage(request)) throw error;
      const { status, body } = toProblem(error);
      const policy = "default-src 'none'; frame-ancestors 'none'";
      void reply
        .code(status)
        .header('content-security-policy', policy)
        .type('text/html; charset=utf-8')
        .send(failurePage(body.detail));
    }
  }

  @Post(':provider/refresh')
  @HttpCode(200)
  async refresh(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = { principal: this.#own(request), provider: providerOf(request) };
    void harden(reply).send(await this.#bus.request(refreshAuthorisation, asked));
  }

  @Get(':provider/status/live')
  async live(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = { principal: this.#guard.principalOf(request), provider: providerOf(request) };
    void harden(reply).send(await this.#bus.request(liveStatus, asked));
  }

  @Delete(':provider')
  async revoke(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const asked = { principal: this.#own(request), provider: providerOf(request) };
    void harden(reply).send(await this.#bus.request(revokeAuthorisation, asked));
  }

  /** Begins an attempt, and binds it to this browser by a cookie of its own. */
  async #start(request: FastifyRequest, reply: FastifyReply, provider: string, returnTo?: string): Promise<void> {
    const principal = this.#own(request);
    const held = randomBytes(32).toString('base64url');
    const asked = { principal, provider, session: sha256(held), ...(returnTo === undefined ? {} : { returnTo }) };
    const started = await this.#bus.request(startAuthorisation, asked);
    const cookie = setCookie(cookieName(started.attempt), held, { ...this.#cookie(request), maxAgeS: ATTEMPT_TTL_S });
    const answer = { authorization_url: started.authorizationUrl, expires_at: started.expiresAt };
    void harden(reply).header('set-cookie', cookie).send(answer);
  }

  /** The caller, if the request may change something: no page of another origin may make it. */
  #own(request: FastifyRequest) {
    if (isForeignPage(request.headers, this.#config.http.corsOrigins))
      throw new AppError('forbidden', 'A page of another origin may not do this; name it in CORS_ORIGINS.');
    return this.#guard.principalOf(request);
  }

  #cookie(request: FastifyRequest) {
    const forwarded = request.headers['x-forwarded-proto'];
    return { path: PATH, secure: request.protocol === 'https' || String(forwarded ?? '').startsWith('https') };
  }
}

/** Keeps private answers out of caches, frames and referrers. */
function harden(reply: FastifyReply): FastifyReply {
  return reply
    .code(200)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .header('x-frame-options', 'DENY');
}

function providerOf(request: FastifyRequest): string {
  const parsed = safeParse(ProviderId, (request.params as { provider?: unknown }).provider);
  if (!parsed.success) throw new AppError('not_found', 'There is no such provider.');
  return parsed.data;
}

/** Each parameter once; others are ignored. */
function paramsOf(query: unknown): { state?: string; code?: string; iss?: string; error?: string } {
  const given = query as Readonly<Record<string, unknown>>;
  const names = ['state', 'code', 'iss', 'error'] as const;
  if (names.some((name) => given[name] !== undefined && typeof given[name] !== 'string'))
    throw new AppError('authorisation_refused');
  return Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}

function wantsPage(request: FastifyRequest): boolean {
  return String(request.headers.accept ?? '').includes('text/html');
}

function cookieName(attempt: string): string {
  return `switchyard_auth_${attempt}`;
}
