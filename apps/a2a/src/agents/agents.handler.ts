import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listAgents, type OutputOf } from '@switchyard/contracts';
import { Directory } from './directory.ts';

@Controller()
export class AgentsHandler {
  constructor(private readonly directory: Directory) {}

  @Handles(listAgents)
  async list({ fresh }: InputOf<typeof listAgents>): Promise<OutputOf<typeof listAgents>> {
    return { agents: await this.directory.list(fresh) };
  }
}
