import type { InputOf, listAcceptedRuns, OutputOf } from '@switchyard/contracts';
import type { AcceptedRuns } from '@switchyard/store';

/** Lists accepted runs for audit, which compares its log with them. A run is named by its ids alone. */
export class AcceptedRunService {
  readonly #runs: AcceptedRuns;

  constructor(runs: AcceptedRuns) {
    this.#runs = runs;
  }

  async list(input: InputOf<typeof listAcceptedRuns>): Promise<OutputOf<typeof listAcceptedRuns>> {
    const { acceptedAt, runId, minAgeMs, limit } = input;
    return { runs: await this.#runs.after({ acceptedAt, runId }, { minAgeMs, limit }) };
  }
}
