import { AppError, safeParse } from '@switchyard/contracts';
import type { SafeFetch } from '@switchyard/safe-fetch';
import { z } from 'zod';
import { mcpSdk } from '../common/index.ts';
import { type Challenge, challengeOf, scopesIn, union } from './rules.ts';

/*
 * Finds out who issues tokens for an upstream: RFC 9728, then RFC 8414 and OpenID Connect.
 *
 * - An upstream is not trusted. Discovery refuses a resource that is not the upstream's, metadata of another issuer, an
 *   endpoint without TLS and a login without PKCE, before any browser or secret goes there.
 * - Discovery refuses large documents. Of a document it keeps only the fields below, each with a bound.
 * - Where the operator names the issuer, discovery accepts this issuer alone.
 * - A server from before RFC 9728 counts as its own authorization server if it publishes metadata. Without metadata
 *   discovery fails; it guesses no endpoints.
 */

const LIMITS = { timeoutMs: 10_000, maxResponseBytes: 128 * 1024 };
/** Most authorization servers that are tried of those that an upstream names. */
const MAX_SERVERS = 4;

const Url = z.url({ protocol: /^https?$/ }).max(2_048);
const Names = z.array(z.string().max(200)).max(500);

/** The fields that are kept of the metadata of an authorization server, each with a bound. */
export const ServerMetadata = z.object({
  issuer: z.string().min(1).max(500),
  authorization_endpoint: Url.optional(),
  token_endpoint: Url,
  registration_endpoint: Url.optional(),
  revocation_endpoint: Url.optional(),
  introspection_endpoint: Url.optional(),
  userinfo_endpoint: Url.optional(),
  jwks_uri: Url.optional(),
  scopes_supported: Names.optional(),
  response_types_supported: Names.optional(),
  grant_types_supported: Names.optional(),
  code_challenge_methods_supported: Names.optional(),
  token_endpoint_auth_methods_supported: Names.optional(),
  authorization_response_iss_parameter_supported: z.boolean().optional(),
  client_id_metadata_document_supported: z.boolean().optional(),
});
export type ServerMetadata = z.infer<typeof ServerMetadata>;

const ResourceMetadata = z.object({
  resource: Url,
  authorization_servers: z.array(Url).max(50).optional(),
  scopes_supported: Names.optional(),
});

/** Who issues tokens for an upstream, and for what. */
export interface Found {
  readonly issuer: string;
  readonly metadata: ServerMetadata;
  /** Sent as it was published, to the letter (RFC 8707). */
  readonly resource: string;
  readonly scopes: readonly string[];
}

export interface DiscoveryAsk {
  readonly title: string;
  readonly url: string;
  readonly challenge: Challenge | undefined;
  /** The only issuer that is accepted, as the operator named it; undefined: the upstream names it. */
  readonly issuer: string | undefined;
  readonly by: 'user' | 'service';
  readonly fetch: SafeFetch;
  /** http is for hosts that the operator named as private. */
  readonly mayUseHttp: (host: string) => boolean;
}

/** A request without effects. A server that wants tokens refuses it without one. */
const PROBE = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} });

/** What an upstream says to somebody without a token; undefined: it does not ask for one. */
export async function probe(
  url: string,
  fetch: SafeFetch,
  own: Readonly<Record<string, string>> = {},
): Promise<Challenge | undefined> {
  const headers = { ...own, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const response = await fetch(url, { method: 'POST', body: PROBE, headers, ...LIMITS });
  await response.body?.cancel();
  return challengeOf(response);
}

/** Throws AppError: `provider_unusable`, or what kept us from asking. */
export async function discover(ask: DiscoveryAsk): Promise<Found> {
  const described = await resourceOf(ask);
  const named = described?.authorization_servers ?? [];
  const own = new URL('/', ask.url).href;
  const servers = named.length > 0 ? named.slice(0, MAX_SERVERS) : [own];
  const { issuer } = ask;
  if (issuer !== undefined && !servers.some((server) => isSame(server, issuer)))
    throw unusable(ask, 'it does not name the issuer that oauth.issuer says');
  const resource = described?.resource ?? mcpSdk().resourceUrlFromServerUrl(ask.url).href;
  const scopes = union(...(described?.scopes_supported ?? []).map(scopesIn));
  let reason: unknown;
  for (const server of servers.filter((one) => issuer === undefined || isSame(one, issuer)))
    try {
      const metadata = await metadataOf(ask, server);
      return { issuer: metadata.issuer, metadata, resource, scopes };
    } catch (error) {
      reason ??= error;
    }
  throw reason;
}

/** The metadata of the resource (RFC 9728). Undefined where the upstream publishes none. */
async function resourceOf(ask: DiscoveryAsk): Promise<z.infer<typeof ResourceMetadata> | undefined> {
  const reader = new Reader(ask);
  const { resourceMetadataUrl } = ask.challenge ?? {};
  const options = resourceMetadataUrl === undefined ? undefined : { resourceMetadataUrl };
  try {
    await mcpSdk().discoverOAuthProtectedResourceMetadata(ask.url, options, reader.fetch);
  } catch (error) {
    const isAbsent = reader.status >= 400 && reader.status < 500;
    if (isAbsent && resourceMetadataUrl === undefined && !appErrorIn(error)) return undefined;
    throw explained(ask, error, 'what it says of itself (RFC 9728) cannot be read');
  }
  const parsed = safeParse(ResourceMetadata, reader.json());
  if (!parsed.success) throw unusable(ask, 'what it says of itself (RFC 9728) cannot be read', parsed.error);
  // We never ask for a token for another resource.
  const { resource } = parsed.data;
  const isOurs = mcpSdk().checkResourceAllowed({ requestedResource: ask.url, configuredResource: resource });
  if (!isOurs || resource.includes('#')) throw unusable(ask, 'it says that it is another resource');
  return parsed.data;
}

/** The metadata of an authorization server. Throws where it names another issuer, or is not safe to use. */
async function metadataOf(ask: DiscoveryAsk, server: string): Promise<ServerMetadata> {
  const reader = new Reader(ask);
  let found: unknown;
  try {
    found = await mcpSdk().discoverAuthorizationServerMetadata(server, { fetchFn: reader.fetch });
  } catch (error) {
    if (error instanceof mcpSdk().IssuerMismatchError)
      throw unusable(ask, 'the metadata of its authorization server names another issuer', error);
    throw explained(ask, error, 'the metadata of its authorization server cannot be read');
  }
  if (found === undefined) throw unusable(ask, 'its authorization server publishes no metadata');
  // Reads the document itself: for OpenID Connect the answer of the SDK lacks the field about `iss`.
  const parsed = safeParse(ServerMetadata, reader.json());
  if (!parsed.success) throw unusable(ask, 'the metadata of its authorization server cannot be read', parsed.error);
  const { data: metadata } = parsed;
  if (ask.by === 'user') {
    if (!metadata.code_challenge_methods_supported?.includes('S256'))
      throw unusable(ask, 'its authorization server does not check PKCE');
    if (metadata.authorization_endpoint === undefined || metadata.response_types_supported?.includes('code') === false)
      throw unusable(ask, 'its authorization server has no place for logins');
  }
  const { authorization_endpoint, token_endpoint, registration_endpoint } = metadata;
  const endpoints = [authorization_endpoint, token_endpoint, registration_endpoint];
  if (endpoints.some((url) => url !== undefined && !isAllowed(ask, url)))
    throw unusable(ask, 'its authorization server is not reached over https');
  return metadata;
}

/** Reads documents one after the other, and holds the status and the text of the last one. */
class Reader {
  /** 0: there was no answer. */
  status = 0;
  #text = '';

  readonly #ask: DiscoveryAsk;

  constructor(ask: DiscoveryAsk) {
    this.#ask = ask;
  }

  readonly fetch = async (input: string | URL, init?: RequestInit): Promise<Response> => {
    if (!isAllowed(this.#ask, String(input))) throw unusable(this.#ask, 'it names an address that is not https');
    const { status, headers, ...answer } = await this.#read(input, init);
    this.status = status;
    this.#text = answer.text;
    return new Response(answer.text === '' ? null : answer.text, { status, headers });
  };

  json(): unknown {
    return JSON.parse(this.#text);
  }

  async #read(input: string | URL, init?: RequestInit) {
    const response = await this.#ask.fetch(input, { ...init, ...LIMITS });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

function isAllowed({ mayUseHttp }: DiscoveryAsk, text: string): boolean {
  const { protocol, host } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && mayUseHttp(host));
}

function isSame(a: string, b: string): boolean {
  return a.replace(/\/$/, '') === b.replace(/\/$/, '');
}

function unusable({ title }: DiscoveryAsk, why: string, cause?: unknown): AppError {
  return new AppError('provider_unusable', `${title} cannot be used: ${why}.`, { cause });
}

function explained(ask: DiscoveryAsk, error: unknown, otherwise: string): AppError {
  const ours = appErrorIn(error);
  if (!ours) return unusable(ask, otherwise, error);
  if (ours.code === 'provider_unusable') return ours;
  return new AppError(ours.code, `${ask.title} could not be asked who authorises it: ${ours.message}`, {
    cause: error,
  });
}

function appErrorIn(error: unknown): AppError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (at instanceof AppError) return at;
  return undefined;
}
