export type { AgentStep, AgentTurns } from './agent-turns.ts';
export type { AuditFilter, AuditLog, AuditPosition, RunFilter, SummaryUpdate } from './audit-log.ts';
export type { Connection, ConnectionOwner, Connections, Login } from './connections.ts';
export type { DeadLetter, DeadLetterPlace, DeadLetters } from './dead-letters.ts';
export { effectMachine, type EffectRow, type EffectStep } from './effect-machine.ts';
export {
  type Begun,
  type Completion,
  type Effect,
  EFFECT_STATES,
  type EffectCall,
  type EffectQuery,
  type EffectRequest,
  type Effects,
  type EffectState,
  type Settlement,
} from './effects.ts';
export {
  type Accept,
  type Accepted,
  type Append,
  type Appended,
  type Claim,
  type EventDraft,
  INPUT_KINDS,
  type InputKind,
  type Journal,
  type JournalStats,
  type OpenPhase,
  type PhaseStats,
  type RunAt,
  type RunHead,
  type RunInput,
  type Sweep,
  type SweptRun,
  type ThreadQuery,
} from './journal.ts';
export { migrateDatabase } from './migrate.ts';
export type { Note, NoteOwner, Notes } from './notes.ts';
export type { Registration, Registrations } from './registrations.ts';
export type { Retention } from './retention.ts';
export type { StreamPosition, StreamPositions } from './stream-positions.ts';
export { openStore, type Store, STORE_OWNERS, type StoreLog, type StoreOptions, type StoreOwner } from './store.ts';
export type { Spending, Spent } from './spending.ts';
export type { PinDecision, PinnedTool, ToolPin, ToolPinChange, ToolPins } from './tool-pins.ts';
export type { Unwatched, Watches } from './watches.ts';
export type { ToolDefinitionRow, ToolDefinitions } from './tool-definitions.ts';
