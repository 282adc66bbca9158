import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import {
  cancelRun,
  decideApproval,
  getRun,
  getThread,
  type InputOf,
  type OutputOf,
  readRunEvents,
  startRun,
} from '@switchyard/contracts';
import { RunDesk } from './run-desk.ts';
import { ThreadDesk } from './thread-desk.ts';

@Controller()
export class RunsHandler {
  constructor(
    private readonly runs: RunDesk,
    private readonly threads: ThreadDesk,
  ) {}

  @Handles(startRun)
  start(input: InputOf<typeof startRun>): Promise<OutputOf<typeof startRun>> {
    return this.runs.start(input);
  }

  @Handles(getRun)
  get(input: InputOf<typeof getRun>): Promise<OutputOf<typeof getRun>> {
    return this.runs.get(input.principal, input.runId);
  }

  @Handles(readRunEvents)
  events(input: InputOf<typeof readRunEvents>): Promise<OutputOf<typeof readRunEvents>> {
    return this.runs.events(input);
  }

  @Handles(cancelRun)
  cancel(input: InputOf<typeof cancelRun>): Promise<OutputOf<typeof cancelRun>> {
    return this.runs.cancel(input);
  }

  @Handles(decideApproval)
  decide(input: InputOf<typeof decideApproval>): Promise<OutputOf<typeof decideApproval>> {
    return this.runs.decide(input);
  }

  @Handles(getThread)
  thread(input: InputOf<typeof getThread>): Promise<OutputOf<typeof getThread>> {
    return this.threads.get(input);
  }
}
