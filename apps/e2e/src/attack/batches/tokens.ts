import { type Attack, type Batch, type HttpCase, tryAll } from '../kit/index.ts';
import { AUDIENCE, honestClaims, ISSUER, type Issuer, type Signer, signers, token } from '../stack/index.ts';

/* Forged, altered and expired tokens at the gateway that trusts one issuer. */

const name = 'tokens';
const REFUSED = [401];

interface Forged {
  readonly what: string;
  readonly header?: unknown;
  readonly claims?: unknown;
  readonly signer?: Signer;
  readonly wants?: readonly number[];
}

function forgeries({ keys, host }: Issuer): Forged[] {
  const now = Math.floor(Date.now() / 1_000);
  const claims = honestClaims();
  const rs = signers.rs256(keys.rsa);
  const honest = { alg: 'RS256', kid: 'rsa', typ: 'JWT' };
  const stranger = signers.rs256(keys.stranger);
  const shared = Buffer.from(keys.rsaPublicPem);
  const n = Buffer.from(String(keys.rsaPublicJwk['n']), 'base64url');
  const zeroes = signers.bytes(Buffer.alloc(64));
  const withClaims = (what: string, more: object, wants?: readonly number[]): Forged => ({
    what,
    claims: { ...claims, ...more },
    ...(wants ? { wants } : {}),
  });
  return [
    { what: 'an honest token', wants: [200] },
    {
      what: 'an honest token, ES256',
      header: { alg: 'ES256', kid: 'ec' },
      signer: signers.es256(keys.ec),
      wants: [200],
    },
    ...['none', 'None', 'NONE', 'nOnE', '', null].map((alg): Forged => ({
      what: `alg ${String(alg)} without a signature`,
      header: { ...honest, alg },
      signer: signers.nothing(),
    })),
    { what: 'alg none with the signature of another', header: { ...honest, alg: 'none' }, signer: rs },
    ...['HS256', 'HS384', 'HS512'].flatMap((alg): Forged[] => [
      { what: `${alg} with the public key in PEM`, header: { ...honest, alg }, signer: signers.hs256(shared) },
      {
        what: `${alg} with the PEM trimmed`,
        header: { ...honest, alg },
        signer: signers.hs256(keys.rsaPublicPem.trim()),
      },
      { what: `${alg} with the modulus`, header: { ...honest, alg }, signer: signers.hs256(n) },
      { what: `${alg} with an empty key`, header: { ...honest, alg }, signer: signers.hs256('') },
      {
        what: `${alg} with the JWK as text`,
        header: { ...honest, alg },
        signer: signers.hs256(JSON.stringify(keys.rsaPublicJwk)),
      },
    ]),
    { what: 'the key of a stranger', signer: stranger },
    { what: 'the key of a stranger in jwk', header: { ...honest, jwk: keys.strangerJwk }, signer: stranger },
    { what: 'jku', header: { ...honest, kid: 'x', jku: `http://${host}/lure-jku` }, signer: stranger },
    { what: 'jku with the known kid', header: { ...honest, jku: `http://${host}/lure-jku` }, signer: stranger },
    { what: 'x5u', header: { ...honest, kid: 'x', x5u: `http://${host}/lure-x5u` }, signer: stranger },
    { what: 'x5c', header: { ...honest, x5c: ['MIIB'] }, signer: stranger },
    { what: 'crit', header: { ...honest, crit: ['exp', 'b64'], b64: false } },
    ...['../../../../dev/null', "' or 1=1", '', 'x'.repeat(2_000), 5, null, {}, ['rsa']].map((kid): Forged => ({
      what: `kid ${JSON.stringify(kid).slice(0, 30)}`,
      header: { alg: 'RS256', kid },
      signer: stranger,
    })),
    { what: 'PS256 with the RSA key', header: { ...honest, alg: 'PS256' } },
    { what: 'RS512 with a SHA-256 signature', header: { ...honest, alg: 'RS512' } },
    { what: 'ES256 with the RSA kid', header: { alg: 'ES256', kid: 'rsa' }, signer: signers.es256(keys.ec) },
    { what: 'ES256 with r = s = 0', header: { alg: 'ES256', kid: 'ec' }, signer: zeroes },
    { what: 'ES256 in DER', header: { alg: 'ES256', kid: 'ec' }, signer: rs },
    { what: 'an empty signature', signer: signers.nothing() },
    { what: 'a header that is a list', header: [] },
    { what: 'a header that is null', header: null },
    { what: 'claims that are a list', claims: [] },
    { what: 'claims that are a text', claims: 'ada' },
    withClaims('expired', { exp: now - 3_600 }, REFUSED),
    withClaims('no expiry that is a number', { exp: 'tomorrow' }),
    withClaims('an expiry of 1e308', { exp: '1e308' }),
    withClaims('not valid yet', { nbf: now + 3_600 }),
    withClaims('issued in the future, with nbf', { iat: now + 3_600, nbf: now + 3_600 }),
    withClaims('another audience', { aud: 'another-service' }),
    withClaims('audience in other letters', { aud: AUDIENCE.toUpperCase() }),
    withClaims('no audience', { aud: undefined }),
    withClaims('an audience that is an object', { aud: { [AUDIENCE]: true } }),
    withClaims('another issuer', { iss: `${ISSUER}.evil.example` }),
    withClaims('the issuer with a slash', { iss: `${ISSUER}/` }),
    withClaims('no issuer', { iss: undefined }),
    withClaims('the issuer in a list', { iss: [ISSUER] }),
    withClaims('no subject', { sub: undefined }),
    withClaims('an empty subject', { sub: '' }),
    withClaims('a subject that is a number', { sub: 42 }),
    withClaims('a subject that is a list', { sub: ['ada'] }),
    withClaims('the role of a machine', { role: 'service_role' }),
    ...[42, ['acme'], {}, true, ''].map((tenant): Forged =>
      withClaims(`tenant ${JSON.stringify(tenant)}`, { app_metadata: { tenant_id: tenant, role: 'user' } }),
    ),
  ];
}

/** Claims in a valid token of a plain user that must not give it more rights or another tenant. */
function escalations(issuer: Issuer): HttpCase[] {
  const signer = signers.rs256(issuer.keys.rsa);
  const header = { alg: 'RS256', kid: 'rsa' };
  const bearer = (more: object) => `Bearer ${token(header, { ...honestClaims(), ...more }, signer)}`;
  const claims: readonly (readonly [string, object])[] = [
    ['role in user_metadata', { user_metadata: { role: 'admin', tenant_id: 'other' } }],
    ['role at the top', { role: 'authenticated', admin: true, is_admin: true, roles: ['admin'] }],
    ['a role in other letters', { app_metadata: { tenant_id: 'acme', role: 'Admin' } }],
    ['a list of roles', { app_metadata: { tenant_id: 'acme', role: ['admin'] } }],
    ['a name with a dot', { 'app_metadata.role': 'admin' }],
    ['a prototype', { app_metadata: { tenant_id: 'acme', __proto__: { role: 'admin' } } }],
  ];
  const headers: readonly (readonly [string, string])[] = [
    ['X-User-Role', 'admin'],
    ['X-Supabase-User-Role', 'admin'],
    ['X_User_Role', 'admin'],
    ['X-AZTM-Role', 'admin'],
    ['X-Edge-Secret', 'anything'],
  ];
  const ask = (what: string, authorization: string, more: readonly (readonly [string, string])[] = []): HttpCase => ({
    name: `escalation: ${what}`,
    gateway: 'jwt',
    method: 'GET',
    path: '/tool-definitions',
    headers: [['Authorization', authorization], ...more],
    // A token with an impossible claim identifies nobody.
    wants: [401, 403],
  });
  return [
    ...claims.map(([what, more]) => ask(what, bearer(more))),
    ...headers.map((one) => ask(`${one[0]} beside a valid token`, bearer({}), [one])),
  ];
}

/** Authorization headers without a token, or with a token where the gateway must not read it. */
function misplaced(issuer: Issuer): HttpCase[] {
  const valid = token({ alg: 'RS256', kid: 'rsa' }, honestClaims(), signers.rs256(issuer.keys.rsa));
  const [head, body, signature] = valid.split('.') as [string, string, string];
  const plain = (what: string, headers: readonly (readonly [string, string])[], path = '/runs'): HttpCase => ({
    name: what,
    gateway: 'jwt',
    method: 'GET',
    path,
    headers,
    wants: REFUSED,
  });
  return [
    plain('in a cookie', [['Cookie', `access_token=${valid}; sb-access-token=${valid}`]]),
    plain('in the query', [], `/runs?access_token=${valid}`),
    plain('Basic', [['Authorization', `Basic ${Buffer.from(`x:${valid}`).toString('base64')}`]]),
    plain('no scheme', [['Authorization', valid]]),
    plain('two tokens', [['Authorization', `Bearer ${valid} ${valid}`]]),
    plain('two headers', [
      ['Authorization', 'Bearer x'],
      ['Authorization', `Bearer ${valid}`],
    ]),
    plain('two parts', [['Authorization', `Bearer ${head}.${body}`]]),
    plain('four parts', [['Authorization', `Bearer ${valid}.${signature}`]]),
    plain('five parts', [['Authorization', `Bearer ${head}.${body}.${signature}.${body}.${head}`]]),
    plain('9 kB', [['Authorization', `Bearer ${'a'.repeat(9_000)}`]]),
    plain('15 kB of dots', [['Authorization', `Bearer ${'.'.repeat(15_000)}`]]),
    plain('another payload under the signature', [
      ['Authorization', `Bearer ${head}.${Buffer.from('{"sub":"ada"}').toString('base64url')}.${signature}`],
    ]),
    plain('a signature that is cut', [['Authorization', `Bearer ${valid.slice(0, -6)}`]]),
    plain(
      'no host that is one',
      [
        ['Host', 'a b'],
        ['Content-Type', 'application/json'],
      ],
      '/mcp',
    ),
    plain('half an address as host', [['Host', '[::1']], '/mcp'),
  ].map((each) => (each.path === '/mcp' ? { ...each, wants: [400, 401, 403] } : each));
}

export const tokens: Batch = {
  name,
  about: 'forged, twisted and expired tokens; claims and headers that would raise a role',
  run: async (attack: Attack) => {
    const { issuer } = attack.stack;
    const signer = signers.rs256(issuer.keys.rsa);
    const forged = forgeries(issuer).map(({ what, header, claims, signer: by, wants }): HttpCase => {
      const said = token(
        header === undefined ? { alg: 'RS256', kid: 'rsa' } : header,
        claims ?? honestClaims(),
        by ?? signer,
      );
      return {
        name: what,
        gateway: 'jwt',
        method: 'GET',
        path: '/runs',
        headers: [['Authorization', `Bearer ${said}`]],
        wants: wants ?? REFUSED,
      };
    });
    await tryAll(attack, name, [...forged, ...escalations(issuer), ...misplaced(issuer)]);
    if (issuer.lured() > 0)
      attack.findings.add({
        batch: name,
        case: 'jku, x5u',
        what: `keys were asked for where a token pointed, ${issuer.lured()} times`,
      });
  },
};
