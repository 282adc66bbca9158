import type { TlsFiles } from '@switchyard/platform';
import { type AgentTurns, SqlAgentTurns } from './agent-turns.ts';
import type { AuditLog } from './audit-log.ts';
import type { Connections } from './connections.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Effects } from './effects.ts';
import type { Journal } from './journal.ts';
import type { Notes } from './notes.ts';
import { type Spending, SqlSpending } from './spending.ts';
import type { Registrations } from './registrations.ts';
import type { Retention } from './retention.ts';
import { openPool, rows } from './pool.ts';
import { lazyPrisma } from './prisma.ts';
import { SqlAuditLog } from './sql-audit-log.ts';
import { SqlConnections } from './sql-connections.ts';
import { SqlDeadLetters } from './sql-dead-letters.ts';
import { SqlEffects } from './sql-effects.ts';
import { SqlJournal } from './sql-journal.ts';
import { SqlNotes } from './sql-notes.ts';
import { SqlToolDefinitions } from './sql-tool-definitions.ts';
import { SqlStreamPositions, type StreamPositions } from './stream-positions.ts';
import { SqlRegistrations } from './sql-registrations.ts';
import { SqlRetention } from './sql-retention.ts';
import { SqlToolPins } from './sql-tool-pins.ts';
import type { ToolPins } from './tool-pins.ts';
import type { ToolDefinitions } from './tool-definitions.ts';
import { SqlWatches, type Watches } from './watches.ts';

/** The apps that own tables. Each connects under its own role and may touch only its own schema. */
export const STORE_OWNERS = ['orchestrator', 'mcp-tool', 'audit'] as const;
export type StoreOwner = (typeof STORE_OWNERS)[number];

const ROLES: Record<StoreOwner, string> = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  audit: 'switchyard_audit',
};

/** The part of a logger that the store uses. */
export interface StoreLog {
  warn(fields: object, message: string): void;
}

export interface StoreOptions {
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
  readonly app: StoreOwner;
  readonly log?: StoreLog;
  /** Default 10. */
  readonly maxConnections?: number;
  /** The longest a statement may take on the server. Default 8 000. */
  readonly statementTimeoutMs?: number;
}

export interface Store {
  readonly journal: Journal;
  readonly retention: Retention;
  readonly deadLetters: DeadLetters;
  readonly spending: Spending;
  readonly notes: Notes;
  readonly effects: Effects;
  readonly agentTurns: AgentTurns;
  readonly connections: Connections;
  readonly registrations: Registrations;
  readonly toolPins: ToolPins;
  readonly toolDefinitions: ToolDefinitions;
  readonly auditLog: AuditLog;
  readonly streamPositions: StreamPositions;
  readonly watches: Watches;
  /** Throws `unavailable` where the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const PING = { name: 'ping', text: 'select 1' };

/**
 * One pool for Prisma and the prepared statements. Connects with the first statement; while the database is away every
 * method throws AppError `unavailable`, and the next call tries again. A write that was answered so may have been
 * committed: all writes may be repeated as they are.
 */
export function openStore(options: StoreOptions): Store {
  const { url, tls, app, log, maxConnections = 10, statementTimeoutMs = 8_000 } = options;
  const pool = openPool({
    url,
    tls,
    onTlsTrouble: (why) => log?.warn({ why }, 'the TLS files cannot be used; those of before go on'),
    role: ROLES[app],
    applicationName: `switchyard-${app}`,
    maxConnections,
    statementTimeoutMs,
    onIdleError: (error) => log?.warn({ err: error }, 'a connection to the database broke'),
    onDeadLink: (connections) =>
      log?.warn({ connections }, 'the database does not answer; its connections are made anew'),
  });
  const prisma = lazyPrisma(pool);
  let closed: Promise<void> | undefined;
  return {
    journal: new SqlJournal(pool),
    retention: new SqlRetention(pool),
    deadLetters: new SqlDeadLetters(pool),
    spending: new SqlSpending(pool),
    notes: new SqlNotes(prisma.get),
    effects: new SqlEffects(pool),
    agentTurns: new SqlAgentTurns(pool),
    connections: new SqlConnections(pool),
    registrations: new SqlRegistrations(pool),
    toolPins: new SqlToolPins(pool),
    toolDefinitions: new SqlToolDefinitions(pool),
    auditLog: new SqlAuditLog(pool, prisma.get),
    streamPositions: new SqlStreamPositions(pool),
    watches: new SqlWatches(pool),
    async ping() {
      await rows(pool, PING, []);
    },
    close: () => (closed ??= prisma.close().then(() => pool.end())),
  };
}
