import type { SystemEventPublisher } from '@switchyard/bus';
import {
  actorOrThrow,
  AppError,
  type EffectSettlement,
  type EffectState,
  type EffectView,
  type Principal,
  runIdsFor,
  type StepResult,
} from '@switchyard/contracts';
import type { Effect, Effects } from '@switchyard/store';
import { DEFAULT_OUTPUT_BYTES } from '../tool/index.ts';
import { effectSettled } from './facts.ts';

/*
 * The public view of the ledger. A user sees and settles its own effects; an admin sees and settles those of its
 * tenant, an auditor sees them. An effect that the caller may not see answers like one that does not exist.
 */
export class EffectRecords {
  readonly #effects: Pick<Effects, 'get' | 'list' | 'settle'>;
  readonly #systemEvents: Pick<SystemEventPublisher, 'publish'>;

  constructor(effects: Pick<Effects, 'get' | 'list' | 'settle'>, systemEvents: Pick<SystemEventPublisher, 'publish'>) {
    this.#effects = effects;
    this.#systemEvents = systemEvents;
  }

  async list(
    principal: Principal,
    { state, runId, cursor, limit }: { state?: EffectState; runId?: string; cursor?: string; limit: number },
  ): Promise<{ effects: EffectView[]; nextCursor: string | null }> {
    const { tenantId, userId } = principal;
    const whose = seesAll(principal) ? {} : { userId };
    const found = await this.#effects.list({
      tenantId,
      ...whose,
      state,
      runIds: runId === undefined ? undefined : runIdsFor(tenantId, runId),
      limit: limit + 1,
      after: placeOf(cursor),
    });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      effects: page.map(toView),
      nextCursor: found.length > limit && last ? `${last.createdAt}.${last.effectId}` : null,
    };
  }

  async get(principal: Principal, effectId: string): Promise<EffectView> {
    return toView(await this.#visible(principal, effectId));
  }

  async settle(principal: Principal, effectId: string, settlement: EffectSettlement): Promise<EffectView> {
    actorOrThrow(principal);
    const { tenantId, userId } = principal;
    const effect = await this.#visible(principal, effectId);
    if (effect.userId !== userId && principal.role !== 'admin')
      throw new AppError('forbidden', 'Only an admin settles effects of others.');
    const result = resultOf(settlement);
    const answer = await this.#effects.settle({ effectId, tenantId, result, by: userId, note: settlement.note });
    if (answer === 'unknown') throw new AppError('not_found');
    const now = await this.#visible(principal, effectId);
    if (answer === 'not_in_doubt')
      throw new AppError('effect_not_in_doubt', `This effect is not in doubt: it is ${now.state}.`);
    if (answer === 'settled') this.#systemEvents.publish(effectSettled(effect, result.status, userId, settlement.note));
    return toView(now);
  }

  async #visible(principal: Principal, effectId: string): Promise<Effect> {
    const effect = await this.#effects.get(principal.tenantId, effectId);
    if (!effect || (effect.userId !== principal.userId && !seesAll(principal))) throw new AppError('not_found');
    return effect;
  }
}

function seesAll({ role }: Principal): boolean {
  return role === 'admin' || role === 'auditor';
}

/** The answer to a repeat of the call. */
function resultOf({ outcome, note, output }: EffectSettlement): StepResult & { status: 'succeeded' | 'failed' } {
  if (outcome === 'failed')
    return { status: 'failed', code: 'tool_failed', message: `A person found that it did not happen: ${note}` };
  if (output !== undefined && Buffer.byteLength(JSON.stringify(output)) > DEFAULT_OUTPUT_BYTES)
    throw new AppError('payload_too_large', 'The output may have at most 64 KB.');
  return { status: 'succeeded', output: output ?? { settled_by_person: true, note } };
}

function placeOf(cursor: string | undefined): { at: number; effectId: string } | undefined {
  if (cursor === undefined) return undefined;
  const match = /^(\d{1,15})\.([A-Za-z0-9_-]{1,64})$/.exec(cursor);
  if (!match) throw new AppError('invalid_cursor');
  return { at: Number(match[1]), effectId: match[2]! };
}

function toView({ args, lateState, ...effect }: Effect): EffectView {
  return { ...effect, arguments: args, lateOutcome: lateState };
}
