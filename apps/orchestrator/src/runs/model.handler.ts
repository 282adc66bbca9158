import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import { type InputOf, modelTurn, type OutputOf } from '@switchyard/contracts';
import { ModelService } from './model-service.ts';

@Controller()
export class ModelHandler {
  readonly #model: ModelService;

  constructor(model: ModelService) {
    this.#model = model;
  }

  @Handles(modelTurn)
  turn(input: InputOf<typeof modelTurn>, { signal }: Call): Promise<OutputOf<typeof modelTurn>> {
    return this.#model.turn(input, signal);
  }
}
