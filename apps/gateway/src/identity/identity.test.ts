import { describe, expect, it } from '@jest/globals';
import { AppError, encodeId } from '@switchyard/contracts';
import {
  bearerToken,
  claimsPrincipal,
  devPrincipal,
  edgePrincipal,
  type IdentityMode,
  type JwtIdentity,
  takeIdentityHeaders,
} from './identity.ts';

const DEV = { mode: 'dev', defaultUserId: undefined, defaultTenantId: 'default' } as const;
const EDGE = { mode: 'edge', secrets: ['s3cret-old', 's3cret-new'], defaultTenantId: 'default' } as const;
const JWT: JwtIdentity = {
  mode: 'jwt',
  issuer: 'https://issuer',
  audience: 'authenticated',
  keys: { secret: 'x'.repeat(32) },
  roleClaim: 'app_metadata.role',
  tenantClaim: 'app_metadata.tenant_id',
  defaultTenantId: 'default',
};

function take(mode: IdentityMode, raw: string[]) {
  const headers: Record<string, unknown> = {};
  for (let i = 0; i < raw.length; i += 2) headers[raw[i]!.toLowerCase()] = raw[i + 1];
  return { taken: takeIdentityHeaders(mode, raw, headers), left: headers };
}

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'no error';
}

describe('identity headers', () => {
  const forged = [
    'X-User-Id',
    'eve',
    'x_user_id',
    'eve',
    'X-Supabase-User-ID',
    'eve',
    'X_Supabase_User_Role',
    'admin',
    'X-Tenant-Id',
    't',
    'X-AZTM-From',
    'eve@x',
    'X-User-Role',
    'admin',
    'X-Edge-Secret',
    'guess',
    'X-Session-ID',
    'kept',
  ];

  it('are gone from the request in every mode, in every spelling', () => {
    for (const mode of ['dev', 'jwt', 'edge'] as const)
      expect(take(mode, forged).left).toEqual({ 'x-session-id': 'kept' });
  });

  it('count in their own mode only', () => {
    expect([...take('jwt', forged).taken.keys()]).toEqual([]);
    expect([...take('dev', forged).taken.keys()].sort()).toEqual(['x-tenant-id', 'x-user-id', 'x-user-role']);
    expect([...take('edge', forged).taken.keys()].sort()).toEqual(['x-edge-secret', 'x-supabase-user-id']);
  });

  it('are refused where one came twice', () => {
    const { taken } = take('dev', ['X-User-Id', 'alice', 'X-User-Id', 'admin']);
    expect(code(() => devPrincipal(DEV, taken))).toBe('unauthenticated');
  });
});

describe('development mode', () => {
  it('takes user, role and tenant from the headers, and encodes foreign ids', () => {
    const { taken } = take('dev', ['X-User-Id', 'alice@example.org', 'X-User-Role', 'auditor', 'X-Tenant-Id', 'org 1']);
    expect(devPrincipal(DEV, taken)).toEqual({
      userId: encodeId('alice@example.org'),
      tenantId: encodeId('org 1'),
      role: 'auditor',
      via: 'dev',
    });
  });

  it('falls back to the body, then to the default user; a header comes first', () => {
    const none = take('dev', []).taken;
    const body = { tenant_id: 'org-123', user_id: 'user-456' };
    expect(devPrincipal(DEV, none, body)).toMatchObject({ userId: 'user-456', tenantId: 'org-123' });
    expect(devPrincipal({ ...DEV, defaultUserId: 'me' }, none)).toMatchObject({
      userId: 'me',
      tenantId: 'default',
      role: 'user',
    });
    expect(devPrincipal(DEV, take('dev', ['X-User-Id', 'bob']).taken, body)).toMatchObject({
      userId: 'bob',
      tenantId: 'org-123',
    });
    expect(code(() => devPrincipal(DEV, none))).toBe('unauthenticated');
  });

  it('never lets a hostile id become more than a name', () => {
    const { taken } = take('dev', ['X-User-Id', 'a.>', 'X-Tenant-Id', '*.>']);
    const { userId, tenantId } = devPrincipal(DEV, taken);
    expect(userId).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(tenantId).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });
});

describe('edge mode', () => {
  const headers = (secret: string, extra: string[] = []) =>
    take('edge', ['X-Edge-Secret', secret, 'X-Supabase-User-ID', 'u1', ...extra]).taken;

  it('believes the headers only with the shared secret, the old one or the new', () => {
    expect(edgePrincipal(EDGE, headers('s3cret-old'))).toEqual({
      tenantId: 'default',
      userId: 'u1',
      role: 'user',
      via: 'edge',
    });
    expect(edgePrincipal(EDGE, headers('s3cret-new', ['X-Supabase-User-Role', 'admin'])).role).toBe('admin');
    expect(code(() => edgePrincipal(EDGE, headers('s3cret-ol')))).toBe('unauthenticated');
    expect(code(() => edgePrincipal(EDGE, take('edge', ['X-Supabase-User-ID', 'u1']).taken))).toBe('unauthenticated');
  });

  it('refuses the keys of programs, and takes "authenticated" as a user', () => {
    expect(code(() => edgePrincipal(EDGE, headers('s3cret-new', ['X-Supabase-User-Role', 'service_role'])))).toBe(
      'unauthenticated',
    );
    expect(edgePrincipal(EDGE, headers('s3cret-new', ['X-Supabase-User-Role', 'authenticated'])).role).toBe('user');
  });
});

describe('claims', () => {
  it('give the role from app_metadata, never from user_metadata', () => {
    expect(claimsPrincipal(JWT, { sub: 'u', user_metadata: { role: 'admin' } }).role).toBe('user');
    expect(claimsPrincipal(JWT, { sub: 'u', app_metadata: { role: 'admin', tenant_id: 'acme' } })).toEqual({
      userId: 'u',
      tenantId: 'acme',
      role: 'admin',
      via: 'jwt',
    });
  });

  it('must name a subject and be those of a user', () => {
    expect(code(() => claimsPrincipal(JWT, {}))).toBe('unauthenticated');
    expect(code(() => claimsPrincipal(JWT, { sub: 'u', role: 'anon' }))).toBe('unauthenticated');
  });

  it('are not looked up on prototypes', () => {
    expect(claimsPrincipal({ ...JWT, roleClaim: 'constructor.name' }, { sub: 'u' }).role).toBe('user');
  });
});

describe('a tenant, a user or a role that is there and cannot be used', () => {
  const UNUSABLE = [42, ['acme'], null, true, {}, '', ' ', ' acme', 'a\u0000b', 'a\nb', '\ud800', 'x'.repeat(257)];
  const OWN: JwtIdentity = { ...JWT, defaultTenantId: undefined };

  it.each(UNUSABLE)('is refused in a token, also where a default is chosen: %j', (value) => {
    for (const config of [JWT, OWN]) {
      expect(code(() => claimsPrincipal(config, { sub: 'u', app_metadata: { tenant_id: value } }))).toBe(
        'unauthenticated',
      );
      expect(code(() => claimsPrincipal(config, { sub: value, app_metadata: { tenant_id: 'acme' } }))).toBe(
        'unauthenticated',
      );
      const roles = { tenant_id: 'acme', role: value };
      expect(code(() => claimsPrincipal(config, { sub: 'u', app_metadata: roles }))).toBe('unauthenticated');
    }
    expect(code(() => claimsPrincipal(JWT, { sub: 'u', app_metadata: [value] }))).toBe('unauthenticated');
  });

  it.each(['', ' ', 'a\u0000b', 'x'.repeat(257)])('is refused of the edge: %j', (value) => {
    const given = (header: string) =>
      edgePrincipal(
        EDGE,
        take('edge', [
          'X-Edge-Secret',
          's3cret-new',
          header,
          value,
          ...(header === 'X-Supabase-User-ID' ? [] : ['X-Supabase-User-ID', 'u1']),
        ]).taken,
      );
    for (const header of ['X-Supabase-Tenant-ID', 'X-Supabase-User-ID', 'X-Supabase-User-Role'])
      expect(code(() => given(header))).toBe('unauthenticated');
  });
});

describe('an identity without a tenant', () => {
  it('is of the tenant that the operator has chosen, and refused where none is chosen', () => {
    expect(claimsPrincipal(JWT, { sub: 'u' }).tenantId).toBe('default');
    expect(code(() => claimsPrincipal({ ...JWT, defaultTenantId: undefined }, { sub: 'u' }))).toBe('unauthenticated');
    const edge = take('edge', ['X-Edge-Secret', 's3cret-new', 'X-Supabase-User-ID', 'u1']).taken;
    expect(edgePrincipal(EDGE, edge).tenantId).toBe('default');
    expect(code(() => edgePrincipal({ ...EDGE, defaultTenantId: undefined }, edge))).toBe('unauthenticated');
  });
});

describe('names that are nobody’s', () => {
  it('are refused: user ids of operators, in every mode', () => {
    for (const id of ['operator-ann', 'Operator-ann', 'operator-']) {
      expect(code(() => claimsPrincipal(JWT, { sub: id }))).toBe('unauthenticated');
      expect(code(() => devPrincipal(DEV, take('dev', ['X-User-Id', id]).taken))).toBe('unauthenticated');
      expect(code(() => devPrincipal(DEV, take('dev', []).taken, { user_id: id }))).toBe('unauthenticated');
      const edge = take('edge', ['X-Edge-Secret', 's3cret-new', 'X-Supabase-User-ID', id]).taken;
      expect(code(() => edgePrincipal(EDGE, edge))).toBe('unauthenticated');
    }
    expect(claimsPrincipal(JWT, { sub: 'operators' }).userId).toBe('operators');
  });

  it('are refused: roles of programs, in whatever case and claim they stand', () => {
    for (const role of ['service_role', 'Service_Role', 'ANON']) {
      expect(code(() => claimsPrincipal(JWT, { sub: 'u', role }))).toBe('unauthenticated');
      expect(code(() => claimsPrincipal(JWT, { sub: 'u', app_metadata: { role } }))).toBe('unauthenticated');
      const raw = ['X-Edge-Secret', 's3cret-new', 'X-Supabase-User-ID', 'u1', 'X-Supabase-User-Role', role];
      expect(code(() => edgePrincipal(EDGE, take('edge', raw).taken))).toBe('unauthenticated');
    }
  });
});

describe('bearerToken', () => {
  it('takes one token of at most 8 KB', () => {
    expect(bearerToken('Bearer abc.def')).toBe('abc.def');
    for (const bad of [
      undefined,
      '',
      'Basic abc',
      'Bearer',
      'Bearer a b',
      `Bearer ${'a'.repeat(8_193)}`,
      `Bearer ${'a'.repeat(1_000_000)}`,
    ]) {
      expect(code(() => bearerToken(bad))).toBe('unauthenticated');
    }
  });
});
