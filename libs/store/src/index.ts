export type { AgentTurns } from './agent-turns.ts';
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
export type { Connection, Connections, Login } from './connections.ts';
export type { DeadLetter, DeadLetters } from './dead-letters.ts';
export { effectMachine, type EffectRow, type EffectStep } from './effect-machine.ts';
export {
  type Begun,
  type Completion,
  type Effect,
  EFFECT_STATES,
  type EffectCall,
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
  type Journal,
  type JournalStats,
  type OpenPhase,
  type PhaseStats,
  type RunHead,
  type RunInput,
} from './journal.ts';
export { endedOf, type RecordFacts, recordFacts, type Soundness, soundness } from './record-facts.ts';
export { migrateDatabase } from './migrate.ts';
export type { Note, NoteOwner, Notes } from './notes.ts';
export type { Registration, Registrations } from './registrations.ts';
export type { Retention } from './retention.ts';
export type { StreamPositions } from './stream-positions.ts';
export { openStore, type Store, STORE_OWNERS, type StoreOptions } from './store.ts';
export type { PinnedTool, ToolPin, ToolPinChange, ToolPins } from './tool-pins.ts';
export type { Watches } from './watches.ts';
export type { ToolDefinitionRow, ToolDefinitions } from './tool-definitions.ts';
