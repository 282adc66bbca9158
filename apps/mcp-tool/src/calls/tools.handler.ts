import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import {
  callTool,
  type InputOf,
  listTools,
  searchTools,
  type OutputOf,
  type StepResult,
  type ToolCall,
} from '@switchyard/contracts';
import { OpenCalls } from './open-calls.ts';
import { pageOf, Pages, searchTools as findTools, Toolbox } from '../catalog/index.ts';

@Controller()
export class ToolsHandler {
  readonly #pages = new Pages();

  readonly #toolbox: Toolbox;
  readonly #calls: OpenCalls;

  constructor(toolbox: Toolbox, calls: OpenCalls) {
    this.#toolbox = toolbox;
    this.#calls = calls;
  }

  @Handles(listTools)
  async list({ principal, constraints, ...page }: InputOf<typeof listTools>): Promise<OutputOf<typeof listTools>> {
    return this.#pages.of(await this.#toolbox.list(principal, constraints), page);
  }

  @Handles(searchTools)
  async search({
    principal,
    constraints,
    query,
    topK,
  }: InputOf<typeof searchTools>): Promise<OutputOf<typeof searchTools>> {
    const found = findTools(await this.#toolbox.list(principal, constraints), query, topK);
    // As many as fit one message.
    return {
      tools: pageOf(
        found.map(({ tool }) => tool),
        { limit: topK },
      ).tools,
    };
  }

  @Handles(callTool)
  call(input: ToolCall, call: Call): Promise<StepResult> {
    return this.#calls.run(input, call);
  }
}
