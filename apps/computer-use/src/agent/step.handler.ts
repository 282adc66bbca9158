import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import { performStep, type StepRequest, type StepResult } from '@switchyard/contracts';
import { StepAgent } from './step-agent.ts';

@Controller()
export class StepHandler {
  readonly #agent: StepAgent;

  constructor(agent: StepAgent) {
    this.#agent = agent;
  }

  @Handles(performStep.computer_use)
  perform(step: StepRequest, call: Call): Promise<StepResult> {
    return this.#agent.perform(step, call);
  }
}
