import type { Bus } from '@switchyard/bus';
import { AppError, type SystemFact } from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { CarryCall, HttpResponse } from '../wire/index.ts';
import { bareOf } from '../peers/index.ts';

/*
 * The record of exchanges over XMPP: caller, peer, request and outcome, for metrics and the audit log.
 *
 * - An entry holds the path, the status, sizes and times. It holds no bodies, headers or queries.
 * - Every request that began gets one entry, with its status, the code of its error, or both.
 * - Counting and publishing delay no request. The bridge does both for many requests together, in a pause between
 *   requests, or within a quarter of a second if there is no pause.
 * - The number of unpublished facts is limited. Facts dropped while the bus is away are counted, and the rest is
 *   published at a stop.
 */

export interface ExchangesParts {
  readonly bus: Pick<Bus, 'publishSystem'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Bare JID of our own account. */
  readonly own: string;
  readonly now?: () => number;
}

/** Counts as a pause: no request began or ended for this long. */
const PAUSE_MS = 25;
/** Soon enough for a person who watches, late enough to batch. */
const TELL_WITHIN_MS = 250;
const MAX_WAITING = 10_000;

export type Direction = 'out' | 'in';

/** On whose behalf the request runs: our own caller, or the tenant of the calling peer. */
export interface Whose {
  readonly tenantId: string;
  readonly userId: string;
  readonly runId?: string | undefined;
}

interface Begun {
  readonly whose?: Whose | undefined;
  readonly peer: string;
  readonly method: string;
  readonly resource: string;
  readonly bytes: number;
}

/** A finished request. */
interface Ended extends Begun {
  readonly direction: Direction;
  readonly outcome: number | string;
  readonly status: number | null;
  readonly ms: number;
  /** Bytes of the response. */
  readonly passed: number;
}

/** One request under way. */
export interface Exchange {
  /** The response, with this status, is a stream; the exchange ends with the stream. */
  streams(status: number): void;
  /** So many bytes of the response have passed. */
  passed(bytes: number): void;
  /** Ends the entry, once: with the status of the response, or an error code, also that of a reader who left. */
  end(outcome: number | string): void;
}

export class Exchanges {
  readonly #requests;
  readonly #seconds;
  readonly #bytes;
  readonly #dropped;
  readonly #streams: Record<Direction, number> = { out: 0, in: 0 };
  #waiting: Ended[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** When the oldest waiting entry must be published at the latest. */
  #tellAt = 0;

  readonly #parts: ExchangesParts;

  constructor(parts: ExchangesParts) {
    this.#parts = parts;
    const { metrics } = parts;
    const requests = 'HTTP requests over XMPP by status class or error code';
    this.#requests = metrics.counter('xmpp_http_requests_total', requests, ['direction', 'outcome']);
    this.#seconds = metrics.histogram('xmpp_http_seconds', 'How long a request took, to the end of its response', [
      'direction',
    ]);
    this.#bytes = metrics.counter('xmpp_http_bytes_total', 'Bytes of bodies', ['direction', 'part']);
    this.#dropped = metrics.counter('xmpp_facts_dropped_total', 'Facts about requests that could not be told', []);
    for (const direction of ['out', 'in'] as const)
      metrics.gauge(
        `xmpp_streams_open_${direction}`,
        direction === 'out' ? 'Streams that peers send us' : 'Streams that we send to peers',
        [],
        () => this.#streams[direction],
      );
  }

  /** Runs one of our own requests and enters its outcome. Rejects with AppError only. */
  async carried(
    begun: Begun,
    call: CarryCall,
    carry: (booked: CarryCall) => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    const exchange = this.begin('out', begun);
    try {
      const response = await carry({
        signal: call.signal,
        deadline: call.deadline,
        onHead: (head) => {
          exchange.streams(head.status);
          call.onHead(head);
        },
        onPiece: (piece) => {
          exchange.passed(piece.length);
          call.onPiece(piece);
        },
      });
      exchange.passed(response.body.length);
      exchange.end(response.status);
      return response;
    } catch (error) {
      exchange.end(error instanceof AppError ? error.code : 'internal');
      throw error;
    }
  }

  begin(direction: Direction, { whose, peer, method, resource, bytes }: Begun): Exchange {
    const now = this.#parts.now ?? Date.now;
    const began = now();
    this.#waitForPause();
    let over = false;
    let streaming: number | null = null;
    let passed = 0;
    return {
      streams: (status) => {
        if (streaming !== null || over) return;
        streaming = status;
        this.#streams[direction] += 1;
      },
      passed: (count) => void (passed += count),
      end: (outcome) => {
        if (over) return;
        over = true;
        if (streaming !== null) this.#streams[direction] -= 1;
        const ms = Math.max(0, now() - began);
        const status = typeof outcome === 'number' ? outcome : streaming;
        this.#enter({ direction, whose, peer, method, resource, bytes, outcome, status, ms, passed });
      },
    };
  }

  /** Keeps a finished request until the next pause, in which it is counted and published. */
  #enter(ended: Ended): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#count(ended);
      return this.#dropped.inc({});
    }
    this.#waiting.push(ended);
    if (this.#timer) return this.#waitForPause();
    this.#tellAt = performance.now() + TELL_WITHIN_MS;
    this.#timer = setTimeout(() => void this.flush(), PAUSE_MS);
  }

  #waitForPause(): void {
    if (this.#timer && performance.now() + PAUSE_MS < this.#tellAt) this.#timer.refresh();
  }

  #count({ direction, outcome, ms, bytes, passed }: Ended): void {
    const label = typeof outcome === 'number' ? `${Math.floor(outcome / 100)}xx` : outcome;
    this.#requests.inc({ direction, outcome: label });
    this.#seconds.observe({ direction }, ms / 1_000);
    if (bytes > 0) this.#bytes.inc({ direction, part: 'request' }, bytes);
    if (passed > 0) this.#bytes.inc({ direction, part: 'response' }, passed);
  }

  #factOf({ direction, whose, peer, method, resource, bytes, outcome, status, ms, passed }: Ended): SystemFact {
    const [from, to] = direction === 'out' ? [this.#parts.own, bareOf(peer)] : [bareOf(peer), this.#parts.own];
    return {
      type: 'xmpp.request.carried',
      data: {
        tenant_id: whose?.tenantId ?? null,
        user_id: whose?.userId ?? null,
        run_id: whose?.runId ?? null,
        direction,
        from: from.slice(0, 500),
        to: to.slice(0, 500),
        method: method.slice(0, 16),
        path: pathOf(resource), // without the query
        status,
        error_code: typeof outcome === 'number' ? null : outcome.slice(0, 64),
        duration_ms: Math.round(ms),
        request_bytes: bytes,
        response_bytes: passed,
      },
    };
  }

  /** Counts and publishes the waiting entries; resolves when the bus has taken or refused them. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const ended of waiting) this.#count(ended);
    const outcomes = await Promise.allSettled(
      waiting.map((ended) => this.#parts.bus.publishSystem(this.#factOf(ended))),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    if (refused.length === 0) return;
    this.#dropped.inc({}, refused.length);
    logEvent(this.#parts.log, 'system_events_dropped', { err: refused[0]!.reason as unknown, count: refused.length });
  }
}

export function pathOf(resource: string): string {
  return resource.split(/[?#]/, 1)[0]!.slice(0, 200);
}
