import { AppError } from '@switchyard/contracts';
import type * as oauth from 'openid-client';
import { z } from 'zod';
import type { ProviderConfig } from './provider-config.ts';
import { explained } from './provider-faults.ts';

/*
 * The metadata of a provider: the provider publishes it, or the operator writes it into the file.
 *
 * - A provider with a login endpoint is refused unless its metadata says that it checks PKCE with S256.
 * - Metadata counts only if it names the issuer for which it was asked.
 * - The endpoints for logins and tokens need https. Only a host that the operator named may use http.
 */

export interface MetadataParts {
  readonly config: ProviderConfig;
  /** The metadata, where discovery already read it. */
  readonly metadata?: oauth.ServerMetadata | undefined;
  readonly call: (url: string, init: RequestInit) => Promise<Response>;
  /** http is for hosts that the operator named as private. */
  readonly mayUseHttp: (host: string) => boolean;
}

/** The checked metadata. Throws `provider_unusable`, with the reason. */
export async function metadataOf(parts: MetadataParts): Promise<oauth.ServerMetadata> {
  const { config } = parts;
  const metadata =
    parts.metadata ?? (config.endpoints ? fromEndpoints(config.issuer, config.endpoints) : await discovered(parts));
  if (metadata.issuer !== config.issuer) throw unusable(config, 'its metadata names another issuer');
  if (metadata.authorization_endpoint !== undefined || parts.metadata === undefined) {
    if (!metadata.code_challenge_methods_supported?.includes('S256')) throw unusable(config, 'it does not check PKCE');
    if (!metadata.authorization_endpoint) throw unusable(config, 'it has no place for logins');
  }
  if (!metadata.token_endpoint) throw unusable(config, 'it has no place for logins');
  if (placesOf(metadata).some((url) => !isAllowed(url, parts))) throw unusable(config, 'it is not reached over https');
  return metadata;
}

/** The endpoints for logins and tokens. */
export function placesOf({ authorization_endpoint, token_endpoint }: oauth.ServerMetadata): string[] {
  return [authorization_endpoint, token_endpoint].filter((url) => url !== undefined);
}

/** Reads published metadata: first as RFC 8414 says, then as OpenID Connect does. */
async function discovered(parts: MetadataParts): Promise<oauth.ServerMetadata> {
  const { config, call } = parts;
  const issuer = new URL(config.issuer);
  if (!isAllowed(issuer.href, parts)) throw unusable(config, 'it is not reached over https');
  const path = issuer.pathname.replace(/\/$/, '');
  const places = [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`];
  for (const place of places) {
    const answer = await call(new URL(place, issuer).href, { headers: { accept: 'application/json' } }).catch(
      (error: unknown) => {
        throw explained(error, config.title);
      },
    );
    if (answer.ok) {
      const metadata: unknown = await answer.json().catch(() => undefined);
      if (isMetadata(metadata)) return metadata;
    } else await answer.body?.cancel();
  }
  throw unusable(config, 'it publishes no metadata; name its endpoints');
}

/** True for https, and for http to a host that the operator named. */
function isAllowed(text: string, { mayUseHttp }: MetadataParts): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' || (url.protocol === 'http:' && mayUseHttp(url.host));
}

function unusable({ title }: ProviderConfig, why: string): AppError {
  return new AppError('provider_unusable', `${title} cannot be used: ${why}.`);
}

function fromEndpoints(issuer: string, given: NonNullable<ProviderConfig['endpoints']>): oauth.ServerMetadata {
  const { authorization, token, revocation, introspection, userinfo, pkce } = given;
  return {
    issuer,
    authorization_endpoint: authorization,
    token_endpoint: token,
    code_challenge_methods_supported: [pkce],
    ...(revocation === undefined ? {} : { revocation_endpoint: revocation }),
    ...(introspection === undefined ? {} : { introspection_endpoint: introspection }),
    ...(userinfo === undefined ? {} : { userinfo_endpoint: userinfo }),
  };
}

/** True where the fields that we use have the right shape. */
function isMetadata(value: unknown): value is oauth.ServerMetadata {
  const text = z.string().optional();
  return z
    .looseObject({
      issuer: z.string(),
      code_challenge_methods_supported: z.array(z.string()).optional(),
      authorization_endpoint: text,
      token_endpoint: text,
      revocation_endpoint: text,
      introspection_endpoint: text,
      userinfo_endpoint: text,
      jwks_uri: text,
    })
    .safeParse(value).success;
}
