import { describe, expect, it } from '@jest/globals';
import { ANONYMOUS, Principal, PrincipalOrNobody, roleSuffices } from './principal.ts';

describe('roleSuffices', () => {
  it.each([
    ['user', undefined, true],
    ['user', 'user', true],
    ['user', 'admin', false],
    ['user', 'auditor', false],
    ['admin', undefined, true],
    ['admin', 'user', true],
    ['admin', 'admin', true],
    ['admin', 'auditor', false],
    ['auditor', undefined, true],
    ['auditor', 'user', true],
    ['auditor', 'admin', false],
    ['auditor', 'auditor', true],
  ] as const)('%s where %s is asked: %s', (role, required, suffices) =>
    expect(roleSuffices(role, required)).toBe(suffices),
  );
});

describe('a principal', () => {
  it('that is missing is nobody, with least rights, in a tenant of its own', () => {
    expect(PrincipalOrNobody.parse(undefined)).toEqual(ANONYMOUS);
    expect(ANONYMOUS).toMatchObject({ tenantId: 'anonymous', role: 'user' });
    expect(Object.isFrozen(ANONYMOUS)).toBe(true);
  });

  it.each([[{ role: 'root' }], [{ tenantId: 'a.b' }], [{ userId: '*' }], [{ via: 'trust me' }], [{ role: undefined }]])(
    'with %p is refused, not taken for nobody',
    (wrong) => {
      const whole = { tenantId: 't', userId: 'u', role: 'user', via: 'jwt' };
      expect(Principal.safeParse(whole).success).toBe(true);
      expect(PrincipalOrNobody.safeParse({ ...whole, ...wrong }).success).toBe(false);
      expect(PrincipalOrNobody.safeParse(null).success).toBe(false);
    },
  );
});
