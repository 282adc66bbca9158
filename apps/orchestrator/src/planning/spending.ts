import { randomUUID } from 'node:crypto';
import { AppError, type ErrorCode, type Usage } from '@switchyard/contracts';
import { type Clock, type Logger, sleep } from '@switchyard/platform';
import { type Exceeded, limitOf, type RunState } from '@switchyard/run';
import type { DailyBudget, Reservation } from '../budgets/index.ts';
import { logEvent } from '../log-events.ts';
import { promptTokens } from '../planner/openai/index.ts';
import type { ModelAnswer, ModelRequest, Planner } from '../planner/index.ts';
import { nanoUsd, type Price, type Prices, toNano, toUsd } from '../budgets/prices.ts';

/*
 * Makes one model call within the limits of its run, its user and its tenant.
 *
 * - If a limit of tokens or money applies, the answer is capped to the remaining amount, and the highest possible cost
 *   of the call is reserved before the call.
 * - After the answer, the actual usage replaces the reservation. A call without an answer costs an estimate from its
 *   prompt and the text so far, here and in the run. A call that the endpoint refused costs nothing.
 * - While other calls have reserved the rest, or the counts cannot be reached, the call waits a short time.
 */

/** Refusals of the endpoint; nothing was used. */
const REFUSALS = new Set<ErrorCode>([
  'model_rejected',
  'model_context_too_long',
  'model_key_refused',
  'model_not_found',
  'model_quota_exceeded',
]);

/** Too short for an answer: with less left than this, the limit counts as reached. */
const MIN_OUTPUT_TOKENS = 16;

export interface SpendingParts {
  readonly planner: Planner;
  readonly prices: Prices;
  readonly maxOutputTokens: number;
  /** Null: no limit by day is configured. */
  readonly daily: DailyBudget | null;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a call waits for reservations of other calls, or for counts that cannot be reached. */
  readonly budgetWaitMs: number;
}

/** Thrown if a limit of the user or the tenant leaves no room for the call. */
export class BudgetStop extends Error {
  constructor(readonly exceeded: Exceeded) {
    super('a limit was reached');
  }
}

export interface Call {
  readonly state: RunState;
  /** Id of this call within its run; the same after a takeover. */
  readonly id: string;
  /** The usage of this planning before this call. */
  readonly before: Usage;
  readonly request: ModelRequest;
  /** Called with the estimated usage of a call that failed. */
  readonly onWasted: (usage: Usage) => void;
}

export async function askWithinLimits(parts: SpendingParts, call: Call, signal: AbortSignal): Promise<ModelAnswer> {
  const { prices, maxOutputTokens } = parts;
  const price = prices(call.request.model);
  const input = promptTokens(call.request);
  const left = leftForOutput(call.state, call.before, input, price);
  const reservation = await reserve(parts, call, { input, price, maxOutput: Math.min(maxOutputTokens, left) }, signal);
  const cap = reservation?.maxOutput ?? (left === Infinity ? undefined : Math.min(maxOutputTokens, left));
  let heard = 0;
  const onText = (piece: string): void => {
    heard += piece.length;
    call.request.onText(piece);
  };
  const onUnseen = (chars: number): void => void (heard += chars);
  const request = { ...call.request, onText, onUnseen, ...(cap === undefined ? {} : { maxOutputTokens: cap }) };
  let used = { tokens: 0, nano: 0 };
  try {
    const answer = await parts.planner.ask(request, signal);
    const cost = price && costOf(price, answer);
    used = { tokens: answer.usage.input_tokens + answer.usage.output_tokens, nano: cost ?? 0 };
    return cost === undefined ? answer : { ...answer, usage: { ...answer.usage, usd: toUsd(cost) } };
  } catch (error) {
    const code = error instanceof AppError ? error.code : undefined;
    const refused = code !== undefined && (REFUSALS.has(code) || (code === 'model_unavailable' && heard === 0));
    if (!refused) {
      const output = Math.ceil(heard / 4);
      const nano = price ? nanoUsd(price, { input, output }) : 0;
      used = { tokens: input + output, nano };
      call.onWasted({
        input_tokens: input,
        output_tokens: output,
        estimated: true,
        ...(price ? { usd: toUsd(nano) } : {}),
      });
    }
    throw error;
  } finally {
    if (reservation) await parts.daily?.settle(reservation, used);
  }
}

/** How many answer tokens the run's own limits leave; Infinity: no limit. Pure. */
function leftForOutput(state: RunState, before: Usage, input: number, price: Price | undefined): number {
  const { usage } = state;
  const tokens = limitOf(state, { scope: 'run', kind: 'tokens' });
  const usd = limitOf(state, { scope: 'run', kind: 'usd' });
  const usedTokens = usage.input_tokens + usage.output_tokens + before.input_tokens + before.output_tokens;
  const byTokens = tokens === null ? Infinity : tokens - usedTokens - input;
  const usedNano = toNano((usage.usd ?? 0) + (before.usd ?? 0));
  const perToken = price ? nanoUsd(price, { input: 0, output: 1 }) : 0;
  const leftNano = usd === null || !price ? Infinity : toNano(usd) - usedNano - nanoUsd(price, { input, output: 0 });
  const byUsd = perToken === 0 ? Infinity : Math.floor(leftNano / perToken);
  return Math.max(MIN_OUTPUT_TOKENS, Math.min(byTokens, byUsd));
}

function costOf(price: Price, { usage, cachedInputTokens = 0 }: ModelAnswer): number {
  return nanoUsd(price, { input: usage.input_tokens, output: usage.output_tokens, cachedInput: cachedInputTokens });
}

const RETRY_MS = 200;

async function reserve(
  { daily, clock, log, budgetWaitMs }: SpendingParts,
  { state, id }: Call,
  { input, price, maxOutput }: { input: number; price: Price | undefined; maxOutput: number },
  signal: AbortSignal,
): Promise<Reservation | null> {
  const principal = state.run?.principal;
  if (!daily || !principal || !daily.limits(principal.tenantId)) return null;
  const raised = (scope: 'user' | 'tenant') => ({
    tokens: limitOf(state, { scope, kind: 'tokens' }),
    usd: limitOf(state, { scope, kind: 'usd' }),
  });
  const claim = {
    id,
    nonce: randomUUID(),
    tenantId: principal.tenantId,
    userId: principal.userId,
    input,
    minOutput: Math.min(MIN_OUTPUT_TOKENS, maxOutput),
    maxOutput,
    inputNano: price ? nanoUsd(price, { input, output: 0 }) : 0,
    outputNano: price ? nanoUsd(price, { input: 0, output: 1 }) : 0,
    raised: { user: raised('user'), tenant: raised('tenant') },
  };
  const giveUpAt = clock.now() + budgetWaitMs;
  for (;;) {
    const late = clock.now() >= giveUpAt;
    try {
      const answer = await daily.reserve(claim);
      if (answer.kind === 'reserved') return answer.reservation;
      if (answer.kind === 'exceeded' || late) throw new BudgetStop(answer.exceeded);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
      if (daily.failOpen) {
        logEvent(log, 'daily_limits_not_enforced', { runId: state.runId, err: error });
        return null;
      }
      if (late) throw error;
    }
    await sleep(RETRY_MS, signal);
    if (signal.aborted) throw new AppError('cancelled');
  }
}
