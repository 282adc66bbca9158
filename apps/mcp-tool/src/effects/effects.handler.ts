import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import {
  type EffectView,
  getEffect,
  type InputOf,
  listEffects,
  type OutputOf,
  settleEffect,
} from '@switchyard/contracts';
import { EffectRecords } from './records.ts';

@Controller()
export class EffectsHandler {
  readonly #records: EffectRecords;

  constructor(records: EffectRecords) {
    this.#records = records;
  }

  @Handles(listEffects)
  list({ principal, ...query }: InputOf<typeof listEffects>): Promise<OutputOf<typeof listEffects>> {
    return this.#records.list(principal, query);
  }

  @Handles(getEffect)
  get({ principal, effectId }: InputOf<typeof getEffect>): Promise<EffectView> {
    return this.#records.get(principal, effectId);
  }

  @Handles(settleEffect)
  settle({ principal, effectId, ...settlement }: InputOf<typeof settleEffect>): Promise<EffectView> {
    return this.#records.settle(principal, effectId, settlement);
  }
}
