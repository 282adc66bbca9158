import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError, encodeId, type Principal, ROLES } from '@switchyard/contracts';
import { claimAt, isName, refuseMachineRole, refuseReservedUser, tenantOr } from './claims.ts';

/*
 * Determines the principal of a request. Pure; tokens.ts verifies signatures.
 *
 * - An identity header counts in one mode only, in one spelling, once. Every other such header is removed from the
 *   request before any code can read it.
 * - A role comes from a claim that its bearer cannot edit. An unknown role is `user`.
 * - An assumed identity (development without X-User-Id) is not lent to pages of other origins.
 * - One function maps foreign ids to internal ids, without collisions.
 * - A claim or header that is present but unusable is refused. A caller whose identity names no tenant has a tenant
 *   only if the operator configured a default (claims.ts).
 */

export type IdentityMode = 'dev' | 'jwt' | 'edge';

export interface DevIdentity {
  readonly mode: 'dev';
  readonly defaultUserId: string | undefined;
  readonly defaultTenantId: string;
}
export interface EdgeIdentity {
  readonly mode: 'edge';
  /** More than one while a secret is being replaced. */
  readonly secrets: readonly string[];
  /** Undefined: the edge names a tenant with every request. */
  readonly defaultTenantId: string | undefined;
}
export interface JwtIdentity {
  readonly mode: 'jwt';
  readonly issuer: string;
  readonly audience: string;
  /** Keys by address, or one shared secret; never both, and never chosen by the token. */
  readonly keys: { readonly jwksUrl: string } | { readonly secret: string };
  readonly roleClaim: string;
  readonly tenantClaim: string;
  /** Undefined: every token names its tenant. */
  readonly defaultTenantId: string | undefined;
}
export type IdentityConfig = DevIdentity | EdgeIdentity | JwtIdentity;

const EDGE_SECRET_HEADER = 'x-edge-secret';
const MAX_TOKEN_BYTES = 8_192;

const IDENTITY_PREFIXES = ['x-supabase-', 'x-user-', 'x-tenant-', 'x-aztm-', 'x-edge-'];
const HONOURED: Record<IdentityMode, readonly string[]> = {
  dev: ['x-user-id', 'x-user-role', 'x-tenant-id'],
  edge: [
    EDGE_SECRET_HEADER,
    'x-supabase-user-id',
    'x-supabase-user-email',
    'x-supabase-user-role',
    'x-supabase-tenant-id',
  ],
  jwt: [],
};

/** The identity headers that count in a mode; a name that came twice has two values. */
export type IdentityHeaders = ReadonlyMap<string, readonly string[]>;

/**
 * Removes every identity header from `headers` and returns those that count in `mode`. `rawHeaders`: name, value, name,
 * value … as received, so that duplicates and odd spellings are visible.
 */
export function takeIdentityHeaders(
  mode: IdentityMode,
  rawHeaders: readonly string[],
  headers: Record<string, unknown>,
): IdentityHeaders {
  const taken = new Map<string, string[]>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (name.charCodeAt(0) !== 120 /* x */) continue;
    const spelling = name.replaceAll('_', '-');
    if (!IDENTITY_PREFIXES.some((prefix) => spelling.startsWith(prefix))) continue;
    delete headers[name];
    if (!HONOURED[mode].includes(name)) continue;
    const values = taken.get(name);
    if (values === undefined) taken.set(name, [rawHeaders[index + 1]!]);
    else values.push(rawHeaders[index + 1]!);
  }
  return taken;
}

/** The sender that the body of a request may name if nothing better is known. */
export interface BodyTenant {
  readonly tenant_id?: string | null | undefined;
  readonly user_id?: string | null | undefined;
}

/** Explains to a caller with a token or edge headers why these do not count. */
export const NOBODY_NAMED =
  'Send X-User-Id, or set TB_DEFAULT_USER_ID. Bearer tokens count with IDENTITY_MODE=jwt, X-Supabase-User-ID with IDENTITY_MODE=edge alone.';

/** Development: trusts the caller's own statement. Throws `unauthenticated` if it names nobody. */
export function devPrincipal(config: DevIdentity, headers: IdentityHeaders, body?: BodyTenant | null): Principal {
  const userId = one(headers, 'x-user-id') ?? filled(body?.user_id) ?? config.defaultUserId;
  if (userId === undefined) throw new AppError('unauthenticated', NOBODY_NAMED);
  refuseReservedUser(userId);
  const tenantId = one(headers, 'x-tenant-id') ?? filled(body?.tenant_id) ?? config.defaultTenantId;
  return {
    tenantId: encodeId(tenantId),
    userId: encodeId(userId),
    role: knownRole(one(headers, 'x-user-role')),
    via: 'dev',
  };
}

/**
 * True for a request that a web page of another origin made, as far as its browser says. A page can send one without a
 * preflight; it would run under the assumed identity.
 */
export function isForeignPage(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  allowedOrigins: readonly string[],
): boolean {
  const { origin, host } = headers;
  if (typeof origin !== 'string') return headers['sec-fetch-site'] === 'cross-site';
  if (allowedOrigins.includes('*') || allowedOrigins.includes(origin)) return false;
  return origin !== `http://${String(host)}` && origin !== `https://${String(host)}`;
}

/** The principal behind an edge that presented the shared secret. */
export function edgePrincipal(config: EdgeIdentity, headers: IdentityHeaders): Principal {
  const secret = one(headers, EDGE_SECRET_HEADER);
  if (secret === undefined || !config.secrets.some((known) => sameSecret(known, secret))) {
    throw new AppError('unauthenticated', 'The edge secret is missing or wrong (X-Edge-Secret).');
  }
  const userId = named(headers, 'x-supabase-user-id');
  if (userId === undefined) throw new AppError('unauthenticated', 'X-Supabase-User-ID is missing.');
  refuseReservedUser(userId);
  const role = named(headers, 'x-supabase-user-role');
  refuseMachineRole(role);
  return {
    tenantId: encodeId(tenantOr(named(headers, 'x-supabase-tenant-id'), config.defaultTenantId, 'The request')),
    userId: encodeId(userId),
    role: knownRole(role),
    via: 'edge',
  };
}

/**
 * The owner of a refused request of the edge: the edge presented the secret, so the tenant is known, and maybe the
 * user.
 */
export function edgeRefusal(
  config: EdgeIdentity,
  headers: IdentityHeaders,
): { tenantId: string; userId: string | null } | undefined {
  try {
    const secret = one(headers, EDGE_SECRET_HEADER);
    if (secret === undefined || !config.secrets.some((known) => sameSecret(known, secret))) return undefined;
    const tenantId = encodeId(tenantOr(named(headers, 'x-supabase-tenant-id'), config.defaultTenantId, 'The request'));
    return { tenantId, userId: null };
  } catch {
    return undefined;
  }
}

/** The token of an Authorization header. Throws `unauthenticated` for none, another scheme or an oversized one. */
export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) throw new AppError('unauthenticated', 'Send Authorization: Bearer <token>.');
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(
    authorization.length > MAX_TOKEN_BYTES + 16 ? '' : authorization,
  );
  if (match === null || match[1]!.length > MAX_TOKEN_BYTES) {
    throw new AppError('unauthenticated', 'The Authorization header is not a bearer token of at most 8 KB.');
  }
  return match[1]!;
}

/** The principal of claims whose signature, issuer, audience and time were checked. */
export function claimsPrincipal(config: JwtIdentity, claims: Readonly<Record<string, unknown>>): Principal {
  const sub = claimAt(claims, 'sub');
  if (sub === undefined) throw new AppError('unauthenticated', 'The token names no subject.');
  refuseReservedUser(sub);
  refuseMachineRole(Object.hasOwn(claims, 'role') ? claims['role'] : undefined);
  const role = claimAt(claims, config.roleClaim);
  refuseMachineRole(role);
  return {
    tenantId: encodeId(tenantOr(claimAt(claims, config.tenantClaim), config.defaultTenantId, 'The token')),
    userId: encodeId(sub),
    role: knownRole(role),
    via: 'jwt',
  };
}

function one(headers: IdentityHeaders, name: string): string | undefined {
  const values = headers.get(name);
  if (values === undefined) return undefined;
  if (values.length > 1) throw new AppError('unauthenticated', `${name} was sent more than once.`);
  const value = values[0]!.trim();
  if (value.length > 256) throw new AppError('unauthenticated', `${name} is longer than 256 characters.`);
  return value === '' ? undefined : value;
}

/** An edge header: absent, or a valid name. */
function named(headers: IdentityHeaders, header: string): string | undefined {
  if (!headers.has(header)) return undefined;
  const value = one(headers, header);
  if (value === undefined || !isName(value))
    throw new AppError('unauthenticated', `${header} must name one, without control characters, or be left out.`);
  return value;
}

function filled(value: string | null | undefined): string | undefined {
  return value === null || value === '' ? undefined : value;
}

function knownRole(value: string | undefined): Principal['role'] {
  return ROLES.find((role) => role === value) ?? 'user';
}

function sameSecret(known: string, given: string): boolean {
  return timingSafeEqual(digest(known), digest(given));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
