import { linkAbort, type Logger, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { type BridgeEvent, type BridgeState, evolveBridge, pauseMs } from './bridge-state.ts';
import {
  conflict,
  loggedInUnbound,
  LoginError,
  type LoginFailure,
  loginFailure,
  type LoginStep,
  type OpenStream,
} from '../login/index.ts';
import { Session, type SessionHandlers, type SessionOptions } from './session.ts';

/*
 * Keeps one login up: tries, waits and retries, as bridge-state.ts says.
 *
 * - There is one attempt or one session at a time, never two.
 * - If the resource is fixed and another session of the same resource replaced this one, the supervisor does not retry
 *   before the configuration changes. Otherwise the two sessions would replace each other in turn.
 * - stop() ends everything under way and resolves when it has ended.
 */

export type LoginFlaw =
  | { readonly kind: 'failed'; readonly code: LoginFailure['code'] }
  | { readonly kind: 'unbound'; readonly type: NonNullable<OpenStream['bindingRefused']> };

export interface ConnectionSupervisorParts {
  /** One attempt. Rejects with LoginError. */
  readonly login: (signal: AbortSignal, onStep: (step: LoginStep) => void) => Promise<OpenStream>;
  readonly handlers: Omit<SessionHandlers, 'onClose' | 'onDefect'>;
  readonly session: SessionOptions;
  readonly log: Logger;
  readonly onChange: (state: BridgeState) => void;
  /** Called for each login that failed, or that succeeded with less than preferred. */
  readonly onFlaw?: ((flaw: LoginFlaw) => void) | undefined;
  /** The fixed resource of every login of this supervisor; undefined: each login takes a new one. */
  readonly resource?: string;
  readonly now?: () => number;
  readonly random?: () => number;
}

export class ConnectionSupervisor {
  #state: BridgeState;
  #session: Session | null = null;
  #stop = new AbortController();
  /** Aborted to retry at once with the current configuration. */
  #again = new AbortController();
  #done: Promise<void> = Promise.resolve();

  readonly #parts: ConnectionSupervisorParts;

  constructor(start: BridgeState, parts: ConnectionSupervisorParts) {
    this.#parts = parts;
    this.#state = start;
  }

  get state(): BridgeState {
    return this.#state;
  }

  /** The session, while the login stands. */
  get session(): Session | null {
    return this.#session;
  }

  start(): void {
    this.#done = this.#keep();
  }

  /** `why`: a text for people. */
  async stop(why = 'the bridge is stopping'): Promise<void> {
    this.#stop.abort();
    this.#session?.close(why);
    await this.#done;
  }

  /** The configuration has changed: forgets the old failure and retries. */
  tryAgain(): void {
    this.#again.abort();
  }

  async #keep(): Promise<void> {
    const now = this.#parts.now ?? Date.now;
    while (!this.#stop.signal.aborted && this.#state.state !== 'disabled') {
      this.#again = new AbortController();
      await this.#attempt(now);
      if (this.#stop.signal.aborted) break;
      await this.#pause();
    }
    this.#move({ type: 'stopped' });
  }

  async #attempt(now: () => number): Promise<void> {
    this.#move({ type: 'trying' });
    try {
      const stream = await this.#parts.login(this.#stop.signal, (step) => this.#move({ type: 'reached', step }));
      const { why, condition } = await this.#hold(stream, now);
      this.#move({ type: 'closed', why, now: now() });
      if (this.#stop.signal.aborted) return logEvent(this.#parts.log, 'xmpp_login_closed', { why });
      logEvent(this.#parts.log, 'xmpp_login_lost', { why });
      const { resource } = this.#parts;
      if (condition !== 'conflict' || resource === undefined) return;
      // Another attempt would replace the other session in turn.
      this.#failed(loginFailure('REPLACED', 'binding a resource', conflict(resource)));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!(error instanceof LoginError)) throw error;
      const { failure } = error;
      this.#failed(failure);
      logEvent(this.#parts.log, 'xmpp_login_failed', {
        code: failure.code,
        step: failure.step,
        tryAgain: failure.then === 'retry',
        sentence: failure.sentence,
      });
    }
  }

  /** Resolves when the session ends, with the reason. */
  #hold(stream: OpenStream, now: () => number): Promise<{ why: string; condition: string | undefined }> {
    return new Promise((resolve) => {
      this.#session = new Session(
        stream,
        {
          ...this.#parts.handlers,
          onDefect: (error) => logEvent(this.#parts.log, 'xmpp_stanza_failed', { err: error }),
          onClose: (why, condition) => {
            this.#session = null;
            resolve({ why, condition });
          },
        },
        this.#parts.session,
      );
      // A stream may have ended before anybody listened.
      if (!this.#session.open) return void (this.#session = null);
      if (this.#stop.signal.aborted) return this.#session.close('the bridge is stopping');
      const unbound = stream.bindingRefused;
      const how = [
        stream.tlsVersion ?? 'no TLS',
        stream.mechanism ?? '',
        ...(unbound === null ? [] : [`channel binding refused: ${unbound}`]),
      ].join(', ');
      this.#move({ type: 'online', jid: stream.jid, how, now: now() });
      logEvent(this.#parts.log, 'xmpp_login_online', { jid: stream.jid, how });
      if (unbound === null) return;
      logEvent(this.#parts.log, 'xmpp_channel_binding_refused', { type: unbound, sentence: loggedInUnbound(unbound) });
      this.#parts.onFlaw?.({ kind: 'unbound', type: unbound });
    });
  }

  async #pause(): Promise<void> {
    const waitMs = pauseMs(this.#state, (this.#parts.random ?? Math.random)());
    const awake = linkAbort([this.#stop.signal, this.#again.signal]);
    try {
      if (waitMs !== null) await sleep(waitMs, awake.signal);
      else await aborted(awake.signal);
    } catch {
      // Woken by stop(), or to retry at once.
    } finally {
      awake.release();
    }
  }

  #failed(failure: LoginFailure): void {
    this.#move({ type: 'failed', failure });
    this.#parts.onFlaw?.({ kind: 'failed', code: failure.code });
  }

  #move(event: BridgeEvent): void {
    this.#state = evolveBridge(this.#state, event);
    this.#parts.onChange(this.#state);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
