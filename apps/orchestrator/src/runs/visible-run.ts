import { AppError, type Principal, publicRunId, runIdsFor, scopedRunId } from '@switchyard/contracts';
import type { Journal, RunHead } from '@switchyard/store';

/* Which caller sees which run. A run that the caller may not see answers exactly like one that does not exist. */

/** A caller sees runs of its own tenant: a user its own, admin and auditor all. */
function maySee(principal: Principal, run: { tenantId: string; userId: string }): boolean {
  if (principal.tenantId !== run.tenantId) return false;
  return principal.userId === run.userId || principal.role === 'admin' || principal.role === 'auditor';
}

export function noSuchRun(): AppError {
  return new AppError('not_found', 'There is no such run for you.');
}

type Heads = Pick<Journal, 'head'>;

/** The row of the run that the caller sees under this id; undefined for any other. */
export async function findHead(journal: Heads, principal: Principal, asked: string): Promise<RunHead | undefined> {
  for (const runId of runIdsFor(principal.tenantId, asked)) {
    const head = await journal.head(runId);
    // A row of another tenant under this id changes nothing, not even the number of queries.
    if (head && maySee(principal, head)) return head;
  }
  return undefined;
}

/** The row of the run that the caller sees under this id; throws `not_found` for any other. */
export async function headFor(journal: Heads, principal: Principal, asked: string): Promise<RunHead> {
  const head = await findHead(journal, principal, asked);
  if (!head) throw noSuchRun();
  return head;
}

/**
 * The id under which a run is stored: an id that a client chose carries the tag of its tenant. A run of this tenant
 * that was accepted under the bare id, before ids had tags, keeps it.
 */
export async function keptRunId(journal: Heads, tenantId: string, runId: string): Promise<string> {
  if (scopedRunId(tenantId, runId) !== runId) return runId;
  const bare = publicRunId(tenantId, runId);
  const earlier = await journal.head(bare);
  return earlier?.tenantId === tenantId ? bare : runId;
}
