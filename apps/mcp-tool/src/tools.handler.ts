import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import {
  callTool,
  type InputOf,
  listTools,
  type OutputOf,
  type StepResult,
  type ToolCall,
} from '@switchyard/contracts';
import { Executor } from './executor.ts';
import { Lister } from './lister.ts';

@Controller()
export class ToolsHandler {
  constructor(
    private readonly lister: Lister,
    private readonly executor: Executor,
  ) {}

  @Handles(listTools)
  list(input: InputOf<typeof listTools>): Promise<OutputOf<typeof listTools>> {
    return Promise.resolve({ tools: this.lister.list(input.principal, input.constraints) });
  }

  @Handles(callTool)
  call(input: ToolCall, call: Call): Promise<StepResult> {
    const idempotencyKey = input.idempotencyKey ?? call.idempotencyKey;
    return this.executor.run({ ...input, idempotencyKey, signal: call.signal });
  }
}
