import { AppError, type Principal, toPublicError } from '@switchyard/contracts';
import type { FastifyRequest } from 'fastify';
import {
  bearerToken,
  type BodyTenant,
  claimsPrincipal,
  devPrincipal,
  edgePrincipal,
  edgeRefusal,
  type IdentityConfig,
  type IdentityHeaders,
  type IdentityMode,
  isForeignPage,
  type JwtIdentity,
  takeIdentityHeaders,
  NOBODY_NAMED,
} from './identity.ts';
import { MCP_PATH } from './mcp-challenge.ts';
import { TICKET_HEADER, type Tickets } from './peer-requests.ts';
import { expiredClaims, type VerifyToken } from './tokens.ts';

/** The sender of a request, after authentication. */
export interface Identity {
  /** Undefined only in development, where the body may still name a user. */
  readonly principal: Principal | undefined;
  readonly headers: IdentityHeaders;
  /** Expiry of the identity, ms since 1970. */
  readonly expiresAt: number | undefined;
  /** Distinguishes the credentials of a principal; useless as a credential itself. */
  readonly credential?: string;
}

/** The owner of refused credentials, if that is certain nevertheless. */
export interface Refused {
  readonly tenantId: string;
  readonly userId: string | null;
}

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null;
  }
}

/** The part of a token's signature that is used. */
const CREDENTIAL_CHARS = 16;

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/** Routes whose body may name user and tenant, in development. */
const BODY_TENANT: ReadonlySet<string> = new Set(['POST /orchestrate', 'POST /orchestrate/stream', 'POST /runs']);

/** The principal of a token that is valid except for its age: the configured issuer signed it. */
function expiredPrincipal(config: JwtIdentity, error: unknown): Refused | undefined {
  const claims = expiredClaims(error);
  if (claims === undefined) return undefined;
  try {
    return claimsPrincipal(config, claims);
  } catch {
    return undefined;
  }
}

/** Authenticates requests in the configured mode, and in no other. */
export class AuthGuard {
  readonly #config: IdentityConfig;
  readonly #verify: VerifyToken | undefined;

  readonly #allowedOrigins: readonly string[];
  readonly #refused = new WeakMap<object, Refused>();

  readonly #tickets: Tickets | undefined;
  /** The same as `verify` for /mcp, whose tokens may have an audience of their own. */
  readonly #verifyMcp: VerifyToken | undefined;

  /** `verify`: for mode `jwt`. `allowedOrigins`: pages that may use an assumed identity. */
  constructor(
    config: IdentityConfig,
    verify: VerifyToken | undefined,
    allowedOrigins: readonly string[],
    tickets?: Tickets,
    verifyMcp = verify,
  ) {
    this.#tickets = tickets;
    this.#verifyMcp = verifyMcp;
    this.#config = config;
    this.#allowedOrigins = allowedOrigins;
    this.#verify = verify;
  }

  get mode(): IdentityMode {
    return this.#config.mode;
  }

  /** True for a peer's request, which the bridge handed over inside this process. */
  isPeer(request: FastifyRequest): boolean {
    return this.#tickets?.knows(request.headers[TICKET_HEADER]) ?? false;
  }

  /**
   * The owner of a request that `identify` refused with this error, if the credentials are real: an expired token of
   * the issuer, or a request of the edge itself.
   */
  whoseRefusal(error: unknown): Refused | undefined {
    return typeof error === 'object' && error !== null ? this.#refused.get(error) : undefined;
  }

  /** Removes every identity header from the request and returns its sender. Throws `unauthenticated`. */
  async identify(request: FastifyRequest): Promise<Identity> {
    const peer = this.#tickets?.redeem(request.headers[TICKET_HEADER]);
    const headers = this.strip(request);
    if (peer) return { principal: peer, headers, expiresAt: undefined };
    const config = this.#config;
    switch (config.mode) {
      case 'dev':
        return { principal: this.#devPrincipal(request, headers), headers, expiresAt: undefined };
      case 'edge':
        return {
          principal: this.#knowing(
            () => edgePrincipal(config, headers),
            () => edgeRefusal(config, headers),
          ),
          headers,
          expiresAt: undefined,
        };
      case 'jwt': {
        const verify = request.routeOptions.url === MCP_PATH ? this.#verifyMcp : this.#verify;
        if (verify === undefined) throw new AppError('unavailable');
        const token = bearerToken(request.headers.authorization);
        const claims = await verify(token).catch((error: unknown) => {
          this.#note(error, () => expiredPrincipal(config, error));
          throw error;
        });
        const expiresAt = claims.exp === undefined ? undefined : claims.exp * 1_000;
        const credential = token.slice(-CREDENTIAL_CHARS);
        return { principal: claimsPrincipal(config, claims), headers, expiresAt, credential };
      }
    }
  }

  /** Removes the identity headers from a request whose sender does not matter. */
  strip(request: FastifyRequest): IdentityHeaders {
    return takeIdentityHeaders(this.#config.mode, request.raw.rawHeaders, request.raw.headers);
  }

  /** The principal of a request; `tenant` of its body counts only in development. */
  principalOf(request: FastifyRequest, tenant?: BodyTenant | null): Principal {
    const { identity } = request;
    if (identity === null) throw new AppError('unauthenticated');
    // The bridge names the peer; the body names nobody.
    if (identity.principal?.via !== 'xmpp' && this.#config.mode === 'dev' && tenant !== undefined && tenant !== null) {
      return devPrincipal(this.#config, identity.headers, tenant);
    }
    if (identity.principal !== undefined) return identity.principal;
    throw new AppError('unauthenticated', NOBODY_NAMED);
  }

  #knowing<T>(find: () => T, whose: () => Refused | undefined): T {
    try {
      return find();
    } catch (error) {
      this.#note(error, whose);
      throw error;
    }
  }

  #note(error: unknown, find: () => Refused | undefined): void {
    const whose = find();
    if (whose !== undefined && typeof error === 'object' && error !== null) this.#refused.set(error, whose);
  }

  #devPrincipal(request: FastifyRequest, headers: IdentityHeaders): Principal | undefined {
    if (this.#config.mode !== 'dev') return undefined;
    if (!headers.has('x-user-id') && isForeignPage(request.headers, this.#allowedOrigins)) {
      throw new AppError('forbidden', 'A page of another origin must send X-User-Id, or be named in CORS_ORIGINS.');
    }
    const config = this.#config;
    // An MCP client on this machine may stay anonymous.
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
