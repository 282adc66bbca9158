import { AppError } from '@switchyard/contracts';
import type { Party, Schedule } from './schedule.ts';

/** What goes wrong on the way to a server and back. */
export class Faults {
  /** False: nothing goes wrong any more. */
  active = true;

  readonly #schedule: Schedule;
  /** How likely a single call is to fail. */
  readonly #rate: number;

  constructor(schedule: Schedule, rate: number) {
    this.#schedule = schedule;
    this.#rate = rate;
  }

  /** True with this probability, while faults are active. */
  strikes(probability: number): boolean {
    return this.active && this.#schedule.random.chance(probability);
  }

  /** A call to a server that may be lost on its way there (not done) or on its way back (done all the same). */
  async ask<T>(from: Party, to: Party, work: () => Promise<T>): Promise<T> {
    const { random } = this.#schedule;
    if (!this.strikes(this.#rate)) return this.#schedule.ask(from, to, work);
    const done = random.chance(0.5);
    const latency = () => random.int(0, random.chance(0.2) ? 3_000 : 20);
    await this.#schedule.ask(from, to, async () => void (done ? await work() : undefined), latency);
    throw new AppError('unavailable');
  }
}
