import { createPrivateKey } from 'node:crypto';
import { AppError } from '@switchyard/contracts';
import * as oauth from 'openid-client';
import type { AuthMethod, ClientIdentity } from './client-registrations.ts';
import { mcpSdk } from '../common/index.ts';
import type { ServerMetadata } from './discovery.ts';
import type { ProviderConfig } from './provider-config.ts';

/** Client authentication at a token endpoint. */

type ClientAuthName = ProviderConfig['clientAuth'];

export const AUTH_METHODS: Readonly<Record<ClientAuthName, AuthMethod>> = {
  basic: 'client_secret_basic',
  post: 'client_secret_post',
  none: 'none',
};
const NAMES: Readonly<Record<AuthMethod, ClientAuthName>> = {
  client_secret_basic: 'basic',
  client_secret_post: 'post',
  none: 'none',
};
const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
} as const;

/** A method that client and server both support. The identity's own method comes first. */
export function methodFor(
  { clientId, secret, method }: ClientIdentity,
  { token_endpoint_auth_methods_supported: supported = [] }: ServerMetadata,
): ClientAuthName {
  const client = {
    client_id: clientId,
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
  };
  return NAMES[mcpSdk().selectClientAuthMethod(client, supported) as AuthMethod];
}

export function authOf(method: ClientAuthName, secret: string | undefined): oauth.ClientAuth {
  if (method === 'none' || secret === undefined) return oauth.None();
  return method === 'post' ? oauth.ClientSecretPost(secret) : basicAuth(secret);
}

/** `private_key_jwt`. The library awaits the client authentication, so the key is imported when it is needed. */
export function keyAuth(pem: string, alg: keyof typeof ALGORITHMS): oauth.ClientAuth {
  const auth = async (...args: Parameters<oauth.ClientAuth>) => oauth.PrivateKeyJwt(await keyOf(pem, alg))(...args);
  return auth as oauth.ClientAuth;
}

/**
 * Encodes id and secret as forms do (RFC 6749, 2.3.1). The library also escapes characters that forms leave alone; a
 * server that does not decode takes the result for another id.
 */
function basicAuth(secret: string): oauth.ClientAuth {
  const encoded = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return (_server, { client_id: id }, _body, headers) => {
    headers.set('authorization', `Basic ${btoa(`${encoded(id)}:${encoded(secret)}`)}`);
  };
}

async function keyOf(pem: string, alg: keyof typeof ALGORITHMS): Promise<oauth.CryptoKey> {
  try {
    const key = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
    return await crypto.subtle.importKey('pkcs8', key, ALGORITHMS[alg], false, ['sign']);
  } catch (cause) {
    throw new AppError('credentials_missing', `The private key is not one for ${alg} in PKCS #8 PEM.`, { cause });
  }
}
