import type { PriorDiscovery } from '@modelcontextprotocol/client';
import { AppError, type Principal } from '@switchyard/contracts';
import { backoffMs, type Logger, type Metrics } from '@switchyard/platform';
import { createSafeFetch, type SafeFetch, type XmppRoute } from '@switchyard/safe-fetch';
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import { LRUCache } from 'lru-cache';
import { type Challenged, challengedIn } from './oauth-rules.ts';
import type { ReadVariable, UpstreamConfig } from './upstream-config.ts';
import { faultOf, isItsFault } from './upstream-faults.ts';
import { Link } from './upstream-link.ts';

/*
 * The connections to the upstreams: one for each (upstream, user), or one for all where it knows no users.
 *
 * C1 A connection is made once and used by many; the least used ones and those that nobody uses end.
 * C2 An upstream that fails again and again is left alone for a while (the breaker): the call fails at once and
 *    nothing is sent. What it refuses is not held against it.
 * C3 Where a session or what was known of the protocol is no longer true, the connection is made anew, once.
 *    Nothing that may have been done is done again.
 * C4 A process that dies again and again is started with growing pauses.
 * C6 Where a token was refused and there is another one, it is tried once more; nothing was done by then.
 * C5 The one host that the operator named for an upstream may be private; what it redirects to is not called.
 * C6 Of the connections of users to one upstream, one hears that its lists changed, as long as one is open.
 */

export interface PoolParts {
  /** For tests: how requests go out. */
  readonly fetch?: SafeFetch;
  readonly route?: XmppRoute | undefined;
  readonly read: ReadVariable;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The token of this user for the upstream's provider. Throws `credentials_missing` where there is none. */
  readonly userToken?: (principal: Principal, upstream: UpstreamConfig) => Promise<string>;
  /** The token with which we are authorised ourselves. */
  readonly ownToken?: (upstream: UpstreamConfig) => Promise<string>;
  /** A token was refused. Resolves where there is another one by now; throws what its user is to do. */
  readonly onChallenged?: (upstream: UpstreamConfig, who: OnBehalfOf, refusal: Challenged) => Promise<void>;
  readonly onListChanged?: (upstream: string) => void;
  /** A connection for this user is open. */
  readonly onOpened?: (upstream: string, who: Principal) => void;
}

const MAX_LINKS = 256;
const MIN_IDLE_MS = 1_000;
const MAX_VERDICTS = 1_024;
/** An upstream that got younger would be taken for an old one until then. */
const VERDICT_MS = 300_000;
const FAILURES_TO_OPEN = 5;
const OPEN_MS = 10_000;
/** Longest life of a stream on which an upstream tells changes. */
const MAX_STREAM_MS = 3_600_000;
const RESTART = { baseMs: 500, maxMs: 30_000 };

/** Who an upstream is used for; `undefined`: nobody in particular. */
export type OnBehalfOf = Principal | undefined;

interface Held {
  readonly link: Promise<Link>;
}

interface Health {
  readonly breaker: CircuitBreakerPolicy;
  failures: number;
  notBefore: number;
}

export class UpstreamPool {
  readonly #links: LRUCache<string, Held>;
  readonly #verdicts = new LRUCache<string, PriorDiscovery>({ max: MAX_VERDICTS, ttl: VERDICT_MS });
  readonly #health = new Map<string, Health>();
  readonly #fetches = new Map<string, SafeFetch>();
  /** By upstream: on which connection it tells of changes. */
  readonly #listening = new Map<string, Link>();
  readonly #calls;
  readonly #closing = new Set<Promise<unknown>>();
  readonly #sweep: NodeJS.Timeout;
  #closed = false;

  constructor(private readonly parts: PoolParts) {
    const { metrics } = parts;
    this.#calls = metrics.counter('upstream_requests_total', 'Requests to MCP upstreams', ['upstream', 'outcome']);
    const dispose = ({ link }: Held) => this.#retire(link);
    this.#links = new LRUCache({ max: MAX_LINKS, ttl: MIN_IDLE_MS, updateAgeOnGet: true, dispose });
    this.#sweep = setInterval(() => this.#links.purgeStale(), MIN_IDLE_MS).unref();
    metrics.gauge('upstream_links', 'Open connections to MCP upstreams', [], () => this.#links.size);
  }

  /** Runs `work` on a connection of this upstream for this user. Throws what `work` throws, or AppError. */
  async use<T>(
    upstream: UpstreamConfig,
    who: OnBehalfOf,
    work: (link: Link) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { name } = upstream;
    const health = this.#healthOf(name);
    let outcome = 'ok';
    try {
      return await health.breaker.execute(() => this.#useAuthorised(upstream, who, work, signal));
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

  /** C2: false while nothing would be sent. */
  isOpen(name: string): boolean {
    return this.#health.get(name)?.breaker.state === 1;
  }

  /** Its connections and what is known of it are forgotten: it is configured otherwise, or gone. */
  forget(name: string): void {
    for (const cache of [this.#links, this.#verdicts])
      for (const key of [...cache.keys()]) if (key.startsWith(`${name}\n`)) cache.delete(key);
    this.#health.delete(name);
    this.#fetches.delete(name);
    this.#listening.delete(name);
  }

  /** The connections of one user to an upstream: the user's authorisation is another one now, or none. */
  forgetUser(upstream: UpstreamConfig, who: Principal): void {
    this.#links.delete(keyOf(upstream, who));
    this.#verdicts.delete(keyOf(upstream, who));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#links.clear();
    await Promise.all(this.#closing);
  }

  /** For tests and the log. */
  async pidOf(upstream: UpstreamConfig): Promise<number | null> {
    return (await this.#links.peek(keyOf(upstream, undefined))?.link)?.pid ?? null;
  }

  /** C6 */
  async #useAuthorised<T>(
    upstream: UpstreamConfig,
    who: OnBehalfOf,
    work: (link: Link) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    try {
      return await this.#useOnceOrTwice(upstream, who, work, signal);
    } catch (error) {
      const refusal = upstream.oauth && challengedIn(error);
      if (!refusal || !this.parts.onChallenged || signal?.aborted) throw refusal ?? error;
      await this.parts.onChallenged(upstream, who, refusal);
    }
    try {
      return await this.#useOnceOrTwice(upstream, who, work, signal);
    } catch (error) {
      throw challengedIn(error) ?? error;
    }
  }

  async #useOnceOrTwice<T>(
    upstream: UpstreamConfig,
    who: OnBehalfOf,
    work: (link: Link) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const key = keyOf(upstream, who);
    const link = await this.#linkFor(upstream, who, signal);
    try {
      return await link.use(work);
    } catch (error) {
      const fault = faultOf(error, signal);
      if (fault === 'unauthorised' || fault === 'session') this.#drop(key, link);
      // C3: it was told so before anything was done.
      const outdated = fault === 'session' || (fault === 'refused' && link.adopted && isProtocolDoubt(error));
      if (!outdated) throw signal?.aborted ? new AppError('cancelled', undefined, { cause: error }) : error;
      this.#verdicts.delete(key);
      this.#drop(key, link);
      return await (await this.#linkFor(upstream, who, signal)).use(work);
    }
  }

  /** C1 */
  async #linkFor(upstream: UpstreamConfig, who: OnBehalfOf, signal?: AbortSignal): Promise<Link> {
    if (this.#closed) throw new AppError('unavailable');
    const key = keyOf(upstream, who);
    const held = this.#links.get(key);
    if (held) {
      const link = await waited(held.link, signal);
      if (link.alive) return link;
      if (this.#links.peek(key) === held) this.#links.delete(key);
      return this.#linkFor(upstream, who, signal);
    }
    // Whoever waits for it may leave; the connection is for the next one too.
    const opening: Held = { link: this.#open(upstream, who, key) };
    // That over which changes are told lasts from one time that it is asked to the next.
    const ofAll = upstream.auth !== 'user';
    const ttl = ofAll ? Math.max(upstream.idle_ms, 2 * upstream.refresh_ms) : upstream.idle_ms;
    this.#links.set(key, opening, { ttl });
    opening.link.catch(() => {
      if (this.#links.peek(key) === opening) this.#links.delete(key);
    });
    return waited(opening.link, signal);
  }

  async #open(upstream: UpstreamConfig, who: OnBehalfOf, key: string): Promise<Link> {
    const { read, log, userToken, onListChanged } = this.parts;
    const health = this.#healthOf(upstream.name);
    if (performance.now() < health.notBefore)
      throw new AppError('unavailable', `${upstream.name} ended; it is started again in some seconds.`); // C4
    const ofUser = upstream.auth === 'user';
    if (ofUser && (!who || !userToken))
      throw new AppError('credentials_missing', `${upstream.name} is used with an authorisation of each user.`);
    const { ownToken } = this.parts;
    const own = upstream.oauth?.by === 'service' && ownToken ? () => ownToken(upstream) : undefined;
    const token = ofUser ? () => userToken!(who!, upstream) : own;
    if (token) await token();
    // C6
    const listens = !ofUser || this.#listening.get(upstream.name)?.alive !== true;
    const changed = listens && onListChanged ? () => onListChanged(upstream.name) : undefined;
    const common = { fetch: this.#fetchOf(upstream), read, log, onListChanged: changed, ...(token ? { token } : {}) };
    const prior = this.#verdicts.get(key);
    try {
      const link = await this.#connect(upstream, { ...common, prior });
      if (changed) this.#listening.set(upstream.name, link);
      const { verdict } = link;
      if (verdict) this.#verdicts.set(key, verdict);
      if (link.pid !== null) this.#watchProcess(upstream, link, health);
      health.failures = 0;
      if (ofUser) this.parts.onOpened?.(upstream.name, who!);
      return link;
    } catch (error) {
      this.#verdicts.delete(key);
      if (upstream.command !== undefined) this.#pause(health);
      throw error;
    }
  }

  /** C5 */
  #fetchOf({ name, url }: UpstreamConfig): SafeFetch {
    if (this.parts.fetch) return this.parts.fetch;
    let fetch = this.#fetches.get(name);
    if (!fetch) {
      const allowHosts = url === undefined ? [] : [new URL(url).host];
      fetch = createSafeFetch({ ...this.parts.route, allowHosts, totalTimeoutMs: MAX_STREAM_MS, log: this.parts.log });
      this.#fetches.set(name, fetch);
    }
    return fetch;
  }

  /** A process that ends at a question that it does not know is an older one. */
  async #connect(upstream: UpstreamConfig, parts: Parameters<typeof Link.connect>[1]): Promise<Link> {
    try {
      return await Link.connect(upstream, parts);
    } catch (error) {
      if (upstream.command === undefined || upstream.protocol !== 'auto' || parts.prior) throw error;
      if (faultOf(error) === 'away') throw error;
      return Link.connect(upstream, { ...parts, prior: { kind: 'legacy' } });
    }
  }

  /** C4 */
  #watchProcess(upstream: UpstreamConfig, link: Link, health: Health): void {
    const since = performance.now();
    link.onLost(() => {
      if (performance.now() - since > RESTART.maxMs) health.failures = 0;
      this.#pause(health);
      this.parts.onListChanged?.(upstream.name);
    });
  }

  #pause(health: Health): void {
    health.failures += 1;
    // The first start anew is at once.
    const pauseMs = health.failures <= 1 ? 0 : RESTART.baseMs + backoffMs(health.failures - 1, RESTART);
    health.notBefore = performance.now() + Math.min(RESTART.maxMs, pauseMs);
  }

  #healthOf(name: string): Health {
    let health = this.#health.get(name);
    if (!health) {
      const breaker = circuitBreaker(
        handleWhen((error) => isItsFault(faultOf(error))),
        {
          halfOpenAfter: OPEN_MS,
          breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
        },
      );
      breaker.onBreak(() => this.parts.log.warn({ upstream: name }, 'an upstream is left alone for some seconds'));
      breaker.onReset(() => this.parts.log.info({ upstream: name }, 'an upstream is used again'));
      health = { breaker, failures: 0, notBefore: 0 };
      this.#health.set(name, health);
    }
    return health;
  }

  /** Only this one: another may stand in its place by now. */
  #drop(key: string, link: Link): void {
    const held = this.#links.peek(key);
    void held?.link.then(
      (now) => now === link && this.#links.peek(key) === held && this.#links.delete(key),
      () => undefined,
    );
    this.#retire(Promise.resolve(link));
  }

  #retire(link: Promise<Link>): void {
    const closing = link.then((open) => open.retire()).catch(() => undefined);
    this.#closing.add(closing);
    void closing.finally(() => this.#closing.delete(closing));
  }
}

function keyOf({ name, auth }: UpstreamConfig, who: OnBehalfOf): string {
  return auth === 'user' && who ? `${name}\n${JSON.stringify([who.tenantId, who.userId])}` : `${name}\n`;
}

/** Bad requests and unknown versions: what an upstream of the other era answers. */
function isProtocolDoubt(error: unknown): boolean {
  const { code, status } = error as { code?: unknown; status?: unknown };
  return status === 400 || code === -32022 || code === -32600 || code === -32601;
}

async function waited<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new AppError('cancelled'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener('abort', onAbort!));
}
