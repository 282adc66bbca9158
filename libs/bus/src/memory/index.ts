/* The bus in memory, for tests. */

export { createMemoryBus, type MemoryHub } from './bus.ts';
