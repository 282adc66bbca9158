export { MemoryJournal } from './journal/memory-journal.ts';
export { MemoryRetention } from './journal/memory-retention.ts';
export { type MemoryRun, MemoryTables } from './journal/memory-tables.ts';
