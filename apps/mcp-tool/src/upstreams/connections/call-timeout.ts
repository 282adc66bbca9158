import { AppError } from '@switchyard/contracts';
import { linkAbort } from '@switchyard/platform';
import type { Question } from '../../tool/index.ts';
import type { Ask } from './ask.ts';
import type { UpstreamConfig } from './config.ts';

/*
 * The time limits of a call that may ask its caller something.
 *
 * - Two limits: idle time and total time. Both clocks stop while the upstream waits for the caller's answer.
 * - No call lasts longer than MAX_ASKING_MS, and the caller can end it at any time.
 */

/** The longest call with all its questions; its caller has limits of its own. */
const MAX_ASKING_MS = 3_600_000;

/** Aborts `signal` when the upstream exceeds its idle or total time; both clocks stop during questions. */
class CallTimeout {
  readonly #timeUp = new AbortController();
  readonly #linked;
  #timer: NodeJS.Timeout | undefined;
  #questions = 0;
  #leftMs: number;
  #since = performance.now();

  readonly #silenceMs: number;

  constructor(silenceMs: number, totalMs: number, signal: AbortSignal | undefined) {
    this.#silenceMs = silenceMs;
    this.#leftMs = totalMs;
    this.#linked = linkAbort([...(signal ? [signal] : []), this.#timeUp.signal]);
    this.#start();
  }

  get signal(): AbortSignal {
    return this.#linked.signal;
  }

  get timedOut(): boolean {
    return this.#timeUp.signal.aborted;
  }

  /** Restarts the idle clock. */
  heard(): void {
    if (this.#questions > 0) return;
    this.#pause();
    this.#start();
  }

  async whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    if ((this.#questions += 1) === 1) this.#pause();
    try {
      return await ask();
    } finally {
      if ((this.#questions -= 1) === 0) this.#start();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#questions = Infinity;
    this.#linked.release();
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#since;
  }

  #start(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#timeUp.abort(), Math.max(0, Math.min(this.#silenceMs, this.#leftMs)));
  }
}

/** Makes a call with these limits. Throws `tool_timeout` when the upstream exceeds one of them. */
export async function withCallTimeout<T>(
  { timeout_ms, max_timeout_ms, name }: UpstreamConfig,
  ask: Ask,
  onQuestion: NonNullable<Ask['onQuestion']>,
  call: (how: Ask) => Promise<T>,
): Promise<T> {
  const timeout = new CallTimeout(ask.timeoutMs ?? timeout_ms, ask.maxTimeoutMs ?? max_timeout_ms, ask.signal);
  const onProgress: Ask['onProgress'] = (progress) => {
    timeout.heard();
    ask.onProgress?.(progress);
  };
  const onAsked = (question: Question) => timeout.whileAsking(async () => onQuestion(question));
  const limits = { signal: timeout.signal, timeoutMs: MAX_ASKING_MS, maxTimeoutMs: MAX_ASKING_MS };
  try {
    return await call({ ...ask, ...limits, onProgress, onQuestion: onAsked });
  } catch (error) {
    if (timeout.timedOut) throw new AppError('tool_timeout', `${name} did not answer in time.`, { cause: error });
    throw error;
  } finally {
    timeout.stop();
  }
}
