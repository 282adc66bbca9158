import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listAgents, type OutputOf, signCard } from '@switchyard/contracts';
import { Directory } from './directory.ts';
import { OwnCard } from './own-card.ts';

@Controller()
export class AgentsHandler {
  readonly #directory: Directory;
  readonly #ownCard: OwnCard;

  constructor(directory: Directory, ownCard: OwnCard) {
    this.#directory = directory;
    this.#ownCard = ownCard;
  }

  @Handles(listAgents)
  async list({ fresh }: InputOf<typeof listAgents>): Promise<OutputOf<typeof listAgents>> {
    return { agents: await this.#directory.list(fresh) };
  }

  @Handles(signCard)
  sign(input: InputOf<typeof signCard>): Promise<OutputOf<typeof signCard>> {
    return this.#ownCard.sign(input);
  }
}
