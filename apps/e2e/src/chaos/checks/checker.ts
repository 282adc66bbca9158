import { CLIENT_CHECKS } from './client-checks.ts';
import { DELEGATION_CHECKS } from './delegation-checks.ts';
import { EFFECT_CHECKS } from './effect-checks.ts';
import type { Evidence } from './evidence-rows.ts';
import { RUN_CHECKS } from './run-checks.ts';

/* Judges a round by the records that it left. Pure; each invariant is a function, named as in the report. */

const CHECKS = { ...RUN_CHECKS, ...EFFECT_CHECKS, ...DELEGATION_CHECKS, ...CLIENT_CHECKS };

export type Invariant = keyof typeof CHECKS;
export const INVARIANTS = Object.keys(CHECKS) as Invariant[];

export interface Violation {
  readonly invariant: Invariant;
  readonly runId: string | null;
  readonly what: string;
}

/** All violations, in the order of the invariants. */
export function violations(evidence: Evidence): Violation[] {
  return INVARIANTS.flatMap((invariant) =>
    CHECKS[invariant](evidence).map(([runId, what]) => ({ invariant, runId, what })),
  );
}
