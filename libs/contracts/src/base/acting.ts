import { AppError } from './errors.ts';
import type { Principal } from './principal.ts';

/** True for a role that may change something. An auditor sees everything of its tenant and changes nothing. */
export function mayAct({ role }: Pick<Principal, 'role'>): boolean {
  return role !== 'auditor';
}

/** Throws `forbidden` for an auditor. Call it before any lookup, so that the refusal reveals nothing. */
export function actorOrThrow(principal: Pick<Principal, 'role'>): void {
  if (!mayAct(principal))
    throw new AppError('forbidden', 'An auditor reads and changes nothing; act as a user or an admin.');
}
