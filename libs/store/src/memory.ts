export { MemoryJournal } from './memory-journal.ts';
export { MemoryRetention, type MemoryRun, MemoryTables } from './memory-tables.ts';
