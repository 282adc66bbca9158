import type { Logger, TlsFiles } from '@switchyard/platform';
import { type ComputerSessions, type Frames, SqlComputerSessions, SqlFrames } from './computer/index.ts';
import { type AgentTurns, type Effects, SqlAgentTurns, SqlEffects } from './effects/index.ts';
import {
  type AuditLog,
  type Spending,
  SqlAuditLog,
  SqlSpending,
  SqlStreamPositions,
  SqlWatches,
  type StreamPositions,
  type Watches,
} from './audit/index.ts';
import { type Connections, type Registrations, SqlConnections, SqlRegistrations } from './credentials/index.ts';
import {
  type AcceptedRuns,
  SqlAcceptedRuns,
  type DeadLetters,
  type Journal,
  type Retention,
  SqlDeadLetters,
  SqlJournal,
  SqlRetention,
} from './journal/index.ts';
import { logEvent } from './log-events.ts';
import {
  type Notes,
  SqlNotes,
  SqlToolDefinitions,
  SqlToolPins,
  type ToolDefinitions,
  type ToolPins,
} from './tools/index.ts';
import { lazyPrisma, openPool, rows } from './postgres/index.ts';

/** The apps that own tables. Each connects under its own role and may touch only its own schema. */
export const STORE_OWNERS = ['orchestrator', 'mcp-tool', 'computer-use', 'audit'] as const;
export type StoreOwner = (typeof STORE_OWNERS)[number];

const ROLES: Record<StoreOwner, string> = {
  orchestrator: 'switchyard_orchestrator',
  'mcp-tool': 'switchyard_mcp_tool',
  'computer-use': 'switchyard_computer_use',
  audit: 'switchyard_audit',
};

export interface StoreOptions {
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
  readonly app: StoreOwner;
  readonly log?: Logger;
  /** The number of connections. Default 10. */
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
  readonly computerSessions: ComputerSessions;
  readonly frames: Frames;
  readonly connections: Connections;
  readonly registrations: Registrations;
  readonly toolPins: ToolPins;
  readonly toolDefinitions: ToolDefinitions;
  readonly auditLog: AuditLog;
  readonly acceptedRuns: AcceptedRuns;
  readonly streamPositions: StreamPositions;
  readonly watches: Watches;
  /** Throws `unavailable` if the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const PING = { name: 'ping', text: 'select 1' };

/**
 * One pool for Prisma and the prepared statements. It connects with the first statement. While the database is away
 * every method throws AppError `unavailable`, and the next call tries again. A write that failed like this may have
 * been committed: every write may be repeated unchanged.
 */
export function openStore(options: StoreOptions): Store {
  const { url, tls, app, log, maxConnections = 10, statementTimeoutMs = 8_000 } = options;
  const pool = openPool({
    url,
    tls,
    onTlsTrouble: (why) => logEvent(log, 'tls_files_unusable', { server: 'PostgreSQL', why }),
    role: ROLES[app],
    plansOnce: app === 'orchestrator', // of the others Prisma makes statements whose plans depend on their values
    applicationName: `switchyard-${app}`,
    maxConnections,
    statementTimeoutMs,
    onIdleError: (error) => logEvent(log, 'database_connection_broken', { err: error }),
    onDeadLink: (connections) => logEvent(log, 'database_connections_renewed', { connections }),
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
    computerSessions: new SqlComputerSessions(pool),
    frames: new SqlFrames(pool),
    connections: new SqlConnections(pool),
    registrations: new SqlRegistrations(pool),
    toolPins: new SqlToolPins(pool),
    toolDefinitions: new SqlToolDefinitions(pool),
    auditLog: new SqlAuditLog(pool, prisma.get),
    acceptedRuns: new SqlAcceptedRuns(pool),
    streamPositions: new SqlStreamPositions(pool),
    watches: new SqlWatches(pool),
    async ping() {
      await rows(pool, PING, []);
    },
    close: () => (closed ??= prisma.close().then(() => pool.end())),
  };
}
