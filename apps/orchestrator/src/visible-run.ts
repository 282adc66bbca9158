import { AppError, type Principal } from '@switchyard/contracts';
import type { Journal, RunHead } from '@switchyard/store';

/* Who sees which run. What somebody may not see answers exactly as what does not exist. */

/** A caller sees runs of its own tenant: a user its own, admin and auditor all. */
export function maySee(principal: Principal, run: { tenantId: string; userId: string }): boolean {
  if (principal.tenantId !== run.tenantId) return false;
  return principal.userId === run.userId || principal.role === 'admin' || principal.role === 'auditor';
}

export function noSuchRun(): AppError {
  return new AppError('not_found', 'There is no such run for you.');
}

/** The row of a run that the caller sees; throws `not_found` for any other. */
export async function headFor(journal: Pick<Journal, 'head'>, principal: Principal, runId: string): Promise<RunHead> {
  const head = await journal.head(runId);
  if (!head || !maySee(principal, head)) throw noSuchRun();
  return head;
}
