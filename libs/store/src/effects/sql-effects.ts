import { StepResult } from '@switchyard/contracts';
import type { Pool } from 'pg';
import * as sql from './statements.ts';
import type {
  Begun,
  Completion,
  Effect,
  EffectCall,
  EffectQuery,
  EffectRequest,
  Effects,
  EffectState,
  Settlement,
} from './effects.ts';
import { row, rows } from '../postgres/index.ts';

interface EffectRow {
  effect_id: string;
  tenant_id: string;
  user_id: string;
  idempotency_key: string;
  run_id: string | null;
  step_id: string | null;
  tool: string;
  kind: Effect['kind'];
  idempotency: Effect['idempotency'];
  args: string;
  state: EffectState;
  result: string | null;
  attempts: number;
  late: boolean;
  late_state: Effect['lateState'];
  settled_by: string | null;
  settled_at: number | null;
  settled_note: string | null;
  created_at: number;
  dispatched_at: number | null;
  ended_at: number | null;
}

/** A renewal that waits longer than this for a dead link loses the lease before it can try another. */
const MIN_RENEW_LIMIT_MS = 250;

/** The ledger over PostgreSQL. Results and arguments are JSON text, where U+0000 is an escape, so any text fits. */
export class SqlEffects implements Effects {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async begin(request: EffectRequest): Promise<Begun> {
    const answer = await row<{
      outcome: 'mine' | 'again' | 'known' | 'doubted' | 'running' | 'conflict';
      effect_id: string;
      attempt: number;
      result: string | null;
    }>(this.#pool, sql.BEGIN, [
      request.effectId,
      request.tenantId,
      request.userId,
      request.idempotencyKey,
      request.runId ?? null,
      request.stepId ?? null,
      request.tool,
      request.kind,
      request.idempotency,
      request.argsHash,
      JSON.stringify(request.args ?? null),
      request.holder,
      request.leaseMs,
      request.waited,
      request.takeOver,
    ]);
    const { outcome, effect_id: effectId, attempt, result } = answer;
    if (outcome === 'mine' || outcome === 'again')
      return { kind: 'mine', effectId, attempt, again: outcome === 'again' };
    if (outcome === 'running' || outcome === 'conflict') return { kind: outcome, effectId, attempt };
    return { kind: 'known', effectId, attempt, result: resultOf(result)!, doubted: outcome === 'doubted' };
  }

  async dispatch({ effectId, attempt }: EffectCall, leaseMs: number): Promise<boolean> {
    return (await row<{ done: boolean }>(this.#pool, sql.DISPATCH, [effectId, attempt, leaseMs])).done;
  }

  async withdraw({ effectId, attempt }: EffectCall): Promise<boolean> {
    return (await row<{ done: boolean }>(this.#pool, sql.WITHDRAW, [effectId, attempt])).done;
  }

  async complete({ effectId, attempt }: EffectCall, result: StepResult): Promise<Completion> {
    const values = [effectId, attempt, result.status, JSON.stringify(result)];
    const answer = await row<{ outcome: Completion['kind']; result: string | null; noted: boolean }>(
      this.#pool,
      sql.COMPLETE,
      values,
    );
    return { kind: answer.outcome, result: resultOf(answer.result), noted: answer.noted };
  }

  async renew(calls: readonly EffectCall[], leaseMs: number): Promise<Set<string>> {
    if (calls.length === 0) return new Set();
    const values = [calls.map((call) => call.effectId), calls.map((call) => call.attempt), leaseMs];
    const limit = { ...sql.RENEW, query_timeout: Math.max(MIN_RENEW_LIMIT_MS, Math.floor(leaseMs / 3)) };
    const mine = await rows<{ effect_id: string }>(this.#pool, limit, values);
    return new Set(mine.map((call) => call.effect_id));
  }

  async isRunning(effectId: string): Promise<boolean> {
    return (await row<{ running: boolean }>(this.#pool, sql.IS_RUNNING, [effectId])).running;
  }

  async doubtOrphans(limit: number, graceMs: number): Promise<Effect[]> {
    return (await rows<EffectRow>(this.#pool, sql.DOUBT_ORPHANS, [limit, graceMs])).map(toEffect);
  }

  async countDoubts(limit: number): Promise<number> {
    return (await row<{ doubts: number }>(this.#pool, sql.COUNT_DOUBTS, [limit])).doubts;
  }

  async get(tenantId: string, effectId: string): Promise<Effect | undefined> {
    const [found] = await rows<EffectRow>(this.#pool, sql.GET, [tenantId, effectId]);
    return found && toEffect(found);
  }

  async ofStep({ tenantId, userId, runId, stepId }: Parameters<Effects['ofStep']>[0]): Promise<Effect[]> {
    return (await rows<EffectRow>(this.#pool, sql.OF_STEP, [tenantId, userId, runId, stepId])).map(toEffect);
  }

  async list({ tenantId, userId, runIds, state, limit, after }: EffectQuery): Promise<Effect[]> {
    const values = [tenantId, userId ?? null, runIds === undefined ? null : [...runIds], state ?? null];
    const page = [after?.at ?? null, after?.effectId ?? null, limit];
    return (await rows<EffectRow>(this.#pool, sql.LIST, [...values, ...page])).map(toEffect);
  }

  async settle({ effectId, tenantId, result, by, note }: Settlement) {
    const values = [effectId, tenantId, result.status, JSON.stringify(result), by, note];
    const answer = await row<{ outcome: 'settled' | 'same' | 'not_in_doubt' | 'unknown' }>(
      this.#pool,
      sql.SETTLE,
      values,
    );
    return answer.outcome;
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    return (await row<{ removed: number }>(this.#pool, sql.REMOVE, [limit, keepMs])).removed;
  }
}

function resultOf(text: string | null): StepResult | undefined {
  return text === null ? undefined : StepResult.parse(JSON.parse(text));
}

function toEffect(row: EffectRow): Effect {
  const { settled_by: by, settled_at: at, settled_note: note } = row;
  return {
    effectId: row.effect_id,
    tenantId: row.tenant_id,
    userId: row.user_id,
    idempotencyKey: row.idempotency_key,
    runId: row.run_id,
    stepId: row.step_id,
    tool: row.tool,
    kind: row.kind,
    idempotency: row.idempotency,
    args: JSON.parse(row.args) as unknown,
    state: row.state,
    result: resultOf(row.result) ?? null,
    attempts: row.attempts,
    late: row.late,
    lateState: row.late_state,
    settled: by === null ? null : { by, at: at!, note: note ?? '' },
    createdAt: row.created_at,
    dispatchedAt: row.dispatched_at,
    endedAt: row.ended_at,
  };
}
