import { AppError, type BudgetView, type Principal } from '@switchyard/contracts';
import type { Clock, Logger, TlsFiles } from '@switchyard/platform';
import { connectRedis, type Redis } from '@switchyard/redis';
import type { Exceeded } from '@switchyard/run';
import { logEvent } from '../log-events.ts';
import { type DailyLimits, type Limits, limitsOf, type Override } from './daily-limits.ts';
import { RESERVE, SEED, SETTLE } from './daily-scripts.ts';
import { toNano, toUsd } from './prices.ts';

/*
 * Counts in Redis what users and tenants spend in a day (UTC), over all replicas.
 *
 * - Before a model call, the caller reserves the highest possible cost for user and tenant in one atomic step. So
 *   concurrent calls cannot together spend what each alone would be allowed.
 * - A reservation belongs to a call of a run, whichever replica owns the run. When the next owner repeats a call after
 *   a crash, the new reservation replaces the old one. A reservation that is never settled expires.
 * - If Redis loses the counts, the next reservation of a tenant first rebuilds that tenant's counts from the journal.
 */

export interface Claim {
  /** Id of the call; the same after a takeover. */
  readonly id: string;
  /** Id of this attempt at the call. */
  readonly nonce: string;
  readonly tenantId: string;
  readonly userId: string;
  /** Tokens of the prompt. */
  readonly input: number;
  readonly minOutput: number;
  readonly maxOutput: number;
  /** Nano-USD of the prompt, and of one token of the answer. */
  readonly inputNano: number;
  readonly outputNano: number;
  /** Limits that a person raised for this run. */
  readonly raised: DailyLimits;
}

export interface Reservation {
  readonly id: string;
  readonly nonce: string;
  readonly keys: readonly string[];
  /** The longest answer that is paid for. */
  readonly maxOutput: number;
}

type ReserveAnswer =
  | { readonly kind: 'reserved'; readonly reservation: Reservation }
  /** `held`: there would be room if calls under way had not reserved it. */
  | { readonly kind: 'exceeded' | 'held'; readonly exceeded: Exceeded };

export interface DailyBudget {
  /** True: if the counts cannot be reached, calls are made without them. */
  readonly failOpen: boolean;
  limits(tenantId: string): DailyLimits | undefined;
  /** Throws `unavailable` if the counts cannot be reached. */
  reserve(claim: Claim): Promise<ReserveAnswer>;
  /** Never throws. If the settlement fails, it is logged and the reservation expires. */
  settle(reservation: Reservation, used: { readonly tokens: number; readonly nano: number }): Promise<void>;
  view(principal: Principal): Promise<BudgetView>;
  close(): void;
}

/** What one user used on a day, from the journal. */
interface UserUsage {
  readonly userId: string;
  readonly tokens: number;
  readonly usd: number;
}

export interface DailyBudgetParts {
  readonly redisUrl: string;
  readonly redisTls?: TlsFiles | undefined;
  readonly limits: DailyLimits;
  readonly byTenant: Readonly<Record<string, Override>>;
  readonly failOpen: boolean;
  /** Life of a reservation that is never settled. */
  readonly reservationMs: number;
  readonly usageSince: (tenantId: string, since: number) => Promise<readonly UserUsage[]>;
  readonly clock: Clock;
  readonly log: Logger;
}

const DAY_MS = 86_400_000;
const KEEP_S = 2 * 86_400;
const REDIS_TIMEOUT_MS = 1_000;
const REDIS_PAUSE_MS = 2_000;
const SETTLE_TRIES = 3;
const NO_LIMITS: DailyLimits = { user: { tokens: null, usd: null }, tenant: { tokens: null, usd: null } };

export class RedisDailyBudget implements DailyBudget {
  readonly failOpen: boolean;
  readonly #redis: Redis;

  readonly #parts: DailyBudgetParts;

  constructor(parts: DailyBudgetParts) {
    this.#parts = parts;
    this.failOpen = parts.failOpen;
    this.#redis = connectRedis(parts.redisUrl, {
      tls: parts.redisTls,
      log: parts.log,
      commandTimeoutMs: REDIS_TIMEOUT_MS,
      maxPauseMs: REDIS_PAUSE_MS,
      waits: true,
      without: 'limits by day cannot be checked',
    });
  }

  limits(tenantId: string): DailyLimits | undefined {
    return limitsOf(this.#parts.limits, this.#parts.byTenant, tenantId);
  }

  async reserve(claim: Claim): Promise<ReserveAnswer> {
    const { clock, reservationMs } = this.#parts;
    const { id, nonce, tenantId, userId } = claim;
    const keys = keysOf(tenantId, userId, clock.now());
    const { user, tenant } = this.limits(tenantId) ?? NO_LIMITS;
    const limits = [...limitArgs(user, claim.raised.user), ...limitArgs(tenant, claim.raised.tenant)];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const now = clock.now();
      const { input, minOutput, maxOutput, inputNano, outputNano } = claim;
      const sizes = [input, minOutput, maxOutput, inputNano, outputNano];
      const args = [id, nonce, now, now + reservationMs, KEEP_S, ...sizes, ...limits];
      const [kind, ...rest] = (await this.#ask(() => this.#redis.eval(RESERVE, 4, ...keys, ...args))) as string[];
      if (kind === 'unknown') await this.#seed(tenantId, now);
      else if (kind === 'reserved')
        return { kind, reservation: { id, nonce, keys: [...keys, `${keys[2]}:${nonce}`], maxOutput: Number(rest[0]) } };
      else return { kind: kind as 'exceeded' | 'held', exceeded: exceededFrom(rest) };
    }
    throw new AppError('unavailable', 'The counts of the day cannot be kept.');
  }

  async settle({ id, nonce, keys }: Reservation, { tokens, nano }: { tokens: number; nano: number }): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#ask(() => this.#redis.eval(SETTLE, 5, ...keys, id, nonce, tokens, nano, KEEP_S));
        return;
      } catch (error) {
        if (attempt < SETTLE_TRIES) continue;
        logEvent(this.#parts.log, 'daily_usage_not_counted', { err: error, tokens });
        return;
      }
    }
  }

  async view(principal: Principal): Promise<BudgetView> {
    const now = this.#parts.clock.now();
    const { tenantId, userId, role } = principal;
    const limits = this.limits(tenantId);
    const [tenantKey, userKey] = keysOf(tenantId, userId, now) as [string, string];
    if (limits && (await this.#ask(() => this.#redis.hexists(tenantKey, 'since'))) === 0)
      await this.#seed(tenantId, now);
    const scope = async (key: string, { tokens, usd }: Limits) => {
      if (!limits) return { tokens: NOTHING, usd: NOTHING };
      const counts = await this.#ask(() => this.#redis.hmget(key, 'tokens', 'held_tokens', 'nano', 'held_nano'));
      const [used, held, nano, heldNano] = counts.map((count) => Number(count ?? 0)) as [
        number,
        number,
        number,
        number,
      ];
      return { tokens: amounts(tokens, used, held), usd: amounts(usd, toUsd(nano), toUsd(heldNano)) };
    };
    return {
      ...dayOf(now),
      user: await scope(userKey, limits?.user ?? NO_LIMITS.user),
      tenant: role === 'admin' ? await scope(tenantKey, limits?.tenant ?? NO_LIMITS.tenant) : null,
    };
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Rebuilds the counts of a tenant for today from the journal, after Redis lost them. */
  async #seed(tenantId: string, now: number): Promise<void> {
    const users = await this.#parts.usageSince(tenantId, now - (now % DAY_MS));
    const keys = users.map(({ userId }) => keysOf(tenantId, userId, now)[1]!);
    const amountsOf = users.flatMap(({ tokens, usd }) => [tokens, toNano(usd)]);
    const tenantKey = keysOf(tenantId, '', now)[0]!;
    await this.#ask(() => this.#redis.eval(SEED, 1 + keys.length, tenantKey, ...keys, now, KEEP_S, ...amountsOf));
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (error) {
      throw new AppError('unavailable', 'The limits of the day cannot be checked at the moment.', { cause: error });
    }
  }
}

const NOTHING = { limit: null, used: null, reserved: null, left: null };

/** The answer of GET /budget if no daily limit is configured and so nothing is counted. */
export function nothingCounted(role: Principal['role'], now: number): BudgetView {
  const scope = { tokens: NOTHING, usd: NOTHING };
  return { ...dayOf(now), user: scope, tenant: role === 'admin' ? scope : null };
}

function amounts(limit: number | null, used: number, reserved: number) {
  return { limit, used, reserved, left: limit === null ? null : Math.max(0, limit - used - reserved) };
}

function dayOf(now: number): { day: string; resetsAt: number } {
  const start = now - (now % DAY_MS);
  return { day: new Date(start).toISOString().slice(0, 10), resetsAt: start + DAY_MS };
}

/** All keys of one tenant and day hash to the same node of a cluster. */
function keysOf(tenantId: string, userId: string, now: number): string[] {
  const base = `budget:{${tenantId}}:${dayOf(now).day}`;
  return [`${base}:tenant`, `${base}:user:${userId}`, `${base}:held`, `${base}:ends`];
}

function limitArgs(limits: Limits, raised: Limits): number[] {
  const tokens = raised.tokens ?? limits.tokens;
  const usd = raised.usd ?? limits.usd;
  return [tokens ?? -1, usd === null ? -1 : toNano(usd)];
}

function exceededFrom([scope, kind, limit, used]: string[]): Exceeded {
  const unit = (value: string | undefined) => (kind === 'usd' ? toUsd(Number(value)) : Number(value));
  return { scope: scope as 'user' | 'tenant', kind: kind as 'tokens' | 'usd', limit: unit(limit), used: unit(used) };
}
