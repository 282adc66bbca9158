import {
  type Effect,
  type EffectCall,
  effectMachine,
  type EffectRequest,
  type EffectRow,
  type EffectStep,
  type Effects,
} from '@switchyard/store';

interface Entry {
  row: EffectRow;
  request: EffectRequest;
  leaseUntil: number;
  createdAt: number;
  dispatchedAt: number | null;
  endedAt: number | null;
  note: string;
}

/** The ledger of effects in this process, by the same pure machine that the functions of the database follow. */
export function memoryEffects(now: () => number = Date.now): Effects {
  const entries = new Map<string, Entry>();
  const keyOf = ({ tenantId, userId, idempotencyKey }: EffectRequest) =>
    JSON.stringify([tenantId, userId, idempotencyKey]);
  const byId = (effectId: string) => [...entries.values()].find((entry) => entry.row.effectId === effectId);
  const take = <A>(entry: Entry, { row, answer }: EffectStep<A>): A => {
    if (effectMachine.isOpen(entry.row) && !effectMachine.isOpen(row)) entry.endedAt = now();
    entry.row = row;
    return answer;
  };
  return {
    begin: async (request) => {
      const there = entries.get(keyOf(request));
      const step = effectMachine.begin(there?.row, request, (there?.leaseUntil ?? 0) >= now());
      const entry = there ?? { ...freshEntry(request), row: step.row, createdAt: now() };
      entries.set(keyOf(request), entry);
      if (step.answer.kind === 'mine') entry.leaseUntil = now() + request.leaseMs;
      return take(entry, step);
    },
    dispatch: async ({ effectId, attempt }, leaseMs) => {
      const entry = byId(effectId);
      const dispatched = entry !== undefined && take(entry, effectMachine.dispatch(entry.row, attempt));
      if (dispatched) Object.assign(entry, { leaseUntil: now() + leaseMs, dispatchedAt: now() });
      return dispatched;
    },
    withdraw: async ({ effectId, attempt }) => {
      const entry = byId(effectId);
      const withdrawn = entry !== undefined && take(entry, effectMachine.withdraw(entry.row, attempt));
      if (withdrawn) entry.leaseUntil = now() - 1;
      return withdrawn;
    },
    complete: async ({ effectId, attempt }, result) => {
      const entry = byId(effectId);
      if (!entry) return { kind: 'refused', noted: false };
      return take(entry, effectMachine.complete(entry.row, attempt, JSON.parse(JSON.stringify(result))));
    },
    renew: async (calls: readonly EffectCall[], leaseMs) => {
      const mine = calls.filter(({ effectId, attempt }) => {
        const entry = byId(effectId);
        return entry !== undefined && effectMachine.renew(entry.row, attempt);
      });
      for (const { effectId } of mine) byId(effectId)!.leaseUntil = now() + leaseMs;
      return new Set(mine.map(({ effectId }) => effectId));
    },
    isRunning: async (effectId) => {
      const entry = byId(effectId);
      return entry !== undefined && effectMachine.isOpen(entry.row) && entry.leaseUntil >= now();
    },
    countDoubts: async (limit) =>
      Math.min(limit, [...entries.values()].filter((entry) => entry.row.state === 'in_doubt').length),
    doubtOrphans: async (limit, graceMs) =>
      [...entries.values()]
        .filter((entry) => entry.leaseUntil < now() - graceMs && take(entry, effectMachine.orphan(entry.row)))
        .slice(0, limit)
        .map(toEffect),
    get: async (tenantId, effectId) => {
      const entry = byId(effectId);
      return entry?.request.tenantId === tenantId ? toEffect(entry) : undefined;
    },
    ofStep: async (step) =>
      [...entries.values()]
        .map(toEffect)
        .filter((effect) => effect.tenantId === step.tenantId && effect.userId === step.userId)
        .filter((effect) => effect.runId === step.runId && effect.stepId === step.stepId),
    list: async ({ tenantId, userId, runIds, state, limit, after }) =>
      [...entries.values()]
        .map(toEffect)
        .filter((effect) => effect.tenantId === tenantId && (userId ?? effect.userId) === effect.userId)
        .filter((effect) => runIds === undefined || runIds.includes(effect.runId ?? ''))
        .filter((effect) => (state ?? effect.state) === effect.state)
        .sort((a, b) => b.createdAt - a.createdAt || (a.effectId < b.effectId ? 1 : -1))
        .filter(({ createdAt, effectId }) => {
          if (!after) return true;
          return createdAt < after.at || (createdAt === after.at && effectId < after.effectId);
        })
        .slice(0, limit),
    settle: async ({ effectId, tenantId, result, by, note }) => {
      const entry = byId(effectId);
      if (!entry || entry.request.tenantId !== tenantId) return 'unknown';
      const answer = take(entry, effectMachine.settle(entry.row, result, by));
      if (answer === 'settled') entry.note = note;
      return answer;
    },
    remove: async (limit, keepMs) => {
      const old = [...entries].filter(
        ([, { endedAt, row }]) => endedAt !== null && endedAt < now() - keepMs && row.state !== 'in_doubt',
      );
      for (const [key] of old.slice(0, limit)) entries.delete(key);
      return Math.min(old.length, limit);
    },
  };
}

function freshEntry(request: EffectRequest): Omit<Entry, 'row' | 'createdAt'> {
  return { request, leaseUntil: 0, dispatchedAt: null, endedAt: null, note: '' };
}

function toEffect({ row, request, createdAt, dispatchedAt, endedAt, note }: Entry): Effect {
  const { effectId, tool, idempotency, state, result, attempts, late, lateState, settledBy } = row;
  const { tenantId, userId, idempotencyKey, runId = null, stepId = null, kind, args } = request;
  return {
    effectId,
    tenantId,
    userId,
    idempotencyKey,
    runId,
    stepId,
    tool,
    kind,
    idempotency,
    args,
    state,
    result,
    attempts,
    late,
    lateState,
    createdAt,
    dispatchedAt,
    endedAt,
    settled: settledBy === null ? null : { by: settledBy, at: endedAt ?? createdAt, note },
  };
}
