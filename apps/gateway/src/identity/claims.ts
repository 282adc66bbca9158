import { AppError, OPERATOR_USER_PREFIX } from '@switchyard/contracts';

/*
 * The values of claims and headers that name somebody. Pure.
 *
 * A value that is there and cannot be used is refused: read as "not there", it would move its bearer to another tenant
 * or give it another role than its issuer meant.
 */

const MAX_CHARS = 256;
/** Control characters and lone surrogates: no identity provider means them, and logs and people cannot show them. */
const UNUSABLE = /[\p{Cc}\p{Surrogate}]/u;
/** Who acts over the bus with an operator's login is recorded under such a name. In any case of letters: an identity provider may not tell them apart. */
const isReserved = (userId: string): boolean => userId.toLowerCase().startsWith(OPERATOR_USER_PREFIX);
/** Keys of programs: whoever has the page has `anon`, and nobody may be named for `service_role`. */
const MACHINE_ROLES: readonly string[] = ['anon', 'service_role'];

/** The text at a dotted path of own properties; undefined where nothing is there. Throws for anything but text. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): string | undefined {
  let value: unknown = claims;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unusableClaim(path);
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  if (typeof value !== 'string' || !isName(value)) throw unusableClaim(path);
  return value;
}

/** A name that somebody is known by: 1 to 256 characters, no space around it, nothing that cannot be shown. */
export function isName(value: string): boolean {
  return value !== '' && value.length <= MAX_CHARS && value.trim() === value && !UNUSABLE.test(value);
}

/** A user cannot be mistaken for an operator in the records. */
export function refuseReservedUser(userId: string): void {
  if (isReserved(userId))
    throw new AppError('unauthenticated', 'User ids that begin with "operator-" are reserved; use another one.');
}

/** Keys for programs are no users, in whatever case their role is written. */
export function refuseMachineRole(role: unknown): void {
  if (typeof role === 'string' && MACHINE_ROLES.includes(role.trim().toLowerCase()))
    throw new AppError('unauthenticated', 'Anonymous and service-role keys are not accepted; use the token of a user.');
}

/** The tenant of a caller whose identity names none: only where the operator has chosen one. */
export function tenantOr(named: string | undefined, chosen: string | undefined, where: string): string {
  const tenant = named ?? chosen;
  if (tenant !== undefined) return tenant;
  throw new AppError(
    'unauthenticated',
    `${where} names no tenant. Send one, or set DEFAULT_TENANT_ID where all such callers are of one tenant.`,
  );
}

function unusableClaim(path: string): AppError {
  return new AppError(
    'unauthenticated',
    `The token's claim ${path} must be a text of 1 to ${MAX_CHARS} characters without control characters.`,
  );
}
