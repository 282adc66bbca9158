import type { LiveDelta } from '@switchyard/contracts';

/** The most pieces of live text that wait for the next write; the finished message brings the rest. */
const MAX_PENDING_DELTAS = 1_000;

/** Collects the live text of one turn of the event loop, so that it leaves in one write. */
export class LiveText {
  #pending: LiveDelta[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #show: ((pieces: readonly LiveDelta[]) => void) | undefined;

  readonly take = (delta: LiveDelta): void => {
    if (this.#pending.length >= MAX_PENDING_DELTAS) return;
    this.#pending.push(delta);
    if (this.#show !== undefined) this.#scheduled ??= setImmediate(this.flush);
  };

  readonly flush = (): void => {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#show === undefined || this.#pending.length === 0) return;
    this.#show(this.#pending.splice(0));
  };

  open(show: (pieces: readonly LiveDelta[]) => void): void {
    this.#show = show;
  }

  close(): void {
    this.#show = undefined;
    clearImmediate(this.#scheduled);
  }
}
