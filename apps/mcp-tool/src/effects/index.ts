/* The ledger of effects: a call that changes the world happens once, and what came of it is known. */

export { EffectDesk } from './desk.ts';
export { EffectsHandler } from './effects.handler.ts';
export { EffectKeeper } from './keeper.ts';
export { EffectRecords } from './records.ts';
