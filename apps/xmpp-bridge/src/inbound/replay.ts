import { hash as hashed } from 'node:crypto';
import type { Claim, Outcome, SharedOutcomes } from './shared-outcomes.ts';
import { ExchangeError, type HttpRequest, type HttpResponse, keyOf } from '../wire/index.ts';

/*
 * Performs a repeated request of a peer only once.
 *
 * - The bridge identifies a request by its peer and Idempotency-Key, and a request without a key by its stanza. It
 *   refuses the same key with another method, path or body (422).
 * - A peer that asks again while the work is under way waits for its outcome. A peer that asks again afterwards gets
 *   the stored answer. If the answer was too long to keep, the bridge says that it is gone (409) and does not do the
 *   work again.
 * - The bridge does not remember work that failed before it was performed, or whose outcome the gateway must report by
 *   the same key. When the peer asks again, the bridge asks the gateway again.
 * - The memory is limited in number, bytes and time. The time is longer than two deadlines.
 * - After a change of the inbound leader the next replica knows the requests with a key (shared-outcomes.ts): an answer
 *   leaves after its record is written. A request without a key is remembered only in this process.
 */

export interface Answer {
  readonly response: HttpResponse;
  /** The body in pieces, instead of that of the response. */
  readonly pieces?: AsyncIterable<Uint8Array>;
}

export interface Asked {
  /** Full JID, as the server states it. */
  readonly from: string;
  readonly bare: string;
  readonly stanzaId: string;
  readonly request: HttpRequest;
  /** The time limit of the request. */
  readonly limitMs: number;
}

interface Done {
  readonly hash: string;
  readonly outcome: HttpResponse | 'gone';
  readonly bytes: number;
  readonly until: number;
}

export interface ReplayLimits {
  readonly ttlMs: number;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxBodyBytes: number;
}
export const REPLAY_LIMITS: ReplayLimits = {
  ttlMs: 600_000,
  maxEntries: 8_192,
  maxBytes: 33_554_432,
  maxBodyBytes: 1_048_576,
};

export class Replay {
  readonly #underWay = new Map<string, { readonly hash: string; readonly outcome: Promise<Outcome> }>();
  readonly #done = new Map<string, Done>();
  #bytes = 0;

  readonly #onDuplicate: () => void;
  readonly #shared: Pick<SharedOutcomes, 'claim' | 'settle'> | undefined;
  readonly #limits: ReplayLimits;
  readonly #now: () => number;

  constructor(
    onDuplicate: () => void = () => undefined,
    shared?: Pick<SharedOutcomes, 'claim' | 'settle'>,
    limits: ReplayLimits = REPLAY_LIMITS,
    now: () => number = Date.now,
  ) {
    this.#onDuplicate = onDuplicate;
    this.#shared = shared;
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Performs `work`, or returns the answer of the same earlier request. `signal`: this caller no longer waits; it also
   * aborts when the last piece of an answer in pieces was taken, or never will be.
   */
  async perform(asked: Asked, signal: AbortSignal, work: () => Promise<Answer>): Promise<Answer> {
    const hash = hashOf(asked.request);
    const name = nameOf(asked, hash);
    // No await between the last lookup and the claim: of many repeated requests, one performs the work.
    for (let known = this.#known(name); known; known = this.#known(name)) {
      if (known.hash !== hash) throw new ExchangeError(422, 'This Idempotency-Key was used for another request.');
      this.#onDuplicate();
      const outcome = await orAborted(known.outcome, signal);
      if (outcome !== 'forgotten') return again(outcome);
    }
    let resolve: (outcome: Outcome) => void = () => undefined;
    this.#underWay.set(name, { hash, outcome: new Promise<Outcome>((done) => (resolve = done)) });
    let claim: Claim | undefined;
    let settled = false;
    const settle = async (known: Outcome): Promise<void> => {
      if (settled) return;
      settled = true;
      if (claim) await this.#shared?.settle(claim, known); // for the replica that serves next
      this.#keep(name, hash, known);
      resolve(known);
    };
    try {
      const shared = keyOf(asked.request) === undefined ? undefined : this.#shared;
      const claimed = shared && (await shared.claim(name, hash, asked.limitMs, signal));
      if (claimed && 'outcome' in claimed) {
        this.#onDuplicate();
        await settle(claimed.outcome);
        return again(claimed.outcome);
      }
      if (claimed) claim = claimed.mine;
      const answer = await work();
      if (answer.pieces) {
        // A generator of which no piece is taken would never report its end.
        signal.addEventListener('abort', () => void settle('forgotten'), { once: true });
        return { ...answer, pieces: this.#recorded(answer.response, answer.pieces, settle) };
      }
      await settle(isFinal(answer.response) ? this.#keepable(answer.response) : 'forgotten');
      return answer;
    } catch (error) {
      await settle('forgotten'); // a repeat asks the gateway again
      throw error;
    }
  }

  #known(name: string): { hash: string; outcome: Promise<Outcome> } | undefined {
    const done = this.#done.get(name);
    if (!done || done.until <= this.#now()) return this.#underWay.get(name);
    const outcome: Outcome = done.outcome === 'gone' ? 'gone' : { kept: done.outcome };
    return { hash: done.hash, outcome: Promise.resolve(outcome) };
  }

  /** Passes the pieces on, and stores them as long as they are few. */
  async *#recorded(
    head: HttpResponse,
    pieces: AsyncIterable<Uint8Array>,
    settle: (outcome: Outcome) => Promise<void>,
  ): AsyncGenerator<Uint8Array, undefined> {
    let kept: Uint8Array[] | undefined = [];
    let bytes = 0;
    let ended = false;
    try {
      for await (const piece of pieces) {
        bytes += piece.length;
        if (bytes > this.#limits.maxBodyBytes) kept = undefined;
        kept?.push(piece);
        yield piece;
      }
      ended = true;
    } finally {
      await settle(ended && kept ? { kept: { ...head, body: Buffer.concat(kept) } } : ended ? 'gone' : 'forgotten');
    }
  }

  #keepable(response: HttpResponse): Outcome {
    return response.body.length <= this.#limits.maxBodyBytes ? { kept: response } : 'gone';
  }

  #keep(name: string, hash: string, outcome: Outcome): void {
    if (!this.#underWay.delete(name)) return;
    if (outcome === 'forgotten') return;
    const { ttlMs, maxEntries, maxBytes } = this.#limits;
    const bytes = 512 + (outcome === 'gone' ? 0 : outcome.kept.body.length);
    this.#drop(name);
    this.#done.set(name, {
      hash,
      outcome: outcome === 'gone' ? outcome : outcome.kept,
      bytes,
      until: this.#now() + ttlMs,
    });
    this.#bytes += bytes;
    // Drops the oldest answers until the limits hold; answers are stored in the order in which they expire.
    for (const [oldest, { until }] of this.#done) {
      if (until > this.#now() && this.#done.size <= maxEntries && this.#bytes <= maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    this.#bytes -= this.#done.get(name)?.bytes ?? 0;
    this.#done.delete(name);
  }
}

function again(outcome: Exclude<Outcome, 'forgotten'>): Answer {
  if (outcome === 'gone')
    throw new ExchangeError(409, 'This request was performed before; its answer was too long to be kept.');
  return { response: outcome.kept };
}

function nameOf({ from, bare, stanzaId, request }: Asked, hash: string): string {
  const key = keyOf(request);
  return JSON.stringify(key === undefined ? ['stanza', from, stanzaId, hash] : ['key', bare, key]);
}

function hashOf({ method, resource, body }: HttpRequest): string {
  return `${method} ${resource} ${hashed('sha256', body, 'base64')}`;
}

/** True if a repeat would give the same answer. */
function isFinal({ status }: HttpResponse): boolean {
  return status < 500 && status !== 408 && status !== 425 && status !== 429;
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new ExchangeError(504, 'The same request is still under way.'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
