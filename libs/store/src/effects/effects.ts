import type { StepResult } from '@switchyard/contracts';

/** The declaration of a call. */
export interface EffectRequest {
  /** For a new row; an existing row keeps its own. */
  readonly effectId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly idempotencyKey: string;
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  readonly tool: string;
  readonly kind: 'read' | 'write' | 'destructive';
  readonly idempotency: 'safe' | 'key' | 'none';
  /** SHA-256 of the canonical arguments. */
  readonly argsHash: string;
  /** The arguments as people may read them. */
  readonly args: unknown;
  /** Identifies this very call: the same for a retry after a lost reply, different for every other call. */
  readonly holder: string;
  readonly leaseMs: number;
  /** The caller has waited for an attempt and accepts its doubt as the answer. */
  readonly waited: boolean;
  /** False right after an outage of the database: an expired lease may belong to a live holder. */
  readonly takeOver: boolean;
}

/** One attempt at an effect; it identifies the holder in every later write. */
export interface EffectCall {
  readonly effectId: string;
  readonly attempt: number;
}

export type Begun =
  /** `again`: an earlier attempt was dispatched, and its outcome was unknown. */
  | ({ readonly kind: 'mine'; readonly again: boolean } & EffectCall)
  /** The answer is known. `doubted`: this call put it in doubt. */
  | ({ readonly kind: 'known'; readonly result: StepResult; readonly doubted: boolean } & EffectCall)
  | ({ readonly kind: 'running' } & EffectCall)
  /** The key belongs to another tool or other arguments. */
  | ({ readonly kind: 'conflict' } & EffectCall);

export interface Completion {
  /** `late`: it ended a doubt. `refused`: the row has another holder or a known outcome. */
  readonly kind: 'completed' | 'late' | 'refused';
  /** The result in the row, if it has one. */
  readonly result?: StepResult | undefined;
  /** True if this call was the first to mark the row as having a late outcome. */
  readonly noted: boolean;
}

export const EFFECT_STATES = ['intent', 'dispatched', 'succeeded', 'failed', 'in_doubt'] as const;
export type EffectState = (typeof EFFECT_STATES)[number];

/** A row of the ledger. Times in ms since 1970. */
export interface Effect {
  readonly effectId: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly idempotencyKey: string;
  readonly runId: string | null;
  readonly stepId: string | null;
  readonly tool: string;
  readonly kind: EffectRequest['kind'];
  readonly idempotency: EffectRequest['idempotency'];
  readonly args: unknown;
  readonly state: EffectState;
  readonly result: StepResult | null;
  readonly attempts: number;
  readonly late: boolean;
  readonly lateState: 'succeeded' | 'failed' | null;
  readonly settled: { readonly by: string; readonly at: number; readonly note: string } | null;
  readonly createdAt: number;
  readonly dispatchedAt: number | null;
  readonly endedAt: number | null;
}

export interface EffectQuery {
  readonly tenantId: string;
  /** Only effects of this user. */
  readonly userId?: string | undefined;
  /** Any of these runs. */
  readonly runIds?: readonly string[] | undefined;
  readonly state?: EffectState | undefined;
  readonly limit: number;
  /** The end of the previous page. */
  readonly after?: { readonly at: number; readonly effectId: string } | undefined;
}

export interface Settlement {
  readonly effectId: string;
  readonly tenantId: string;
  readonly result: StepResult & { status: 'succeeded' | 'failed' };
  readonly by: string;
  readonly note: string;
}

/**
 * The ledger of effects: an effect is dispatched at most once per idempotency key; its outcome is known or in doubt,
 * never guessed. Each method is one round trip and one commit. Throws AppError `unavailable` if the database is away:
 * the write may or may not have happened, and may be repeated unchanged.
 * The order of a call: `begin`; `dispatch`, and only after its `true` the effect; `complete`, and only after it the
 * answer. Between, `renew`.
 */
export interface Effects {
  begin(request: EffectRequest): Promise<Begun>;
  /** False: another attempt has the row; the effect must not happen. */
  dispatch(call: EffectCall, leaseMs: number): Promise<boolean>;
  /** Returns an attempt that certainly had no effect, so that any worker may begin it again. */
  withdraw(call: EffectCall): Promise<boolean>;
  complete(call: EffectCall, result: StepResult): Promise<Completion>;
  /** Renews all at once; returns the effect ids of those that still have their row. */
  renew(calls: readonly EffectCall[], leaseMs: number): Promise<Set<string>>;
  /** True while a holder with a live lease works on it. */
  isRunning(effectId: string): Promise<boolean>;
  /** The number of effects in doubt, in all tenants, counted up to `limit`. */
  countDoubts(limit: number): Promise<number>;
  /** Puts calls in doubt that lost their holder `graceMs` ago and were not repeated. */
  doubtOrphans(limit: number, graceMs: number): Promise<Effect[]>;
  get(tenantId: string, effectId: string): Promise<Effect | undefined>;
  /** All effects of a step, oldest first, at most 1,000. */
  ofStep(step: Pick<Effect, 'tenantId' | 'userId'> & { runId: string; stepId: string }): Promise<Effect[]>;
  /** Newest first. */
  list(query: EffectQuery): Promise<Effect[]>;
  /** Records a person's decision about a doubt. `same`: the same decision was recorded before. */
  settle(settlement: Settlement): Promise<'settled' | 'same' | 'not_in_doubt' | 'unknown'>;
  /** Removes known outcomes and abandoned intents older than `keepMs`; returns how many. */
  remove(limit: number, keepMs: number): Promise<number>;
}
