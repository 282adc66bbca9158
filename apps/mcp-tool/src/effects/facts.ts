import type { SystemFact } from '@switchyard/contracts';

/** The effect that a fact is about. */
export interface EffectIdentity {
  readonly effectId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly tool: string;
  readonly runId?: string | null | undefined;
  readonly stepId?: string | null | undefined;
}

type Outcome = 'succeeded' | 'failed';

function about({ effectId, tenantId, userId, tool, runId, stepId }: EffectIdentity) {
  const where = { run_id: runId ?? null, step_id: stepId ?? null };
  return { tenant_id: tenantId, user_id: userId, effect_id: effectId, tool, ...where };
}

export function effectInDoubt(effect: EffectIdentity, reason: string): SystemFact {
  return { type: 'tools.effect.in_doubt', data: { ...about(effect), reason } };
}

export function effectSettled(effect: EffectIdentity, outcome: Outcome, by: string, note: string): SystemFact {
  return { type: 'tools.effect.settled', data: { ...about(effect), outcome, by, note } };
}

/** `accepted`: the late outcome ended a doubt; otherwise the recorded outcome stands. */
export function effectLate(effect: EffectIdentity, outcome: Outcome, accepted: boolean): SystemFact {
  return { type: 'tools.effect.late', data: { ...about(effect), outcome, accepted } };
}
