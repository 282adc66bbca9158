/* Whether the promises were kept: the evidence of a round, and its judges. */

export { INVARIANTS, type Violation, violations } from './checker.ts';
export { delegationsOf } from './delegations.ts';
export type { Evidence } from './evidence-rows.ts';
export { gather, Tables } from './evidence.ts';
export { type Recovery, recoveryOf, type Spread } from './recovery.ts';
