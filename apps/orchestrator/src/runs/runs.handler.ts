import { Controller } from '@nestjs/common';
import { Handles } from '@switchyard/bus';
import {
  cancelRun,
  decideApproval,
  getRun,
  getThread,
  type InputOf,
  listAcceptedRuns,
  type OutputOf,
  readRunEvents,
  startRun,
  watchRun,
} from '@switchyard/contracts';
import { AcceptedRunService } from './accepted-run-service.ts';
import { RunService } from './run-service.ts';
import { ThreadService } from './thread-service.ts';
import { AbandonedRunReaper } from './abandoned-run-reaper.ts';

@Controller()
export class RunsHandler {
  readonly #runs: RunService;
  readonly #threads: ThreadService;
  readonly #watches: AbandonedRunReaper;
  readonly #accepted: AcceptedRunService;

  constructor(runs: RunService, threads: ThreadService, watches: AbandonedRunReaper, accepted: AcceptedRunService) {
    this.#runs = runs;
    this.#threads = threads;
    this.#watches = watches;
    this.#accepted = accepted;
  }

  @Handles(startRun)
  async start(input: InputOf<typeof startRun>): Promise<OutputOf<typeof startRun>> {
    const started = await this.#runs.start(input);
    if (!started.ended) await this.#watches.started(started.runId, input.run);
    return started;
  }

  @Handles(getRun)
  get(input: InputOf<typeof getRun>): Promise<OutputOf<typeof getRun>> {
    return this.#runs.get(input.principal, input.runId);
  }

  @Handles(readRunEvents)
  events(input: InputOf<typeof readRunEvents>): Promise<OutputOf<typeof readRunEvents>> {
    return this.#runs.events(input);
  }

  @Handles(listAcceptedRuns)
  accepted(input: InputOf<typeof listAcceptedRuns>): Promise<OutputOf<typeof listAcceptedRuns>> {
    return this.#accepted.list(input);
  }

  @Handles(cancelRun)
  cancel(input: InputOf<typeof cancelRun>): Promise<OutputOf<typeof cancelRun>> {
    return this.#runs.cancel(input);
  }

  @Handles(decideApproval)
  async decide(input: InputOf<typeof decideApproval>): Promise<OutputOf<typeof decideApproval>> {
    await this.#watches.answering(input);
    return this.#runs.decide(input);
  }

  @Handles(watchRun)
  watch(input: InputOf<typeof watchRun>): Promise<OutputOf<typeof watchRun>> {
    return this.#watches.watch(input);
  }

  @Handles(getThread)
  thread(input: InputOf<typeof getThread>): Promise<OutputOf<typeof getThread>> {
    return this.#threads.get(input);
  }
}
