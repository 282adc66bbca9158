import { performStep } from '@switchyard/contracts';
import type { StepRequest, StepResult } from '@switchyard/contracts';
import { Handles } from '@switchyard/bus';
import type { Delegator, StepContext } from './delegator.ts';

/** rpc.step.a2a */
export class StepHandler {
  constructor(private readonly delegator: Delegator) {}

  @Handles(performStep.a2a)
  perform(step: StepRequest, context: StepContext): Promise<StepResult> {
    return this.delegator.perform(step, context);
  }
}
