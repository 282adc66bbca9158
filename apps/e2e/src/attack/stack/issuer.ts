import { createServer } from 'node:http';
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { AddressInfo } from 'node:net';

/* An issuer of tokens, and what a forger needs. */

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'switchyard-attack';

export interface Issuer {
  readonly jwksUrl: string;
  readonly host: string;
  /** How often somebody fetched keys from an address in a token (jku, x5u). */
  lured(): number;
  readonly keys: Keys;
  stop(): Promise<void>;
}

interface Keys {
  readonly rsa: KeyObject;
  readonly ec: KeyObject;
  /** The public key of `rsa`. */
  readonly rsaPublicPem: string;
  readonly rsaPublicJwk: Readonly<Record<string, unknown>>;
  /** A key that the issuer does not publish. */
  readonly stranger: KeyObject;
  readonly strangerJwk: Readonly<Record<string, unknown>>;
}

export async function startIssuer(): Promise<Issuer> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwkOf = (key: KeyObject, more: object) => ({ ...key.export({ format: 'jwk' }), use: 'sig', ...more });
  const rsaPublicJwk = jwkOf(rsa.publicKey, { kid: 'rsa', alg: 'RS256' });
  const jwks = JSON.stringify({ keys: [rsaPublicJwk, jwkOf(ec.publicKey, { kid: 'ec', alg: 'ES256' })] });
  let lured = 0;
  const server = createServer((request, response) => {
    if (request.url !== '/jwks.json') lured += 1;
    response.setHeader('content-type', 'application/json');
    response.end(request.url === '/jwks.json' ? jwks : '{"keys":[]}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    jwksUrl: `http://${host}/jwks.json`,
    host,
    lured: () => lured,
    keys: {
      rsa: rsa.privateKey,
      ec: ec.privateKey,
      rsaPublicPem: rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
      rsaPublicJwk,
      stranger: stranger.privateKey,
      strangerJwk: jwkOf(stranger.publicKey, { kid: 'rsa', alg: 'RS256' }),
    },
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}

const base64url = (value: string | Buffer) => Buffer.from(value).toString('base64url');

/** The claims of an honest token of the victim's colleague. */
export function honestClaims(now = Math.floor(Date.now() / 1_000)): Record<string, unknown> {
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'grace',
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
    app_metadata: { tenant_id: 'acme', role: 'user' },
  };
}

export type Signer = (input: string) => Buffer;

export const signers = {
  rs256: (key: KeyObject): Signer => {
    return (input) => sign('sha256', Buffer.from(input), key);
  },
  es256: (key: KeyObject): Signer => {
    return (input) => sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  },
  hs256: (secret: string | Buffer): Signer => {
    return (input) => createHmac('sha256', secret).update(input).digest();
  },
  nothing: (): Signer => () => Buffer.alloc(0),
  bytes: (value: Buffer): Signer => {
    return () => value;
  },
};

/** A compact token with any header and claims, also those that no library would produce. */
export function token(header: unknown, claims: unknown, signer: Signer): string {
  const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  return `${input}.${base64url(signer(input))}`;
}

/** A valid token. */
export function honestToken({ keys }: Issuer): string {
  return token({ alg: 'RS256', kid: 'rsa' }, honestClaims(), signers.rs256(keys.rsa));
}
