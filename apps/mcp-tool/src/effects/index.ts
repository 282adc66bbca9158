/* The ledger of effects: a call that changes the world happens once, and what came of it is known. */

export { LedgeredExecutor } from './ledgered-executor.ts';
export { EffectsHandler } from './effects.handler.ts';
export { OrphanedEffectSweeper } from './orphaned-effect-sweeper.ts';
export { EffectRecords } from './records.ts';
