import type { Logger } from '@switchyard/platform';
import type { Journal } from '@switchyard/store';
import { inputFacts } from './inputs.ts';
import type { JournalWriter } from './journal-writer.ts';

/*
 * Takes what was said to a run from outside (cancel, approval, message) and writes what comes of it.
 *
 * T1 Inputs are taken in order, each by one write that also tells how far they are taken.
 * T2 A nudge that comes while inputs are being taken is followed by one more look.
 */

export class RunInputs {
  #taken: number;
  #nudged = false;
  #looking = false;

  /** `onEnd` is called where an input ended the run. */
  constructor(
    private readonly journal: Pick<Journal, 'inputsAfter'>,
    private readonly runId: string,
    taken: number,
    private readonly writer: JournalWriter,
    private readonly log: Logger,
    private readonly onEnd: () => void,
  ) {
    this.#taken = taken;
  }

  /** The number of the newest input that this owner has taken. */
  get taken(): number {
    return this.#taken;
  }

  /** There are inputs that the journal told of and nobody has taken. */
  get waiting(): boolean {
    return this.writer.inboxLast > this.#taken;
  }

  /** There may be an input. */
  nudge(): void {
    this.#nudged = true;
    if (this.#looking) return;
    this.#looking = true;
    this.#look()
      .catch((error: unknown) => this.log.warn({ runId: this.runId, err: error }, 'inputs not taken'))
      .finally(() => (this.#looking = false));
  }

  async take(): Promise<void> {
    const inputs = await this.journal.inputsAfter(this.runId, this.#taken);
    const newest = inputs.at(-1);
    if (!newest) return;
    await this.writer.write(inputFacts(inputs, this.writer.state), newest.n); // T1
    this.#taken = newest.n;
    if (this.writer.state.phase === 'ended') this.onEnd();
  }

  async #look(): Promise<void> {
    while (this.#nudged) {
      this.#nudged = false; // T2
      await this.take();
    }
  }
}
