import { AppError } from '@switchyard/contracts';

/** Limits open streams, in all and per user. Each slot is released exactly once. */
export class StreamSlots {
  readonly #perUser = new Map<string, number>();
  readonly #limits: { readonly perUser: number; readonly perProcess: number };
  #open = 0;

  constructor(limits: { readonly perUser: number; readonly perProcess: number }) {
    this.#limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Takes a slot; returns its release. Throws `rate_limited` (this user has too many) or `overloaded`. */
  take(user: string): () => void {
    const mine = this.#perUser.get(user) ?? 0;
    if (mine >= this.#limits.perUser) {
      throw new AppError('rate_limited', `You have ${mine} open streams; close one first.`, { retryAfterMs: 5_000 });
    }
    if (this.#open >= this.#limits.perProcess) {
      throw new AppError('overloaded', 'Too many streams are open here; try again soon.', { retryAfterMs: 5_000 });
    }
    this.#perUser.set(user, mine + 1);
    this.#open += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#open -= 1;
      const left = (this.#perUser.get(user) ?? 1) - 1;
      if (left === 0) this.#perUser.delete(user);
      else this.#perUser.set(user, left);
    };
  }
}
