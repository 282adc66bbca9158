import { AppError, type Principal, toPublicError } from '@switchyard/contracts';
import type { FastifyRequest } from 'fastify';
import {
  bearerToken,
  type BodyTenant,
  claimsPrincipal,
  devPrincipal,
  edgePrincipal,
  type IdentityConfig,
  type IdentityHeaders,
  type IdentityMode,
  isForeignPage,
  takeIdentityHeaders,
} from './identity.ts';
import { MCP_PATH } from './mcp-door.ts';
import { TICKET_HEADER, type Tickets } from './peer-requests.ts';
import type { VerifyToken } from './tokens.ts';

/** Who sent a request, once the guard has let it in. */
export interface Identity {
  /** Undefined in development alone, where the body may still name a user. */
  readonly principal: Principal | undefined;
  readonly headers: IdentityHeaders;
  /** End of its validity, ms since 1970. */
  readonly expiresAt: number | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null;
  }
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** Routes whose body may name user and tenant, in development. */
const BODY_TENANT: ReadonlySet<string> = new Set(['POST /orchestrate', 'POST /orchestrate/stream', 'POST /runs']);

/** Decides by configuration alone how requests prove who sent them. */
export class AuthGuard {
  readonly #config: IdentityConfig;
  readonly #verify: VerifyToken | undefined;

  readonly #allowedOrigins: readonly string[];

  /** `verify`: for mode `jwt`. `allowedOrigins`: whose pages may use an identity that is taken for granted. */
  constructor(
    config: IdentityConfig,
    verify: VerifyToken | undefined,
    allowedOrigins: readonly string[],
    private readonly tickets?: Tickets,
    /** The same as `verify` for /mcp, whose tokens may have an audience of their own. */
    private readonly verifyMcp = verify,
  ) {
    this.#config = config;
    this.#allowedOrigins = allowedOrigins;
    this.#verify = verify;
  }

  get mode(): IdentityMode {
    return this.#config.mode;
  }

  /** True for a request of a peer, which the bridge handed over inside this process. */
  isPeer(request: FastifyRequest): boolean {
    return this.tickets?.knows(request.headers[TICKET_HEADER]) ?? false;
  }

  /** Strips the request of every identity header and says who sent it. Throws `unauthenticated`. */
  async identify(request: FastifyRequest): Promise<Identity> {
    const peer = this.tickets?.redeem(request.headers[TICKET_HEADER]);
    const headers = this.strip(request);
    if (peer) return { principal: peer, headers, expiresAt: undefined };
    const config = this.#config;
    switch (config.mode) {
      case 'dev':
        return { principal: this.#devPrincipal(request, headers), headers, expiresAt: undefined };
      case 'edge':
        return { principal: edgePrincipal(config, headers), headers, expiresAt: undefined };
      case 'jwt': {
        const verify = request.routeOptions.url === MCP_PATH ? this.verifyMcp : this.#verify;
        if (verify === undefined) throw new AppError('unavailable');
        const claims = await verify(bearerToken(request.headers.authorization));
        const expiresAt = claims.exp === undefined ? undefined : claims.exp * 1_000;
        return { principal: claimsPrincipal(config, claims), headers, expiresAt };
      }
    }
  }

  /** Takes the identity headers out of a request, also where nobody asks who sent it. */
  strip(request: FastifyRequest): IdentityHeaders {
    return takeIdentityHeaders(this.#config.mode, request.raw.rawHeaders, request.raw.headers);
  }

  /** On whose behalf a request runs; `tenant` of its body counts in development alone. */
  principalOf(request: FastifyRequest, tenant?: BodyTenant | null): Principal {
    const { identity } = request;
    if (identity === null) throw new AppError('unauthenticated');
    // A peer is who the bridge says; its body names nobody.
    if (identity.principal?.via !== 'xmpp' && this.#config.mode === 'dev' && tenant !== undefined && tenant !== null) {
      return devPrincipal(this.#config, identity.headers, tenant);
    }
    if (identity.principal !== undefined) return identity.principal;
    throw new AppError('unauthenticated', 'Send X-User-Id, or set TB_DEFAULT_USER_ID.');
  }

  #devPrincipal(request: FastifyRequest, headers: IdentityHeaders): Principal | undefined {
    if (this.#config.mode !== 'dev') return undefined;
    if (!headers.has('x-user-id') && isForeignPage(request.headers, this.#allowedOrigins)) {
      throw new AppError('forbidden', 'A page of another origin must send X-User-Id, or be named in CORS_ORIGINS.');
    }
    const config = this.#config;
    // An MCP client on this machine need not say who it is.
    const unnamed =
      request.routeOptions.url === MCP_PATH && LOOPBACK.has(request.ip) && config.defaultUserId === undefined;
    try {
      return devPrincipal(unnamed ? { ...config, defaultUserId: 'dev' } : config, headers);
    } catch (error) {
      const { code } = toPublicError(error);
      const mayFollow =
        BODY_TENANT.has(`${request.method} ${request.routeOptions.url ?? ''}`) && !headers.has('x-user-id');
      if (code === 'unauthenticated' && mayFollow) return undefined;
      throw error;
    }
  }
}
