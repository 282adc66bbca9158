import { randomUUID } from 'node:crypto';
import { headersOf, parseSse } from './client.ts';

/*
 * A careful client: it starts a run under an idempotency key, follows it by cursor, and goes to the other gateway when
 * one fails. It records a complaint for each answer after which trying again cannot help.
 */

export interface RawEvent {
  readonly seq: number;
  readonly type: string;
  readonly epoch: number;
  readonly data: Record<string, unknown>;
}

export interface Watched {
  readonly runId: string;
  readonly events: RawEvent[];
  /** The terminal event's data. */
  readonly end: Record<string, unknown>;
  /** When the longest pause between two events was, and how long. */
  readonly longestGapMs: number;
}

export const TERMINAL = 'orchestrator.task.completed';
const PAUSE_MS = 150;
/** What a client may receive while a part of the system is down: it tries again. */
const AGAIN = new Set([429, 502, 503, 504]);

export class ResumingClient {
  readonly complaints: string[] = [];
  #next = 0;

  readonly #gateways: readonly string[];
  readonly #user: string;
  readonly #limitMs: number;

  constructor(gateways: readonly string[], user = 'u1', limitMs = 60_000) {
    this.#gateways = gateways;
    this.#user = user;
    this.#limitMs = limitMs;
  }

  /** Starts a run; answers its id. */
  async start(body: object): Promise<string> {
    const key = randomUUID();
    const answer = await this.#untilTaken('POST', '/runs', body, { 'idempotency-key': key });
    return String(answer['run_id']);
  }

  cancel(runId: string): Promise<Record<string, unknown>> {
    return this.#untilTaken('POST', `/runs/${runId}/cancel`, {});
  }

  get(path: string): Promise<Record<string, unknown>> {
    return this.#untilTaken('GET', path);
  }

  /** Follows a run to its end. Every event once and in order, or it throws. */
  async watch(runId: string, onEvent: (event: RawEvent) => void = () => undefined): Promise<Watched> {
    const events: RawEvent[] = [];
    const until = Date.now() + this.#limitMs;
    let longestGapMs = 0;
    let lastAt = Date.now();
    const take = (event: RawEvent) => {
      if (event.seq !== events.length + 1)
        throw new Error(`${runId}: after ${events.length} events came number ${event.seq}`);
      longestGapMs = Math.max(longestGapMs, Date.now() - lastAt);
      lastAt = Date.now();
      events.push(event);
      onEvent(event);
    };
    while (events.at(-1)?.type !== TERMINAL) {
      if (Date.now() > until)
        throw new Error(`${runId} does not end; it came to ${events.map(({ type }) => type).join(', ')}`);
      await this.#readOnce(runId, events.length, take);
      if (events.at(-1)?.type !== TERMINAL) await pause();
    }
    return { runId, events, end: events.at(-1)!.data, longestGapMs };
  }

  async #readOnce(runId: string, after: number, take: (event: RawEvent) => void): Promise<void> {
    const path = `/runs/${runId}/events?dialect=raw&after=${runId}:${after}`;
    const answer = await this.#fetch('GET', path, undefined, {}, AbortSignal.timeout(this.#limitMs));
    if (!answer?.body) return;
    if (!answer.ok) return this.#judge(answer, path);
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of answer.body) {
        text += decoder.decode(chunk as Uint8Array, { stream: true });
        const end = text.lastIndexOf('\n\n');
        if (end < 0) continue;
        for (const { id, data } of parseSse(text.slice(0, end + 2))) if (id) take(rawEvent(data));
        text = text.slice(end + 2);
      }
    } catch (error) {
      // A broken link is retried; a stream that differs from the journal is an error.
      if (error instanceof Error && error.message.startsWith(runId)) throw error;
    }
  }

  async #untilTaken(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    for (const until = Date.now() + this.#limitMs; Date.now() < until; await pause()) {
      const answer = await this.#fetch(method, path, body, headers, AbortSignal.timeout(20_000));
      if (answer?.ok) return (await answer.json().catch(() => ({}))) as Record<string, unknown>;
      if (answer) await this.#judge(answer, path);
    }
    throw new Error(`${method} ${path} was not taken within ${this.#limitMs} ms`);
  }

  async #judge(answer: Response, path: string): Promise<void> {
    const text = await answer.text().catch(() => '');
    if (!AGAIN.has(answer.status)) this.complaints.push(`${path}: HTTP ${answer.status} ${text}`);
  }

  /** Undefined where nobody answers: the next try goes to the next gateway. */
  async #fetch(
    method: string,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    const gateway = this.#gateways[(this.#next += 1) % this.#gateways.length] ?? '';
    try {
      return await fetch(`${gateway}${path}`, {
        method,
        headers: headersOf({ user: this.#user, headers }),
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch {
      return undefined;
    }
  }
}

function rawEvent(document: Record<string, unknown>): RawEvent {
  return document as unknown as RawEvent;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
