import { AsyncLocalStorage } from 'node:async_hooks';
import { type Bus, NoResponders, type RequestOptions } from '@switchyard/bus';
import { AppError, type OutputOf, type RequestContract, type RequestOf } from '@switchyard/contracts';
import { backoffMs, type Clock, linkAbort, sleep } from '@switchyard/platform';
import type { ServerResponse } from 'node:http';

/*
 * Waits while no replica of a service is connected: most are back within seconds, and a client that got an error status
 * for its stream does not retry by itself.
 *
 * - A request is repeated only if the bus had no responder for it. It reached no service, so it cannot be performed
 *   twice.
 * - The wait ends with its limit, with the client's connection, with the caller's own signal and with this process.
 * - At most `maxWaiting` requests wait at a time. A further request fails at once.
 */

interface AbsenceWaiterOptions {
  /** 0: no request waits. */
  readonly absenceMs: number;
  readonly maxWaiting: number;
  readonly clock: Clock;
}

type Asking = Pick<Bus, 'request' | 'follow' | 'answer'>;

const PAUSE = { baseMs: 100, maxMs: 500 };
/** The least pause between two tries, so that many waiting requests are no load. */
const LEAST_PAUSE_MS = 50;

export class AbsenceWaiter {
  readonly #client = new AsyncLocalStorage<ServerResponse>();
  readonly #leaving = new AbortController();
  #waiting = 0;

  readonly #options: AbsenceWaiterOptions;

  constructor(options: AbsenceWaiterOptions) {
    this.#options = options;
  }

  /** The number of waiting requests. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs `work` on behalf of this client: when the client leaves, its requests stop waiting. */
  onBehalfOf(client: ServerResponse, work: () => void): void {
    this.#client.run(client, work);
  }

  /** Wraps a bus so that its requests wait. */
  over(bus: Asking): Asking {
    return {
      request: (contract, input, options) => this.#request(bus, contract, input, options),
      follow: (options) => bus.follow(options),
      answer: (contract, handler, options) => bus.answer(contract, handler, options),
    };
  }

  /** Ends every wait, and allows no more. */
  drain(): void {
    this.#leaving.abort();
  }

  async #request<C extends RequestContract>(
    bus: Pick<Bus, 'request'>,
    contract: C,
    input: RequestOf<C>,
    options: RequestOptions = {},
  ): Promise<OutputOf<C>> {
    try {
      return await bus.request(contract, input, options);
    } catch (error) {
      if (!(error instanceof NoResponders) || !this.#mayWait()) throw error;
      return await this.#wait(() => bus.request(contract, input, options), error, options);
    }
  }

  #mayWait(): boolean {
    const { absenceMs, maxWaiting } = this.#options;
    if (absenceMs === 0 || this.#waiting >= maxWaiting || this.#leaving.signal.aborted) return false;
    return this.#client.getStore()?.closed !== true;
  }

  async #wait<T>(ask: () => Promise<T>, first: NoResponders, { signal, timeoutMs }: RequestOptions): Promise<T> {
    const { absenceMs, clock } = this.#options;
    const until = clock.now() + Math.min(absenceMs, timeoutMs ?? Infinity);
    const client = this.#client.getStore();
    const gone = new AbortController();
    const onClose = () => gone.abort();
    client?.once('close', onClose);
    const stop = linkAbort([gone.signal, this.#leaving.signal, ...(signal ? [signal] : [])]);
    this.#waiting += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        await sleep(LEAST_PAUSE_MS + backoffMs(tries, PAUSE), stop.signal);
        try {
          return await ask();
        } catch (error) {
          if (!(error instanceof NoResponders) || clock.now() >= until) throw error;
        }
      }
    } catch (error) {
      const stopped = stop.signal.aborted && error instanceof AppError && error.code === 'cancelled';
      throw stopped && this.#leaving.signal.aborted ? first : error;
    } finally {
      this.#waiting -= 1;
      client?.off('close', onClose);
      stop.release();
    }
  }
}
