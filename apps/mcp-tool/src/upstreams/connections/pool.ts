import { AppError, type Principal } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import { logEvent } from '../../log-events.ts';
import { type Challenged, challengedIn } from '../../oauth/index.ts';
import type { UpstreamConfig } from './config.ts';
import { faultOf, isItsFault } from './faults.ts';
import type { Link } from './link.ts';
import { type LinksParts, type OnBehalfOf, UpstreamLinks } from './links.ts';

/*
 * Sends requests to upstreams over cached connections (links.ts), with a circuit breaker per upstream.
 *
 * - The breaker opens after repeated failures: a call then fails at once and nothing is sent. A refusal by the upstream
 *   does not count as a failure.
 * - If the upstream no longer knows the session, or no longer speaks the remembered protocol, the pool reconnects,
 *   once. It does not repeat work that may have been done.
 * - If the upstream refused a token and another one is available, the pool repeats the work once. The upstream did
 *   nothing before it refused.
 */

export interface PoolParts extends LinksParts {
  readonly metrics: Metrics;
  /** Handles a refused token. Resolves if another one is available by now; throws with what the user must do. */
  readonly onChallenged?: (upstream: UpstreamConfig, who: OnBehalfOf, refusal: Challenged) => Promise<void>;
}

type Work<T> = (link: Link) => Promise<T>;

const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;

export class UpstreamPool {
  readonly #links: UpstreamLinks;
  /** By upstream: leaves it alone for OPEN_MS after FAILURES_TO_OPEN failures in a row. */
  readonly #breakers = new Map<string, CircuitBreakerPolicy>();
  readonly #calls;

  readonly #parts: PoolParts;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#links = new UpstreamLinks(parts);
    this.#calls = metrics.counter('upstream_requests_total', 'Requests to MCP upstreams', ['upstream', 'outcome']);
    metrics.gauge('upstream_links', 'Open connections to MCP upstreams', [], () => this.#links.size);
  }

  /** Runs `work` on a connection of this upstream for this user. Throws what `work` throws, or AppError. */
  async use<T>(upstream: UpstreamConfig, who: OnBehalfOf, work: Work<T>, signal?: AbortSignal): Promise<T> {
    const { name } = upstream;
    let outcome = 'ok';
    try {
      return await this.#breakerOf(name).execute(() => this.#useAuthorised(upstream, who, work, signal));
    } catch (error) {
      if (error instanceof BrokenCircuitError) {
        outcome = 'open';
        throw new AppError('unavailable', `${name} failed too often and is left alone for some seconds.`, {
          retryAfterMs: OPEN_MS,
        });
      }
      outcome = faultOf(error, signal);
      throw error;
    } finally {
      this.#calls.inc({ upstream: name, outcome });
    }
  }

  /** The upstream was reconfigured or removed: forgets its connections and state. */
  forget(name: string): void {
    this.#links.forget(name);
    this.#breakers.delete(name);
  }

  /** The user's authorisation changed or ended: forgets the user's connections. */
  forgetUser(upstream: UpstreamConfig, who: Principal): void {
    this.#links.forgetUser(upstream, who);
  }

  /** What the process of an upstream wrote last to its standard error. */
  saidBy(name: string): readonly string[] {
    return this.#links.saidBy(name);
  }

  close(): Promise<void> {
    return this.#links.close();
  }

  /** Runs the work, and once more where the upstream refused the token and there is another one by now. */
  async #useAuthorised<T>(upstream: UpstreamConfig, who: OnBehalfOf, work: Work<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await this.#useOnceOrTwice(upstream, who, work, signal);
    } catch (error) {
      const refusal = upstream.oauth && challengedIn(error);
      if (!refusal || !this.#parts.onChallenged || signal?.aborted) throw refusal ?? error;
      await this.#parts.onChallenged(upstream, who, refusal);
    }
    try {
      return await this.#useOnceOrTwice(upstream, who, work, signal);
    } catch (error) {
      throw challengedIn(error) ?? error;
    }
  }

  /** Runs the work, and once more on a new connection where the session or the known protocol is outdated. */
  async #useOnceOrTwice<T>(upstream: UpstreamConfig, who: OnBehalfOf, work: Work<T>, signal?: AbortSignal): Promise<T> {
    const found = await this.#links.linkFor(upstream, who, signal);
    // A link that ended since the lookup has done nothing for this call.
    const link = found.alive ? found : await this.#links.linkFor(upstream, who, signal);
    try {
      return await link.use(work);
    } catch (error) {
      const fault = faultOf(error, signal);
      if (fault === 'unauthorised' || fault === 'session') this.#links.drop(upstream, who, link);
      // The upstream said so before it did anything.
      const outdated = fault === 'session' || (fault === 'refused' && link.adopted && isProtocolDoubt(error));
      if (!outdated) throw signal?.aborted ? new AppError('cancelled', undefined, { cause: error }) : error;
      this.#links.doubt(upstream, who);
      this.#links.drop(upstream, who, link);
      return await (await this.#links.linkFor(upstream, who, signal)).use(work);
    }
  }

  #breakerOf(name: string): CircuitBreakerPolicy {
    let breaker = this.#breakers.get(name);
    if (!breaker) {
      const { log } = this.#parts;
      breaker = circuitBreaker(
        handleWhen((error) => isItsFault(faultOf(error))),
        { halfOpenAfter: OPEN_MS, breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN) },
      );
      breaker.onBreak(() => logEvent(log, 'upstream_circuit_opened', { upstream: name }));
      breaker.onReset(() => logEvent(log, 'upstream_circuit_closed', { upstream: name }));
      this.#breakers.set(name, breaker);
    }
    return breaker;
  }
}

/** Bad requests and unknown versions: what an upstream of the other era answers. */
function isProtocolDoubt(error: unknown): boolean {
  const { code, status } = error as { code?: unknown; status?: unknown };
  return status === 400 || code === -32022 || code === -32600 || code === -32601;
}
