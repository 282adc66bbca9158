import type { Logger } from '@switchyard/platform';
import type { ComputerSessions, Frames } from '@switchyard/store';
import { logEvent } from './log-events.ts';

interface ExpiryParts {
  readonly sessions: Pick<ComputerSessions, 'remove'>;
  readonly frames: Pick<Frames, 'remove'>;
  readonly log: Logger;
  readonly frameHours: number;
  readonly retentionDays: number;
}

const BATCH = 200;
const PAUSE_MS = 60_000;
/** The pause between two full batches, so that other queries get their turn. */
const SHORT_PAUSE_MS = 200;
const HOUR_MS = 3_600_000;

/** Removes old frames and old steps. Any number of replicas may do it at once; a round never overlaps itself. */
export class Expiry {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  readonly #parts: ExpiryParts;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#schedule(PAUSE_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#round;
  }

  #schedule(pauseMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#remove().then((more) => this.#schedule(more ? SHORT_PAUSE_MS : PAUSE_MS));
    }, pauseMs);
  }

  /** True if there is more to do. */
  async #remove(): Promise<boolean> {
    const { sessions, frames, log, frameHours, retentionDays } = this.#parts;
    try {
      const removed = await frames.remove(BATCH, frameHours * HOUR_MS);
      const ended = await sessions.remove(BATCH, retentionDays * 24 * HOUR_MS);
      return removed === BATCH || ended === BATCH;
    } catch (error) {
      logEvent(log, 'removal_failed', { err: error });
      return false;
    }
  }
}
