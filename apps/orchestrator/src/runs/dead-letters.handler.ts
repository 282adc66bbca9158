import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listDeadLetters, type OutputOf, requeueDeadLetter } from '@switchyard/contracts';
import { DeadLetterService } from './dead-letter-service.ts';

@Controller()
export class DeadLettersHandler {
  readonly #letters: DeadLetterService;

  constructor(letters: DeadLetterService) {
    this.#letters = letters;
  }

  @Handles(listDeadLetters)
  list(input: InputOf<typeof listDeadLetters>): Promise<OutputOf<typeof listDeadLetters>> {
    return this.#letters.list(input);
  }

  @Handles(requeueDeadLetter)
  requeue(input: InputOf<typeof requeueDeadLetter>): Promise<OutputOf<typeof requeueDeadLetter>> {
    return this.#letters.requeue(input);
  }
}
