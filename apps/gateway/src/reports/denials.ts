import { isIPv6 } from 'node:net';
import type { Principal, SystemFact } from '@switchyard/contracts';
import type { Clock } from '@switchyard/platform';
import type { FastifyRequest } from 'fastify';

/*
 * Records refusals for the audit log. The table only grows, and refusals cost their sender nothing, so records are
 * limited.
 *
 * - At most one record a minute for one source and reason: the first refusal at once, the rest as a count at the end of
 *   the minute.
 * - At most SOURCES sources a minute; refusals of further ones are counted together.
 */

export type Denial = Extract<
  SystemFact,
  { type: 'gateway.auth.failed' | 'gateway.access.denied' | 'gateway.rate.limited' }
>;

const WINDOW_MS = 60_000;
const SOURCES = 64;
/** Stands for the sources beyond SOURCES. */
const OTHERS = 'others';

const NOBODY = { tenant_id: null, user_id: null };

interface Entry {
  readonly since: number;
  readonly latest: Denial;
  /** Refusals since the last record. */
  readonly untold: number;
}

export class Denials {
  readonly #tell: (fact: SystemFact) => void;
  readonly #clock: Clock;
  #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (fact: SystemFact) => void, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /** `source`: the refused caller, as far as it is known without trusting the request. */
  add(denial: Denial, source: string): void {
    const reason = 'reason' in denial.data ? denial.data.reason : '';
    const own = `${denial.type} ${source} ${reason}`;
    const full = this.#entries.size >= SOURCES && !this.#entries.has(own);
    const key = full ? `${denial.type} ${OTHERS}` : own;
    const latest = full ? ofOthers(denial) : denial;
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#tell(counted(latest, 1));
      this.#entries.set(key, { since: this.#clock.now(), latest, untold: 0 });
      this.#timer ??= setInterval(() => this.#sweep(), WINDOW_MS / 6).unref();
    } else this.#entries.set(key, { ...entry, latest, untold: entry.untold + 1 });
  }

  /** Records the remaining counts. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { latest, untold } of this.#entries.values()) if (untold > 0) this.#tell(counted(latest, untold));
    this.#entries.clear();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [key, { since, latest, untold }] of this.#entries) {
      if (now - since < WINDOW_MS) continue;
      this.#entries.delete(key);
      if (untold === 0) continue;
      this.#tell(counted(latest, untold));
      // Another minute begins with this record.
      this.#entries.set(key, { since: now, latest, untold: 0 });
    }
  }
}

/** The source that a refusal is counted for: the authenticated caller, else its address. */
export function deniedSource(request: FastifyRequest): string {
  const principal = request.identity?.principal;
  return principal === undefined ? sourceOf(request.ip) : userKey(principal);
}

/** How a limit counts a user. */
export function userKey({ tenantId, userId }: Principal): string {
  return `${tenantId}/${userId}`;
}

/** The address that a limit counts: for IPv6 the network of one subscriber, who controls all addresses in it. */
export function sourceOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped) return mapped[1]!;
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = ip.split('%', 1)[0]!.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** The network of an address: all that the audit log keeps of an accepted caller's address. */
export function networkOf(ip: string): string {
  const source = sourceOf(ip);
  const v4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(source);
  if (v4) return `${v4[1]}.0/24`;
  return source.endsWith('::/64') ? `${source.slice(0, -5).split(':').slice(0, 3).join(':')}::/48` : 'unknown';
}

function ofOthers(denial: Denial): Denial {
  if (denial.type === 'gateway.auth.failed')
    return { type: denial.type, data: { ...denial.data, ...NOBODY, reason: 'several', source_ip: OTHERS } };
  const who = NOBODY;
  if (denial.type === 'gateway.rate.limited') return { type: denial.type, data: { ...denial.data, ...who } };
  return { type: denial.type, data: { ...denial.data, ...who, reason: 'several' } };
}

function counted(denial: Denial, count: number): Denial {
  return { ...denial, data: { ...denial.data, count } } as Denial;
}
