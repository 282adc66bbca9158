import { setTimeout as sleep } from 'node:timers/promises';
import { headersOf } from '../../client.ts';

/** Answers that tell a client to try again, with or without a pause. */
const RETRY = new Set([408, 429, 502, 503, 504]);
const ATTEMPT_LIMIT_MS = 20_000;
export const AGAIN_MS = 250;

/** The calls of one user at the two gateways of a round; all of them end with the round. */
export class Calls {
  readonly #attempts = new Set<AbortController>();
  /** Answers after which a client cannot go on. */
  readonly refusals: string[] = [];

  readonly #user: string;
  readonly #gateways: readonly [string, string];

  constructor(
    user: string,
    gateways: readonly [string, string],
    /** Aborted when the round is over. */
    readonly over: AbortSignal,
  ) {
    this.#user = user;
    this.#gateways = gateways;
  }

  /** Ends every call with the round, while `work` goes on. */
  async whileOpen(work: () => Promise<void>): Promise<void> {
    const stop = () => {
      for (const attempt of this.#attempts) attempt.abort();
    };
    this.over.addEventListener('abort', stop, { once: true });
    try {
      await work();
    } finally {
      this.over.removeEventListener('abort', stop);
      this.#attempts.clear();
    }
  }

  fetch(
    gateway: number,
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const limit = new AbortController();
    this.#attempts.add(limit);
    // The limit counts until the headers arrive; a stream may take longer.
    const timer = setTimeout(() => limit.abort(), ATTEMPT_LIMIT_MS);
    const headers = headersOf({ user: this.#user, headers: init.headers ?? {} });
    return fetch(`${this.#gateways[gateway === 0 ? 0 : 1]}${path}`, { ...init, headers, signal: limit.signal }).finally(
      () => clearTimeout(timer),
    );
  }

  isAgain({ status }: Response): boolean {
    return RETRY.has(status);
  }

  /** True if the client may try again; else the refusal is recorded. */
  async refused(answer: Response, what: string): Promise<boolean> {
    const text = (await answer.text()).slice(0, 300);
    if (this.isAgain(answer)) return true;
    this.refusals.push(`${what}: HTTP ${answer.status} ${text}`);
    return false;
  }

  pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.over }).catch(() => undefined);
  }
}
