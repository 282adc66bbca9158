/* The evidence of a round, and the checks that judge it. */

export { INVARIANTS, type Violation, violations } from './checker.ts';
export { delegationsOf } from './delegations.ts';
export type { Evidence } from './evidence-rows.ts';
export { gather, Tables } from './evidence.ts';
export { type Recovery, recoveryOf, type Spread } from './recovery.ts';
