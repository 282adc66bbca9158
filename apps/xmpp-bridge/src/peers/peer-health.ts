import { BoundedMap } from '@switchyard/platform';
/*
 * Decides whether a call to a peer is worthwhile: a circuit breaker per peer. Pure; limited memory.
 *
 * - A peer that was offline several times in a row is not called for a moment. This protects the server from a storm of
 *   requests.
 * - A peer that let two deadlines pass is first sent a small query. The bridge calls the peer only if it answers.
 * - A peer that answers, or that comes online, counts as healthy again.
 */

export type Finding = 'answered' | 'late' | 'offline';

const OFFLINE_AFTER = 5;
const SUSPECT_AFTER = 2;
const OFFLINE_MS = 1_000;
const MAX_PEERS = 2_048;

interface Record {
  readonly late: number;
  readonly offline: number;
  readonly offlineUntil: number;
}

const WELL: Record = { late: 0, offline: 0, offlineUntil: 0 };

export class PeerHealth {
  readonly #records = new BoundedMap<string, Record>(MAX_PEERS);

  /** What to do before this peer is called. */
  before(jid: string, now: number): 'call' | 'ask first' | 'give up' {
    const { late, offlineUntil } = this.#records.get(jid) ?? WELL;
    if (offlineUntil > now) return 'give up';
    return late >= SUSPECT_AFTER ? 'ask first' : 'call';
  }

  tell(jid: string, finding: Finding, now: number): void {
    const before = this.#records.get(jid) ?? WELL;
    if (finding === 'answered') return this.forget(jid); // without a record the peer is healthy
    const late = finding === 'late' ? before.late + 1 : before.late;
    const offline = finding === 'offline' ? before.offline + 1 : 0;
    this.#records.set(jid, { late, offline, offlineUntil: offline >= OFFLINE_AFTER ? now + OFFLINE_MS : 0 });
  }

  forget(jid: string): void {
    this.#records.delete(jid);
  }
}
