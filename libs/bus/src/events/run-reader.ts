import { AppError, ERROR_CODES, type LiveDelta, type RunEvent } from '@switchyard/contracts';
import { backoffMs, type Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { type FollowOptions, Reorder } from '../protocol/index.ts';

/*
 * One reader of one run: live events in order, with missing ones read from the journal.
 *
 * - A lost message can delay a reader, never stop it. The reader requests a hole from the journal after HOLE_MS, and
 *   checks a quiet run every QUIET_MS. Live events continue meanwhile.
 * - The reader retries with growing pauses if the journal cannot fill a hole yet.
 * - The number of events that a slow reader has not taken is limited. Beyond it they are dropped and read from the
 *   journal.
 * - The reader ends after the terminal event, even if that is before the position at which the reader began.
 */

const HOLE_MS = 50;
const QUIET_MS = 5_000;
const MAX_UNREAD = 2_000;
/** A journal that never answered is given up after this many tries; one that did answer is waited for. */
const FIRST_TRIES = 8;

export class RunReader {
  readonly #order: Reorder;
  #unread: RunEvent[] = [];
  /** From the journal, in order already. */
  #fetched: RunEvent[] = [];
  #askAt: number;
  #asking = false;
  #answeredOnce: boolean;
  #failures = 0;
  #holeWaitMs = HOLE_MS;
  #holeSeen = false;
  #over = false;
  #failure: unknown;
  #closed = false;
  #wake: (() => void) | undefined;

  readonly #options: FollowOptions;
  readonly #log: Logger;

  constructor(options: FollowOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#order = new Reorder(options.after);
    this.#answeredOnce = options.fresh === true;
    this.#askAt = options.fresh === true ? Date.now() + QUIET_MS : 0;
  }

  readonly recheck = (): void => {
    this.#askAt = 0;
    this.#wake?.();
  };

  onEvent(event: RunEvent): void {
    if (this.#unread.length >= MAX_UNREAD) {
      this.#unread = []; // the journal has them
      this.#askAt = 0;
    }
    this.#unread.push(event);
    this.#wake?.();
  }

  onLive(delta: LiveDelta): void {
    this.#options.onLive?.(delta);
  }

  close(): void {
    this.#closed = true;
    this.#unread = [];
    this.#fetched = [];
    this.#wake?.();
  }

  async *batches(): AsyncGenerator<RunEvent[], undefined> {
    while (!this.#closed) {
      const ready = [...this.#fetched.splice(0), ...this.#order.take(this.#unread.splice(0))];
      if (ready.length > 0) {
        this.#plan({ progress: true });
        yield ready;
        continue;
      }
      if (this.#order.ended || this.#over) return;
      if (this.#failure !== undefined) throw this.#failure;
      this.#plan({ progress: false });
      const now = Date.now();
      if (!this.#asking && now >= this.#askAt) this.#ask();
      await this.#wait(this.#asking ? QUIET_MS : Math.max(1, this.#askAt - now));
    }
  }

  /** Sets when the journal is read next, depending on whether events could leave. */
  #plan({ progress }: { progress: boolean }): void {
    const { hole } = this.#order;
    if (progress) this.#holeWaitMs = HOLE_MS;
    const newHole = hole && (progress || !this.#holeSeen);
    this.#holeSeen = hole;
    if (this.#askAt === 0) return; // already due
    if (newHole) this.#askAt = Date.now() + this.#holeWaitMs;
    else if (progress) this.#askAt = Date.now() + QUIET_MS;
  }

  /** Requests one page, in the background, and further pages while they help. */
  #ask(): void {
    this.#asking = true;
    const from = this.#order.last;
    this.#options
      .fetch(from)
      .then(
        (page) => {
          if (this.#closed) return;
          this.#answeredOnce = true;
          this.#failures = 0;
          this.#fetched.push(...this.#order.take(page.events));
          const { last, hole } = this.#order;
          // The reader began after the terminal event.
          if (page.ended && this.#options.after >= page.lastSeq) this.#over = true;
          if (last > from) this.#askAt = last < page.lastSeq ? 0 : Date.now() + (hole ? HOLE_MS : QUIET_MS);
          else {
            this.#askAt = Date.now() + (hole ? this.#holeWaitMs : QUIET_MS);
            this.#holeWaitMs = Math.min(this.#holeWaitMs * 2, QUIET_MS); // ask less and less often
          }
        },
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#asking = false;
        this.#wake?.();
      })
      .catch((error: unknown) => void (this.#failure = error));
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#failures += 1;
    const lasting = !(error instanceof AppError) || ERROR_CODES[error.code].retry === 'never';
    if (lasting || (!this.#answeredOnce && this.#failures >= FIRST_TRIES)) {
      this.#failure = error;
      return;
    }
    this.#askAt = Date.now() + backoffMs(this.#failures, { baseMs: 100, maxMs: 2_000 });
    const { runId } = this.#options;
    logEvent(this.#log, 'journal_read_failed', { runId, err: error, tries: this.#failures });
  }

  /** Waits until an event came, or the time ran out. */
  #wait(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, limitMs);
      this.#wake = done;
    });
  }
}
