import { listAgents } from '@switchyard/contracts';
import type { InputOf, OutputOf } from '@switchyard/contracts';
import { Handles } from '@switchyard/bus';
import type { Directory } from './directory.ts';

/** rpc.agents.list */
export class AgentsHandler {
  constructor(private readonly directory: Directory) {}

  @Handles(listAgents)
  async list(_input: InputOf<typeof listAgents>): Promise<OutputOf<typeof listAgents>> {
    return { agents: await this.directory.list() };
  }
}
