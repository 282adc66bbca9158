import { AppError, OPERATOR_USER_PREFIX } from '@switchyard/contracts';

/*
 * Validates the values of identity claims and headers. Pure.
 * A value that is present but unusable is refused: treating it as absent would move its bearer to another tenant or
 * give it another role than its issuer meant.
 */

const MAX_CHARS = 256;
/** Control characters and lone surrogates: no identity provider means them, and logs cannot show them. */
const UNUSABLE = /[\p{Cc}\p{Surrogate}]/u;
/**
 * User ids of this form are reserved for operators who act over the bus. In any case of letters, because an identity
 * provider may ignore case.
 */
const isReserved = (userId: string): boolean => userId.toLowerCase().startsWith(OPERATOR_USER_PREFIX);
/** Roles of API keys: anybody with the page has `anon`, and `service_role` names no person. */
const MACHINE_ROLES: readonly string[] = ['anon', 'service_role'];

/** The text at a dotted path of own properties; undefined if absent. Throws for any other type. */
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

/** True for a usable name: 1 to 256 printable characters, no space around it. */
export function isName(value: string): boolean {
  return value !== '' && value.length <= MAX_CHARS && value.trim() === value && !UNUSABLE.test(value);
}

/** Refuses a user id that could be mistaken for an operator in the records. */
export function refuseReservedUser(userId: string): void {
  if (isReserved(userId))
    throw new AppError('unauthenticated', 'User ids that begin with "operator-" are reserved; use another one.');
}

/** Refuses API keys, which are no users, in whatever case their role is written. */
export function refuseMachineRole(role: unknown): void {
  if (typeof role === 'string' && MACHINE_ROLES.includes(role.trim().toLowerCase()))
    throw new AppError('unauthenticated', 'Anonymous and service-role keys are not accepted; use the token of a user.');
}

/** The tenant of a caller whose identity names none: only if the operator configured a default. */
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
