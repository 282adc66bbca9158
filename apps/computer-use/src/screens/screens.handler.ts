import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import { computerBackends, computerFrame, describeAgent, type InputOf, type OutputOf } from '@switchyard/contracts';
import { Screens } from './screens.ts';

@Controller()
export class ScreensHandler {
  readonly #screens: Screens;

  constructor(screens: Screens) {
    this.#screens = screens;
  }

  @Handles(computerBackends)
  backends(): Promise<OutputOf<typeof computerBackends>> {
    return Promise.resolve(this.#screens.backends());
  }

  @Handles(describeAgent.computer_use!)
  describe(): Promise<OutputOf<NonNullable<(typeof describeAgent)['computer_use']>>> {
    return Promise.resolve(this.#screens.describe());
  }

  @Handles(computerFrame)
  frame(input: InputOf<typeof computerFrame>): Promise<OutputOf<typeof computerFrame>> {
    return this.#screens.frame(input);
  }
}
