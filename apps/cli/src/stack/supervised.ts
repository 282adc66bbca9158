import { setTimeout as sleep } from 'node:timers/promises';
import type { Ends } from './start-watch.ts';

/*
 * One process that is kept alive. Guarantees:
 *  - After start() has resolved, the process is started again whenever it ends, until stop().
 *  - The pause before a new start doubles from `firstMs` to `lastMs`, and is short again after the process has lived for
 *    `healthyMs`.
 *  - After stop() has resolved, no process is left and none will be started, also where stop() came during a start.
 */

/** A process as its launcher sees it. */
export interface Running {
  readonly pid: number;
  readonly url: string;
  readonly exited: Promise<string>;
  /** Why it ended, in its own words; undefined where it left none. */
  lastWords?(): string | undefined;
  stop(): Promise<void>;
}

export interface SupervisedOptions {
  readonly name: string;
  readonly launch: () => Promise<Running>;
  /** Called whenever `current` changed. */
  readonly onChange: () => void;
  /** One line for people: it ended, it is back. */
  readonly onNotice: (line: string) => void;
  readonly pauses?: { readonly firstMs: number; readonly lastMs: number; readonly healthyMs: number };
}

const PAUSES = { firstMs: 200, lastMs: 10_000, healthyMs: 10_000 };

/** The pause before restart number `restarts` (from 0) in a row. */
export function pauseMs(restarts: number, { firstMs, lastMs }: { firstMs: number; lastMs: number }): number {
  return Math.min(lastMs, firstMs * 2 ** Math.min(restarts, 30));
}

export class Supervised {
  readonly name: string;
  #running: Running | undefined;
  readonly #options: SupervisedOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #lastEnd: Ends | undefined;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** The live process; undefined before the start, between an end and the next start, and after stop(). */
  get current(): Running | undefined {
    return this.#running;
  }

  /** How its processes ended so far; undefined: none has. */
  get ends(): Ends | undefined {
    return this.#lastEnd;
  }

  /** The first start. Its failure is the caller's to report; nothing is left running then. */
  async start(): Promise<Running> {
    const first = await this.#options.launch();
    if (this.#stopping.signal.aborted) {
      await first.stop();
      throw new Error(`${this.name} was stopped while it started`);
    }
    this.#set(first);
    this.#loop = this.#keep(first);
    return first;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running?.stop();
    await this.#loop;
    this.#set(undefined);
  }

  #set(running: Running | undefined): void {
    if (this.#running === running) return;
    this.#running = running;
    this.#options.onChange();
  }

  async #keep(first: Running): Promise<void> {
    const pauses = this.#options.pauses ?? PAUSES;
    const { signal } = this.#stopping;
    let restarts = 0;
    for (let current: Running | undefined = first; !signal.aborted;) {
      if (current) {
        const started = Date.now();
        const how: string = await current.exited;
        if (signal.aborted) return;
        const why = current.lastWords?.();
        this.#lastEnd = { times: (this.#lastEnd?.times ?? 0) + 1, how, why };
        this.#set(undefined);
        if (Date.now() - started >= pauses.healthyMs) restarts = 0;
        const reason = why === undefined ? '' : `: ${why}`;
        this.#options.onNotice(
          `${this.name} ended (${how})${reason}; starting it again in ${pauseMs(restarts, pauses) / 1000} s`,
        );
      }
      await sleep(pauseMs(restarts++, pauses), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      current = await this.#relaunch();
    }
  }

  async #relaunch(): Promise<Running | undefined> {
    try {
      const running = await this.#options.launch();
      if (this.#stopping.signal.aborted) {
        await running.stop();
        return undefined;
      }
      this.#set(running);
      this.#options.onNotice(`${this.name} is back (pid ${running.pid})`);
      return running;
    } catch (error) {
      this.#options.onNotice(
        `${this.name} could not be started: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }
}
