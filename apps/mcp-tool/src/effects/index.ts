/* The ledger of effects: a call that changes the world happens at most once, and its outcome is known or in doubt. */

export { LedgeredExecutor } from './ledgered-executor.ts';
export { EffectsHandler } from './effects.handler.ts';
export { OrphanedEffectSweeper } from './orphaned-effect-sweeper.ts';
export { EffectRecords } from './records.ts';
