import {
  type InputOf,
  type listRuns,
  type OutputOf,
  type Principal,
  type queryAudit,
  runIdsFor,
} from '@switchyard/contracts';
import type { AuditLog } from '@switchyard/store';

/*
 * Answers what is asked about the past.
 *  A1 Nobody sees another tenant.
 *  A2 A user sees its own; admin and auditor see all of their tenant.
 */
export class AuditDesk {
  constructor(private readonly auditLog: AuditLog) {}

  async query({ principal, runId, ...filter }: InputOf<typeof queryAudit>): Promise<OutputOf<typeof queryAudit>> {
    const runs = runId === undefined ? {} : { runIds: runIdsFor(principal.tenantId, runId) };
    return this.auditLog.query({ ...defined(filter), ...runs, ...scopeOf(principal), limit: filter.limit });
  }

  async runs({ principal, ...filter }: InputOf<typeof listRuns>): Promise<OutputOf<typeof listRuns>> {
    return this.auditLog.listRuns({ ...defined(filter), ...scopeOf(principal), limit: filter.limit });
  }
}

/** What a caller may see at all; set last, so that no filter widens it. */
function scopeOf(principal: Principal): { tenantId: string; userId?: string } {
  const { tenantId, userId, role } = principal;
  return role === 'user' ? { tenantId, userId } : { tenantId };
}

function defined<T extends object>(filter: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
