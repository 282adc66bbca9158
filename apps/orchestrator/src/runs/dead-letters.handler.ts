import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { type InputOf, listDeadLetters, type OutputOf, requeueDeadLetter } from '@switchyard/contracts';
import { DeadLetterDesk } from './dead-letter-desk.ts';

@Controller()
export class DeadLettersHandler {
  constructor(private readonly letters: DeadLetterDesk) {}

  @Handles(listDeadLetters)
  list(input: InputOf<typeof listDeadLetters>): Promise<OutputOf<typeof listDeadLetters>> {
    return this.letters.list(input);
  }

  @Handles(requeueDeadLetter)
  requeue(input: InputOf<typeof requeueDeadLetter>): Promise<OutputOf<typeof requeueDeadLetter>> {
    return this.letters.requeue(input);
  }
}
