import {
  AppError,
  type InputOf,
  type listRuns,
  type OutputOf,
  type Principal,
  type queryAudit,
  runIdsFor,
} from '@switchyard/contracts';
import type { AuditLog } from '@switchyard/store';

/*
 * Answers questions about the past.
 *
 * - No caller sees the records of another tenant.
 * - A user sees its own records; an admin or auditor sees all records of the tenant.
 * - Records without a tenant (failed logins, facts of the services) are for operators of the installation, who ask on
 *   the bus as a person. The admin of a tenant is not an operator.
 */
export class AuditService {
  readonly #auditLog: AuditLog;

  constructor(auditLog: AuditLog) {
    this.#auditLog = auditLog;
  }

  async query({
    principal,
    runId,
    scope,
    ...filter
  }: InputOf<typeof queryAudit>): Promise<OutputOf<typeof queryAudit>> {
    if (scope === 'installation') {
      if (principal.via !== 'operator' || principal.role === 'user')
        throw new AppError('forbidden', 'Records of no tenant are for operators, who ask as admin or auditor.');
      return this.#auditLog.query({ ...defined(filter), tenantId: null, limit: filter.limit });
    }
    const runs = runId === undefined ? {} : { runIds: runIdsFor(principal.tenantId, runId) };
    return this.#auditLog.query({ ...defined(filter), ...runs, ...scopeOf(principal), limit: filter.limit });
  }

  async runs({ principal, ...filter }: InputOf<typeof listRuns>): Promise<OutputOf<typeof listRuns>> {
    return this.#auditLog.listRuns({ ...defined(filter), ...scopeOf(principal), limit: filter.limit });
  }
}

/** The most that a caller may see; applied last, so that no filter widens it. */
function scopeOf(principal: Principal): { tenantId: string; userId?: string } {
  const { tenantId, userId, role } = principal;
  return role === 'user' ? { tenantId, userId } : { tenantId };
}

function defined<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
