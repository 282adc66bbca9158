import type { Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { inputFacts } from './inputs.ts';
import type { JournalWriter } from './journal-writer.ts';

/*
 * Takes the inputs of a run (cancel, approval, message) and writes the facts that they produce.
 *
 * - The owner takes inputs in order. The write that takes them also records the last one taken.
 * - If a nudge arrives while inputs are being taken, the owner looks once more.
 */

export class RunInputs {
  #taken: number;
  #nudged = false;
  #looking = false;

  readonly #journal: Pick<Journal, 'inputsAfter'>;
  readonly #runId: string;
  readonly #writer: JournalWriter;
  readonly #log: Logger;
  readonly #onEnd: () => void;

  /** Calls `onEnd` if an input ended the run. */
  constructor(
    journal: Pick<Journal, 'inputsAfter'>,
    runId: string,
    taken: number,
    writer: JournalWriter,
    log: Logger,
    onEnd: () => void,
  ) {
    this.#journal = journal;
    this.#runId = runId;
    this.#writer = writer;
    this.#log = log;
    this.#onEnd = onEnd;
    this.#taken = taken;
  }

  /** The number of the newest input that this owner has taken. */
  get taken(): number {
    return this.#taken;
  }

  /** True if the journal reported inputs that are not taken yet. */
  get waiting(): boolean {
    return this.#writer.inboxLast > this.#taken;
  }

  /** Looks for inputs; call when there may be one. */
  nudge(): void {
    this.#nudged = true;
    if (this.#looking) return;
    this.#looking = true;
    this.#look()
      .catch((error: unknown) => logEvent(this.#log, 'run_inputs_not_read', { runId: this.#runId, err: error }))
      .finally(() => (this.#looking = false));
  }

  async take(): Promise<void> {
    const inputs = await this.#journal.inputsAfter(this.#runId, this.#taken);
    const newest = inputs.at(-1);
    if (!newest) return;
    await this.#writer.write(inputFacts(inputs, this.#writer.state), newest.n); // records how far they are taken
    this.#taken = newest.n;
    if (this.#writer.state.phase === 'ended') this.#onEnd();
  }

  async #look(): Promise<void> {
    while (this.#nudged) {
      this.#nudged = false; // a nudge from here on asks for one more look
      await this.take();
    }
  }
}
