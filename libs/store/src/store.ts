import type { AuditLog } from './audit-log.ts';
import type { Journal } from './journal.ts';
import type { Notes } from './notes.ts';

/** The apps that own tables. Each connects under its own role and may write only its own schema. */
export const STORE_OWNERS = ['orchestrator', 'mcp-tool', 'audit'] as const;
export type StoreOwner = (typeof STORE_OWNERS)[number];

/** The part of a logger that the store uses. */
export interface StoreLog {
  warn(fields: object, message: string): void;
}

export interface StoreOptions {
  readonly url: string;
  readonly app: StoreOwner;
  readonly log?: StoreLog;
  /** Default 10. */
  readonly maxConnections?: number;
  /** The longest a statement may take on the server. Default 10 000. */
  readonly statementTimeoutMs?: number;
}

export interface Store {
  readonly journal: Journal;
  readonly notes: Notes;
  readonly auditLog: AuditLog;
  /** Throws `unavailable` where the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Connects with the first statement; every method throws AppError `unavailable` while the database is away. */
export function openStore(_options: StoreOptions): Store {
  throw new Error('not there yet');
}
