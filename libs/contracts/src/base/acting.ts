import { AppError } from './errors.ts';
import type { Principal } from './principal.ts';

/** True for who may change something. An auditor sees everything of its tenant and changes nothing of it. */
export function mayAct({ role }: Pick<Principal, 'role'>): boolean {
  return role !== 'auditor';
}

/** Throws `forbidden` for an auditor. To be called before anything is looked up: the answer tells nothing of it. */
export function actorOrThrow(principal: Pick<Principal, 'role'>): void {
  if (!mayAct(principal))
    throw new AppError('forbidden', 'An auditor reads and changes nothing; act as a user or an admin.');
}
