import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { Tool } from '../tool/index.ts';

/*
 * Manifests: the tools that users may list, kept in Redis for all replicas. Each replica looks into its own memory first.
 *
 * - A manifest decides about lists only. A call is judged by what is known at the moment of the call.
 * - The key of a manifest holds everything that the manifest depends on (manifestKey). After a change the replica looks
 *   under another key. So no manifest has to be deleted, and a replica that missed an event finds no stale one.
 * - No list fails because of Redis or waits long for it. After LIMIT_MS the replica makes the list itself. After several
 *   failures in a row the replica does not ask Redis for a while.
 * - A manifest is small: one bit for each tool. It ends `ttlMs` after it was made.
 */

/** The part of Redis that manifests need. */
export interface KeyValues {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, px: 'PX', ttlMs: number): Promise<unknown>;
}

export interface SharedManifestsParts {
  readonly redis: KeyValues;
  readonly ttlMs: number;
  readonly log: Logger;
  readonly now?: () => number;
}

export interface FoundManifest {
  readonly tools: readonly Tool[];
  /** How much longer the manifest is valid. */
  readonly leftMs: number;
}

const LIMIT_MS = 20;
const FAILURES_TO_PAUSE = 3;
const PAUSE_MS = 5_000;

/** Everything that a user's manifest depends on. `registry`: the tools of the tenant and its policy. */
export interface ManifestPlace {
  readonly tenantId: string;
  readonly userId: string;
  readonly role: string;
  readonly authEpoch: number | string;
  readonly registry: string;
}

/** The key of a manifest. Names may hold any character; two places never share a key. */
export function manifestKey({ tenantId, userId, role, authEpoch, registry }: ManifestPlace): string {
  return ['switchyard:mf:1', tenantId, userId, role, String(authEpoch), registry].map(encodeURIComponent).join('/');
}

export class SharedManifests {
  readonly #now: () => number;
  #failures = 0;
  #notBefore = 0;

  readonly #parts: SharedManifestsParts;

  constructor(parts: SharedManifestsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** `all`: the tools of the tenant, sorted by name; a manifest is a part of them. */
  async find(place: ManifestPlace, all: readonly Tool[]): Promise<FoundManifest | undefined> {
    const text = await this.#ask((redis) => redis.get(manifestKey(place)));
    const read = typeof text === 'string' ? readManifest(text, all) : undefined;
    if (!read) return undefined;
    const leftMs = Math.min(this.#parts.ttlMs, read.until - this.#now());
    return leftMs > 0 ? { tools: read.tools, leftMs } : undefined;
  }

  /** Writes a manifest to Redis. The caller does not wait. */
  keep(place: ManifestPlace, all: readonly Tool[], visible: readonly Tool[]): void {
    const { ttlMs } = this.#parts;
    const text = writeManifest(this.#now() + ttlMs, all, visible);
    void this.#ask((redis) => redis.set(manifestKey(place), text, 'PX', ttlMs));
  }

  /** Asks Redis; undefined where it fails, does not answer within LIMIT_MS, or is not asked for a while. */
  async #ask<T>(ask: (redis: KeyValues) => Promise<T>): Promise<T | undefined> {
    if (this.#now() < this.#notBefore) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
    });
    try {
      const answer = await Promise.race([ask(this.#parts.redis), late]);
      this.#failures = 0;
      return answer;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures >= FAILURES_TO_PAUSE) {
        this.#notBefore = this.#now() + PAUSE_MS;
        if (this.#failures === FAILURES_TO_PAUSE)
          logEvent(this.#parts.log, 'redis_unreachable', {
            err: error,
            effect: 'each replica makes its own lists of tools',
          });
      }
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** `until`, the number of tools, and one bit for each tool in the order of `all`, as base64. */
export function writeManifest(until: number, all: readonly Tool[], visible: readonly Tool[]): string {
  const seen = new Set(visible);
  const bits = Buffer.alloc(Math.ceil(all.length / 8));
  all.forEach((tool, i) => {
    if (seen.has(tool)) bits[i >> 3]! |= 1 << (i & 7);
  });
  return `${until} ${all.length} ${bits.toString('base64')}`;
}

/** Undefined for a text that writeManifest did not write, or wrote for another number of tools. */
export function readManifest(text: string, all: readonly Tool[]): { until: number; tools: Tool[] } | undefined {
  const match = /^(\d{1,16}) (\d{1,6}) ([A-Za-z0-9+/]*=*)$/.exec(text);
  if (!match || Number(match[2]) !== all.length) return undefined;
  const bits = Buffer.from(match[3]!, 'base64');
  if (bits.length !== Math.ceil(all.length / 8)) return undefined;
  return { until: Number(match[1]), tools: all.filter((_, i) => (bits[i >> 3]! & (1 << (i & 7))) !== 0) };
}
