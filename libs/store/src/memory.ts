export { MemoryJournal } from './memory-journal.ts';
export { MemoryRetention } from './memory-retention.ts';
export { type MemoryRun, MemoryTables } from './memory-tables.ts';
