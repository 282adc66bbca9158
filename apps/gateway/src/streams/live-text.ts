import type { LiveDelta } from '@switchyard/contracts';
import type { SpokenText } from '../dialects/index.ts';

/** The most pieces of live text that wait for the next write; the finished message brings the rest. */
const MAX_PENDING_DELTAS = 1_000;

/**
 * Collects the live text of one turn of the event loop, so that it leaves in one write. With `everyMs`, collects for so
 * long, and joins what belongs together: for clients whose frames are large beside a piece of text.
 */
export class LiveText {
  #pending: LiveDelta[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #show: ((pieces: readonly SpokenText[]) => void) | undefined;

  readonly #everyMs: number;

  constructor(everyMs = 0) {
    this.#everyMs = everyMs;
  }

  readonly take = (delta: LiveDelta): void => {
    if (this.#pending.length >= MAX_PENDING_DELTAS) return;
    this.#pending.push(delta);
    if (this.#show === undefined) return;
    if (this.#everyMs > 0) this.#timer ??= setTimeout(this.flush, this.#everyMs);
    else this.#scheduled ??= setImmediate(this.flush);
  };

  readonly flush = (): void => {
    this.#unschedule();
    if (this.#show === undefined || this.#pending.length === 0) return;
    const pieces = this.#pending.splice(0);
    this.#show(this.#everyMs > 0 ? joined(pieces) : pieces);
  };

  open(show: (pieces: readonly SpokenText[]) => void): void {
    this.#show = show;
  }

  close(): void {
    this.#show = undefined;
    this.#unschedule();
  }

  #unschedule(): void {
    clearImmediate(this.#scheduled);
    clearTimeout(this.#timer);
    this.#scheduled = undefined;
    this.#timer = undefined;
  }
}

/** Pieces of one message that follow each other, as one. A hole stays one. */
export function joined(pieces: readonly LiveDelta[]): SpokenText[] {
  const whole: SpokenText[] = [];
  for (const piece of pieces) {
    const last = whole.at(-1);
    const follows = last?.messageId === piece.messageId && piece.index === last.index + (last.count ?? 1);
    if (!follows) whole.push(piece);
    else whole[whole.length - 1] = { ...last, text: last.text + piece.text, count: (last.count ?? 1) + 1 };
  }
  return whole;
}
