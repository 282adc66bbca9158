import { Reorder } from '@switchyard/bus';
import type { RunEvent } from '@switchyard/contracts';
import type { Party } from './schedule.ts';

/** Somebody who reads runs live and asks for what is missing. */
export class Reader {
  readonly #runs = new Map<string, { order: Reorder; read: RunEvent[] }>();

  readonly #fetch: (runId: string, after: number) => Promise<RunEvent[]>;

  constructor(
    readonly owner: Party,
    fetch: (runId: string, after: number) => Promise<RunEvent[]>,
  ) {
    this.#fetch = fetch;
  }

  take(event: RunEvent): void {
    const run = this.#run(event.runId);
    run.read.push(...run.order.take([event]));
  }

  /** Asks the journal for what has not come. */
  async catchUp(runId: string): Promise<void> {
    const run = this.#run(runId);
    if (run.order.ended) return;
    run.read.push(...run.order.take(await this.#fetch(runId, run.order.last)));
  }

  read(runId: string): readonly RunEvent[] {
    return this.#run(runId).read;
  }

  ended(runId: string): boolean {
    return this.#run(runId).order.ended;
  }

  #run(runId: string) {
    let run = this.#runs.get(runId);
    if (!run) this.#runs.set(runId, (run = { order: new Reorder(0), read: [] }));
    return run;
  }
}
