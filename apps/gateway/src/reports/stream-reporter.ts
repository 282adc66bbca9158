import { randomBytes } from 'node:crypto';
import type { Principal, SystemFact } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';
import { networkOf } from './denials.ts';

/*
 * Records which principal was shown which run, for the audit log.
 *
 * - Every stream is recorded once, when it ends. A stream that has been open for SHORT_MS is also recorded then, so
 *   that a crashed process leaves a trace of it. Most streams are short and give one fact.
 * - One timer serves all streams. While no stream is open there is no timer.
 */
const SHORT_MS = 2_000;
const ID_BYTES = 9;

type Closed = Extract<SystemFact, { type: 'gateway.stream.closed' }>['data'];
export type WhyClosed = Closed['why'];

export interface Shown {
  readonly principal: Principal;
  /** The client's id of the run. */
  readonly runId: string;
  readonly dialect: string;
  readonly after: number;
  readonly ip: string;
}

/** One stream that is open. */
export interface OpenStream {
  /** The client was sent this event. */
  gave(seq: number): void;
  /** Ends the entry, once. */
  close(why: WhyClosed): void;
}

interface Entry {
  readonly openedAt: number;
  readonly tellOpened: () => void;
}

export class StreamReporter {
  /** Not recorded yet, the oldest first. */
  readonly #fresh = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;

  readonly #tell: (fact: SystemFact) => void;
  readonly #clock: Clock;

  constructor(tell: (fact: SystemFact) => void, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  open({ principal, runId, dialect, after, ip }: Shown): OpenStream {
    const { tenantId: tenant_id, userId: user_id, via } = principal;
    const openedAt = this.#clock.now();
    const stream = randomBytes(ID_BYTES).toString('base64url');
    const source_net = via === 'xmpp' ? null : networkOf(ip);
    const about = { tenant_id, user_id, run_id: runId, stream, dialect, after, source_net };
    const entry = { openedAt, tellOpened: () => this.#tell({ type: 'gateway.stream.opened', data: about }) };
    this.#fresh.add(entry);
    this.#timer ??= setInterval(() => this.#sweep(), SHORT_MS / 4).unref();
    let events = 0;
    let last_seq = after;
    return {
      gave: (seq) => {
        if (seq <= after) return;
        events += 1;
        last_seq = seq;
      },
      close: (why) => {
        this.#fresh.delete(entry);
        const duration_ms = Math.max(0, this.#clock.now() - openedAt);
        const data = { ...about, opened_at: openedAt, duration_ms, events, last_seq, why };
        this.#tell({ type: 'gateway.stream.closed', data });
      },
    };
  }

  #sweep(): void {
    const before = this.#clock.now() - SHORT_MS;
    for (const entry of this.#fresh) {
      if (entry.openedAt > before) break;
      this.#fresh.delete(entry);
      entry.tellOpened();
    }
    if (this.#fresh.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
