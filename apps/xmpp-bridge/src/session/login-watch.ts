import type { SystemEventPublisher } from '@switchyard/bus';
import type { XmppStatus } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';
import { type BridgeState, type LeadershipView, withLeadership } from './bridge-state.ts';

/*
 * Reacts to changes of the replica's own login and of its leadership.
 *
 * - It calls onOnline() once when the login stands, and onGone() once when it no longer stands, both before any report.
 * - It counts each change of the replica as a whole (its login and its leadership) and publishes it on the bus once.
 *   Intermediate steps are only counted.
 * - A caller that waits for the login is resumed at once, or stops waiting when its signal aborts.
 */

export interface LoginWatchParts {
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly metrics: Metrics;
  readonly leader: () => LeadershipView | null;
  /** True if there is a session at this moment; its end may be known before the state changes. */
  readonly stands: () => boolean;
  readonly onOnline: () => void;
  readonly onGone: (state: BridgeState) => void;
}

type State = XmppStatus['state'];

export class LoginWatch {
  readonly #changes;
  readonly #waiting = new Set<() => void>();
  #own: BridgeState;
  #told: State;

  readonly #parts: LoginWatchParts;

  constructor(start: BridgeState, parts: LoginWatchParts) {
    this.#parts = parts;
    this.#own = start;
    this.#told = start.state;
    this.#changes = parts.metrics.counter('xmpp_login_changes_total', 'Changes of the state of the login', ['state']);
  }

  /** Takes a change of the replica's own login. */
  take(own: BridgeState): void {
    const before = this.#own.state;
    this.#own = own;
    if (own.state !== before && own.state === 'online') {
      this.#parts.onOnline();
      for (const onOnline of [...this.#waiting]) onOnline();
    } else if (own.state !== before && (own.state === 'offline' || own.state === 'failed')) this.#parts.onGone(own);
    this.tell();
  }

  /** Counts a change of the state and publishes it on the bus, once; call it also after a change of leadership. */
  tell(): void {
    const { state, sentence } = withLeadership(this.#own, this.#parts.leader());
    if (state === this.#told) return;
    this.#told = state;
    this.#changes.inc({ state });
    if (state !== 'online' && state !== 'offline' && state !== 'failed') return;
    this.#parts.systemEvents.publish({ type: 'xmpp.login.changed', data: { state, sentence } });
  }

  /** Resolves when the login stands; rejects where the signal aborts first. */
  online(signal: AbortSignal): Promise<void> {
    if (this.#parts.stands()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (then: () => void): void => {
        this.#waiting.delete(onOnline);
        signal.removeEventListener('abort', onAbort);
        then();
      };
      const onOnline = (): void => end(resolve);
      const onAbort = (): void => end(() => reject(new Error('the login does not stand')));
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(onOnline);
    });
  }
}
