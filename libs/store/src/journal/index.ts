/* The journal of runs, in PostgreSQL and in memory. */

export { type AcceptedPlace, type AcceptedRuns, SqlAcceptedRuns } from './accepted-runs.ts';
export type { DeadLetter, DeadLetters } from './dead-letters.ts';
export type {
  Accept,
  Accepted,
  Append,
  Appended,
  Claim,
  EventDraft,
  Journal,
  JournalStats,
  OpenPhase,
  PhaseStats,
  RunHead,
  RunInput,
} from './journal.ts';
export type { Retention } from './retention.ts';
export { readable } from './rows.ts';
export { SqlDeadLetters } from './sql-dead-letters.ts';
export { SqlJournal } from './sql-journal.ts';
export { SqlRetention } from './sql-retention.ts';
export { SPENT_SINCE } from './statements.ts';
