/* The audit log, and the spending of users. */

export {
  type AuditFilter,
  type AuditLog,
  type AuditPosition,
  CONFLICT_TYPE,
  LEAST_KEPT_DAYS,
  PRUNED_TYPE,
  type RecordsAppended,
  type RunFilter,
  type SummaryUpdate,
} from './audit-log.ts';
export { type Spending, SqlSpending } from './spending.ts';
export { SqlAuditLog } from './sql-audit-log.ts';
export { SqlStreamPositions, type StreamPositions } from './stream-positions.ts';
export { SqlWatches, type Watches } from './watches.ts';
