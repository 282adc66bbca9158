import type { PriorDiscovery } from '@modelcontextprotocol/client';
import { AppError, type Principal } from '@switchyard/contracts';
import { backoffMs, type Logger } from '@switchyard/platform';
import { createSafeFetch, type SafeFetch, type XmppRoute } from '@switchyard/safe-fetch';
import { LRUCache } from 'lru-cache';
import type { ReadVariable, UpstreamConfig } from './config.ts';
import { loadMcpSdk } from '../../common/index.ts';
import { faultOf } from './faults.ts';
import { StderrTail } from './stderr-tail.ts';
import type { Link } from './link.ts';
import type { LinkParts } from './transport.ts';

/*
 * The cache of connections to upstreams: one per (upstream, user), or one for all users if the upstream does not
 * distinguish them.
 *
 * - A connection is made once and shared by many callers. Idle connections are closed; if there are too many, the least
 *   recently used ones go first.
 * - A caller that waits for a connection may leave. The connection is still made, for the next caller.
 * - A process that crashes repeatedly is restarted with growing pauses.
 * - The one host that the operator named for an upstream may be private. A redirect of that host is not followed.
 * - If each user has a connection to an upstream, one of the open connections receives its change notifications.
 * - A connection on which a question could belong to an abandoned call is replaced as soon as no call uses it. Callers
 *   on the old one can no longer be asked; callers on the new one can.
 */

/** Who an upstream is used for; `undefined`: nobody in particular. */
export type OnBehalfOf = Principal | undefined;

export interface LinksParts {
  /** For tests: how requests go out. */
  readonly fetch?: SafeFetch;
  readonly route?: XmppRoute | undefined;
  readonly read: ReadVariable;
  readonly log: Logger;
  /** The token of this user for the upstream's provider. Throws `credentials_missing` where there is none. */
  readonly userToken?: (principal: Principal, upstream: UpstreamConfig) => Promise<string>;
  /** The token with which we are authorised ourselves. */
  readonly ownToken?: (upstream: UpstreamConfig) => Promise<string>;
  readonly onListChanged?: (upstream: string) => void;
  /** A connection for this user is open. */
  readonly onOpened?: (upstream: string, who: Principal) => void;
}

const MAX_LINKS = 256;
const MIN_IDLE_MS = 1_000;
const MAX_VERDICTS = 1_024;
/** Limits how long an upgraded upstream is still spoken to in the old protocol. */
const VERDICT_MS = 300_000;
/** The longest life of a notification stream. */
const MAX_STREAM_MS = 3_600_000;
const RESTART = { baseMs: 500, maxMs: 30_000 };

interface Held {
  readonly link: Promise<Link>;
}

/** Consecutive failed starts of an upstream's process, and when the next start is allowed. */
interface Starts {
  failures: number;
  notBefore: number;
}

export class UpstreamLinks {
  readonly #links: LRUCache<string, Held>;
  readonly #verdicts = new LRUCache<string, PriorDiscovery>({ max: MAX_VERDICTS, ttl: VERDICT_MS });
  readonly #starts = new Map<string, Starts>();
  readonly #fetches = new Map<string, SafeFetch>();
  /** By upstream: the connection that receives its change notifications. */
  readonly #listening = new Map<string, Link>();
  readonly #said = new Map<string, StderrTail>();
  readonly #closing = new Set<Promise<unknown>>();
  readonly #sweep: NodeJS.Timeout;
  #closed = false;

  readonly #parts: LinksParts;

  constructor(parts: LinksParts) {
    this.#parts = parts;
    const dispose = ({ link }: Held) => this.#retire(link);
    this.#links = new LRUCache({ max: MAX_LINKS, ttl: MIN_IDLE_MS, updateAgeOnGet: true, dispose });
    this.#sweep = setInterval(() => this.#links.purgeStale(), MIN_IDLE_MS).unref();
  }

  get size(): number {
    return this.#links.size;
  }

  /** The connection for this user: an open one, or else a new one. An abort ends only the wait. */
  async linkFor(upstream: UpstreamConfig, who: OnBehalfOf, signal?: AbortSignal): Promise<Link> {
    if (this.#closed) throw new AppError('unavailable');
    const key = keyOf(upstream, who);
    const held = this.#links.get(key);
    if (held) {
      const link = await waited(held.link, signal);
      if (link.alive && !link.isSpent) return link;
      if (this.#links.peek(key) === held) this.#links.delete(key);
      return this.linkFor(upstream, who, signal);
    }
    const opening: Held = { link: this.#open(upstream, who, key) };
    // The connection that receives notifications lives from one periodic query to the next.
    const ofAll = upstream.auth !== 'user';
    const ttl = ofAll ? Math.max(upstream.idle_ms, 2 * upstream.refresh_ms) : upstream.idle_ms;
    this.#links.set(key, opening, { ttl });
    opening.link.catch(() => {
      if (this.#links.peek(key) === opening) this.#links.delete(key);
    });
    return waited(opening.link, signal);
  }

  /** Removes a broken link. Only this one: another may have replaced it by now. */
  drop(upstream: UpstreamConfig, who: OnBehalfOf, link: Link): void {
    const key = keyOf(upstream, who);
    const held = this.#links.peek(key);
    void held?.link.then(
      (now) => now === link && this.#links.peek(key) === held && this.#links.delete(key),
      () => undefined,
    );
    this.#retire(Promise.resolve(link));
  }

  /** Forgets the remembered protocol of an upstream. */
  doubt(upstream: UpstreamConfig, who: OnBehalfOf): void {
    this.#verdicts.delete(keyOf(upstream, who));
  }

  /** Closes the connections of an upstream and forgets what is known about it. */
  forget(name: string): void {
    for (const cache of [this.#links, this.#verdicts])
      for (const key of [...cache.keys()]) if (key.startsWith(`${name}\n`)) cache.delete(key);
    this.#starts.delete(name);
    this.#fetches.delete(name);
    this.#listening.delete(name);
    this.#said.delete(name);
  }

  /** The last lines of the upstream's latest process. */
  saidBy(name: string): readonly string[] {
    return this.#said.get(name)?.lines ?? [];
  }

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

  async #open(upstream: UpstreamConfig, who: OnBehalfOf, key: string): Promise<Link> {
    const { read, log, userToken, onListChanged } = this.#parts;
    const starts = this.#startsOf(upstream.name);
    if (performance.now() < starts.notBefore)
      throw new AppError('unavailable', `${upstream.name} ended; it is started again in some seconds.`);
    const ofUser = upstream.auth === 'user';
    if (ofUser && (!who || !userToken))
      throw new AppError('credentials_missing', `${upstream.name} is used with an authorisation of each user.`);
    const { ownToken } = this.#parts;
    const own = upstream.oauth?.by === 'service' && ownToken ? () => ownToken(upstream) : undefined;
    const token = ofUser ? () => userToken!(who!, upstream) : own;
    if (token) await token();
    // One open connection receives the changes of an upstream; others need not.
    const listens = !ofUser || this.#listening.get(upstream.name)?.alive !== true;
    const changed = listens && onListChanged ? () => onListChanged(upstream.name) : undefined;
    const said = upstream.command === undefined ? undefined : new StderrTail(upstream.env.map((name) => read(name)));
    if (said) this.#said.set(upstream.name, said);
    const fetch = this.#fetchOf(upstream);
    const common = { fetch, read, log, said, onListChanged: changed, ...(token ? { token } : {}) };
    const prior = this.#verdicts.get(key);
    try {
      const link = await this.#connect(upstream, { ...common, prior });
      if (changed) this.#listening.set(upstream.name, link);
      const { verdict } = link;
      if (verdict) this.#verdicts.set(key, verdict);
      if (link.pid !== null) this.#watchProcess(upstream, link, starts);
      starts.failures = 0;
      if (ofUser) this.#parts.onOpened?.(upstream.name, who!);
      return link;
    } catch (error) {
      this.#verdicts.delete(key);
      if (upstream.command !== undefined) this.#pause(starts);
      throw error;
    }
  }

  /** The fetch of an upstream: the host that the operator named may be private. */
  #fetchOf({ name, url }: UpstreamConfig): SafeFetch {
    if (this.#parts.fetch) return this.#parts.fetch;
    let fetch = this.#fetches.get(name);
    if (!fetch) {
      const allowHosts = url === undefined ? [] : [new URL(url).host];
      fetch = createSafeFetch({
        ...this.#parts.route,
        allowHosts,
        totalTimeoutMs: MAX_STREAM_MS,
        log: this.#parts.log,
      });
      this.#fetches.set(name, fetch);
    }
    return fetch;
  }

  /** An older process may exit at an unknown request. */
  async #connect(upstream: UpstreamConfig, parts: LinkParts): Promise<Link> {
    await loadMcpSdk();
    const { Link } = await import('./link.ts');
    try {
      return await Link.connect(upstream, parts);
    } catch (error) {
      if (upstream.command === undefined || upstream.protocol !== 'auto' || parts.prior) throw error;
      if (faultOf(error) === 'away') throw error;
      return Link.connect(upstream, { ...parts, prior: { kind: 'legacy' } });
    }
  }

  /** Counts early exits of an upstream's process, which delay its next start. */
  #watchProcess(upstream: UpstreamConfig, link: Link, starts: Starts): void {
    const since = performance.now();
    link.onLost(() => {
      if (performance.now() - since > RESTART.maxMs) starts.failures = 0;
      this.#pause(starts);
      this.#parts.onListChanged?.(upstream.name);
    });
  }

  #pause(starts: Starts): void {
    starts.failures += 1;
    // The first start anew is at once.
    const pauseMs = starts.failures <= 1 ? 0 : RESTART.baseMs + backoffMs(starts.failures - 1, RESTART);
    starts.notBefore = performance.now() + Math.min(RESTART.maxMs, pauseMs);
  }

  #startsOf(name: string): Starts {
    let starts = this.#starts.get(name);
    if (!starts) this.#starts.set(name, (starts = { failures: 0, notBefore: 0 }));
    return starts;
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
