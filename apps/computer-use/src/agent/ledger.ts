import { AppError, type FrameRef, sha256 } from '@switchyard/contracts';
import type { ComputerSessions, Frames, HeldSession } from '@switchyard/store';
import type { Frame } from '../computer/index.ts';
import type { Decision } from './machine.ts';

/*
 * What one execution of a step writes down, before and after it acts.
 *
 * - The lease of the session is renewed while the step runs. Where the session is another's, or the lease can no longer be
 *   known to hold, the signal `lost` is aborted and nothing further is done.
 * - A decision is stored before it is acted on, and an act before the hands move; where either cannot be stored, the hands
 *   stay still.
 */

export interface LedgerParts {
  readonly sessions: ComputerSessions;
  readonly frames: Pick<Frames, 'keep'>;
  readonly leaseMs: number;
}

const MAX_BODY_CHARS = 200_000;

export class StepLedger {
  readonly #parts: LedgerParts;
  readonly #session: HeldSession;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #renewedAt = Date.now();

  constructor(parts: LedgerParts, session: HeldSession) {
    this.#parts = parts;
    this.#session = session;
    this.#timer = setInterval(() => void this.#renew(), parts.leaseMs / 3);
  }

  /** Aborted once the step is not this process's any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async keepFrame({ png, sha256: hash, width, height }: Frame): Promise<FrameRef> {
    const { tenantId, runId } = this.#session.step;
    await this.#parts.frames.keep({ tenantId, runId }, { png, sha256: hash, width, height });
    return { sha256: hash, width, height };
  }

  async decided(turn: number, decision: Decision): Promise<void> {
    const body = JSON.stringify(decision).slice(0, MAX_BODY_CHARS);
    if ((await this.#parts.sessions.keepTurn(this.#session, turn, body)) === undefined) this.#give();
  }

  /** From here on the act may happen. */
  async dispatched(act: {
    readonly turn: number;
    readonly kind: string;
    readonly harmless: boolean;
    readonly actions: unknown;
    readonly before: FrameRef;
  }): Promise<void> {
    const { turn, kind, harmless, actions, before } = act;
    const digest = sha256(JSON.stringify(actions));
    const action = { turn, kind, harmless, digest, frameBefore: before.sha256 };
    if (!(await this.#parts.sessions.dispatch(this.#session, action))) this.#give();
  }

  async done(turn: number, after: FrameRef, changed: boolean): Promise<void> {
    await this.#parts.sessions.complete(this.#session, turn, after.sha256, changed);
  }

  /** Stops renewing, so that nothing is written afterwards but the end. */
  close(): void {
    clearInterval(this.#timer);
  }

  #give(): never {
    this.#lost.abort(new AppError('fenced'));
    throw new AppError('worker_lost', 'Another worker performs this step now.');
  }

  async #renew(): Promise<void> {
    const begun = Date.now();
    try {
      if (await this.#parts.sessions.renew(this.#session, this.#parts.leaseMs)) this.#renewedAt = begun;
      else this.#lost.abort(new AppError('fenced'));
    } catch {
      // The database is away: the lease holds as long as it was given.
      if (begun - this.#renewedAt > this.#parts.leaseMs) this.#lost.abort(new AppError('unavailable'));
    }
  }
}
