import { AppError } from '@switchyard/contracts';
import type * as oauth from 'openid-client';
import { z } from 'zod';
import type { ProviderConfig } from './provider-config.ts';
import { explained } from './provider-faults.ts';

/*
 * What a provider publishes of itself, or the operator says of it.
 *
 * M1 A provider that has a place for logins, and whose metadata does not say that it checks PKCE with S256, is not used
 *    at all.
 * M2 Metadata counts only where it names the issuer for which it was asked.
 * M3 Where it is asked for logins and tokens is reached over https; over http only where the operator named its host.
 */

export interface MetadataParts {
  readonly config: ProviderConfig;
  /** Where it was found out already. */
  readonly metadata?: oauth.ServerMetadata | undefined;
  readonly call: (url: string, init: RequestInit) => Promise<Response>;
  /** http is for hosts that the operator named as private. */
  readonly mayUseHttp: (host: string) => boolean;
}

/** Throws `provider_unusable`, with why. */
export async function metadataOf(parts: MetadataParts): Promise<oauth.ServerMetadata> {
  const { config } = parts;
  const metadata =
    parts.metadata ?? (config.endpoints ? fromEndpoints(config.issuer, config.endpoints) : await discovered(parts));
  if (metadata.issuer !== config.issuer) throw unusable(config, 'its metadata names another issuer'); // M2
  if (metadata.authorization_endpoint !== undefined || parts.metadata === undefined) {
    if (!metadata.code_challenge_methods_supported?.includes('S256')) throw unusable(config, 'it does not check PKCE'); // M1
    if (!metadata.authorization_endpoint) throw unusable(config, 'it has no place for logins');
  }
  if (!metadata.token_endpoint) throw unusable(config, 'it has no place for logins');
  if (placesOf(metadata).some((url) => !isAllowed(url, parts))) throw unusable(config, 'it is not reached over https');
  return metadata;
}

/** Where logins go and tokens come from. */
export function placesOf({ authorization_endpoint, token_endpoint }: oauth.ServerMetadata): string[] {
  return [authorization_endpoint, token_endpoint].filter((url) => url !== undefined);
}

/** RFC 8414, then OpenID Connect. */
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

/** M3 */
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

/** As much of the metadata as is used has the right shape. */
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
