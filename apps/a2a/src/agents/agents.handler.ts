import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listAgents, type OutputOf } from '@switchyard/contracts';
import { Directory } from './directory.ts';

@Controller()
export class AgentsHandler {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  @Handles(listAgents)
  async list({ fresh }: InputOf<typeof listAgents>): Promise<OutputOf<typeof listAgents>> {
    return { agents: await this.#directory.list(fresh) };
  }
}
