import { createHash } from 'node:crypto';
import type { Records } from '@switchyard/bus';
import { AppError, PEER_REQUESTS, safeParse } from '@switchyard/contracts';
import { BoundedMap, type Logger, sleep } from '@switchyard/platform';
import { z } from 'zod';
import { logEvent } from '../log-events.ts';
import { ExchangeError, type HttpResponse } from '../wire/index.ts';

/*
 * Shares the outcomes of requests with an Idempotency-Key between all replicas of the account: the inbound leader may
 * change between a peer's first try and its repeat.
 *
 * - A replica claims a request before it performs it. Without the claim it does not perform the request. If no claim
 *   can be written, no replica performs it.
 * - The same key with another hash is refused (422). A replica waits for a request that is under way at another
 *   replica.
 * - The replica that holds a claim renews it while it works. Another replica takes over a claim that was not renewed
 *   for ALIVE_MS: the holder is gone. The new holder asks the gateway again, by the same key, while its caller still
 *   waits. Each replica measures that time on its own clock; no two clocks are compared.
 * - A long answer is kept if there is room: the unexpired long answers of one replica have a limit in bytes. If there
 *   is no room, or the answer does not fit into a record, the replicas still know that the request was answered (409).
 *   All records expire by themselves, later than two deadlines.
 */

export type Outcome = { readonly kept: HttpResponse } | 'gone' | 'forgotten';

export interface Claim {
  readonly key: string;
  readonly hash: string;
  /** The revision of the holder's last write. */
  revision: number;
}

interface Renewal {
  readonly timer: NodeJS.Timeout;
  /** The write under way. */
  writing: Promise<void> | undefined;
}

export type Claimed = { readonly mine: Claim } | { readonly outcome: Exclude<Outcome, 'forgotten'> };

export const OUTCOMES = PEER_REQUESTS;
/** The limit of one stored record: the size of a bus message, with room for the JSON of the headers. */
const MAX_RECORD = 800_000;
/** A larger record counts as long. */
const LONG_RECORD = 98_304;
/**
 * The limit for the long records of one replica: with three replicas a quarter of the bucket is left for claims and
 * short records.
 */
const MAX_LONG_BYTES = 33_554_432;
/** A claim that was not renewed for this long has lost its holder. */
const ALIVE_MS = 4_000;
const RENEW_MS = 1_000;
/** A claim is not renewed for longer than this beyond its deadline. */
const SLACK_MS = 10_000;
const PAUSE_MS = { first: 100, last: 1_000 };
/** How long an answer waits for its record; then it leaves, and the record follows. */
const SETTLE_LIMIT_MS = 2_000;
const SETTLE_TRIES = 4;
const MAX_WATCHED = 4_096;

const Entry = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('doing'),
    hash: z.string(),
    /** How long other replicas leave the claim alone after a write. */
    workMs: z.number(),
  }),
  z.object({ state: z.literal('gone'), hash: z.string() }),
  z.object({
    state: z.literal('done'),
    hash: z.string(),
    status: z.number().int(),
    headers: z.array(z.tuple([z.string(), z.string()])),
    body: z.string(),
  }),
]);
type Entry = z.infer<typeof Entry>;

export class SharedOutcomes {
  readonly #renewals = new Map<Claim, Renewal>();
  /** Claims of other replicas, and how long each is left to its holder. */
  readonly #watched = new BoundedMap<string, { readonly revision: number; readonly untilMs: number }>(MAX_WATCHED);
  /** Long records that this replica wrote, in the order in which they expire. */
  readonly #long: { readonly bytes: number; readonly untilMs: number }[] = [];
  #longBytes = 0;

  readonly #records: Records;
  /** Bare JID of the account: other accounts may use the same bucket. */
  readonly #account: string;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #renewMs: number;

  constructor(
    records: Records,
    account: string,
    log: Logger,
    now: () => number = () => performance.now(),
    renewMs = RENEW_MS,
  ) {
    this.#records = records;
    this.#account = account;
    this.#log = log;
    this.#now = now;
    this.#renewMs = renewMs;
  }

  /**
   * Claims a request, or waits for its outcome at another replica. `name`: of the request; `limitMs`: its time limit.
   * Throws ExchangeError, and AppError if the claim cannot be written: the request must not be performed then.
   */
  async claim(name: string, hash: string, limitMs: number, signal: AbortSignal): Promise<Claimed> {
    const key = createHash('sha256')
      .update(JSON.stringify([this.#account, name]))
      .digest('hex');
    const mine: Entry = { state: 'doing', hash, workMs: ALIVE_MS };
    const untilMs = this.#now() + limitMs;
    for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(PAUSE_MS.last, pauseMs * 2)) {
      const created = await this.#records.write(key, mine, 0);
      if (created !== undefined) return { mine: this.#renewed({ key, hash, revision: created }, mine, limitMs) };
      const found = await this.#records.read(key);
      const entry = safeParse(Entry, found?.value).data;
      if (entry && entry.hash !== hash)
        throw new ExchangeError(422, 'This Idempotency-Key was used for another request.');
      if (entry?.state === 'gone') return { outcome: 'gone' };
      if (entry?.state === 'done') {
        const { status, headers, body } = entry;
        return { outcome: { kept: { status, headers, body: Buffer.from(body, 'base64') } } };
      }
      if (found && this.#isAbandoned(key, found.revision, entry?.workMs ?? 0)) {
        const taken = await this.#records.write(key, mine, found.revision);
        if (taken !== undefined) return { mine: this.#renewed({ key, hash, revision: taken }, mine, limitMs) };
      }
      if (this.#now() >= untilMs) throw new ExchangeError(504, 'The same request is still under way.');
      await sleep(pauseMs, signal).catch(() => {
        throw new ExchangeError(504, 'The same request is still under way.');
      });
    }
  }

  /** Never throws. Resolves when the outcome is stored, or after SETTLE_LIMIT_MS. */
  async settle(claim: Claim, outcome: Outcome): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      this.#store(claim, outcome),
      sleep(SETTLE_LIMIT_MS, limit.signal).catch(() => undefined),
    ]).finally(() => limit.abort());
  }

  /** Renews the claim until it is settled, so that no other replica takes it over. */
  #renewed(claim: Claim, entry: Entry, limitMs: number): Claim {
    const stopAt = performance.now() + limitMs + SLACK_MS;
    const renew = async (): Promise<void> => {
      try {
        const revision = await this.#records.write(claim.key, entry, claim.revision);
        if (revision === undefined) return this.#stopRenewing(claim); // another replica has it
        claim.revision = revision;
      } catch {
        // The next attempt may reach the store; if none does, this replica serves nobody either.
      }
    };
    const renewal: Renewal = {
      writing: undefined,
      timer: setInterval(() => {
        if (performance.now() > stopAt) return this.#stopRenewing(claim);
        renewal.writing ??= renew().finally(() => (renewal.writing = undefined));
      }, this.#renewMs).unref(),
    };
    this.#renewals.set(claim, renewal);
    return claim;
  }

  #stopRenewing(claim: Claim): void {
    clearInterval(this.#renewals.get(claim)?.timer);
    this.#renewals.delete(claim);
  }

  async #store(claim: Claim, outcome: Outcome): Promise<void> {
    const writing = this.#renewals.get(claim)?.writing;
    this.#stopRenewing(claim);
    await writing;
    const { key, hash, revision } = claim;
    let entry = outcome === 'forgotten' ? undefined : this.#fitting(entryOf(hash, outcome));
    for (let tries = 1; ; tries += 1) {
      try {
        if (entry === undefined) return await this.#records.remove(key, revision);
        if ((await this.#records.write(key, entry, revision)) !== undefined) return;
        return logEvent(this.#log, 'xmpp_request_taken_over', { key });
      } catch (error) {
        // If the bucket is full, a short record may still find room.
        if (error instanceof AppError && error.code === 'overloaded' && entry) entry = { state: 'gone', hash };
        if (tries === SETTLE_TRIES) return logEvent(this.#log, 'xmpp_outcome_not_shared', { err: error, key });
        await sleep(200 * tries);
      }
    }
  }

  /** The entry, or, if there is no room for its answer, an entry that says only that the request was answered. */
  #fitting(entry: Entry): Entry {
    const bytes = bytesOf(entry);
    if (bytes <= LONG_RECORD) return entry;
    const now = this.#now();
    while (this.#long[0] && this.#long[0].untilMs <= now) this.#longBytes -= this.#long.shift()!.bytes;
    if (bytes > MAX_RECORD || this.#longBytes + bytes > MAX_LONG_BYTES) return { state: 'gone', hash: entry.hash };
    this.#longBytes += bytes;
    this.#long.push({ bytes, untilMs: now + OUTCOMES.ttlMs });
    return entry;
  }

  /** True if the holder has not renewed its claim for `workMs`, by the clock of this replica. */
  #isAbandoned(key: string, revision: number, workMs: number): boolean {
    const seen = this.#watched.get(key);
    if (seen?.revision === revision) {
      if (this.#now() < seen.untilMs) return false;
      this.#watched.delete(key);
      return true;
    }
    this.#watched.set(key, { revision, untilMs: this.#now() + workMs });
    return false;
  }
}

function entryOf(hash: string, outcome: Exclude<Outcome, 'forgotten'>): Entry {
  if (outcome === 'gone') return { state: 'gone', hash };
  const { status, headers, body } = outcome.kept;
  return {
    state: 'done',
    hash,
    status,
    body: body.toString('base64'),
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  };
}

function bytesOf(entry: Entry): number {
  if (entry.state !== 'done') return 0;
  return entry.body.length + Buffer.byteLength(JSON.stringify(entry.headers));
}
