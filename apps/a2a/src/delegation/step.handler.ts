import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { performStep, type StepRequest, type StepResult } from '@switchyard/contracts';
import { Delegator, type StepContext } from './delegator.ts';

@Controller()
export class StepHandler {
  readonly #delegator: Delegator;

  constructor(delegator: Delegator) {
    this.#delegator = delegator;
  }

  @Handles(performStep.a2a)
  perform(step: StepRequest, context: StepContext): Promise<StepResult> {
    return this.#delegator.perform(step, context);
  }
}
