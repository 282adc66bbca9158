import { AppError, type StepRequest, type StepResult } from '@switchyard/contracts';
import type { AgentContext } from './calls.ts';
import { StepInDoubt } from './journal.ts';
import { AgentWork, type AgentWorkParts } from './work.ts';
import { failed, inDoubt } from '../tool/index.ts';

/** Performs tasks in words (work.ts). Every outcome is an answer, except the loss of the worker. */
export class ToolAgent {
  readonly #parts: AgentWorkParts;

  constructor(parts: AgentWorkParts) {
    this.#parts = parts;
  }

  async perform(step: StepRequest, context: AgentContext): Promise<StepResult> {
    const work = new AgentWork(step, context, this.#parts);
    try {
      return work.ended(await work.run());
    } catch (error) {
      if (error instanceof StepInDoubt) return work.ended(inDoubt(error.message));
      if (!(error instanceof AppError) || error.code === 'worker_lost') throw error;
      const code = context.signal.aborted ? 'cancelled' : error.code;
      return work.ended(failed(code, code === 'cancelled' ? 'The step was cancelled.' : error.message));
    }
  }
}
