import type { AgentInfo } from '@switchyard/contracts';
import type { AcceptedCard } from '@switchyard/agent-card';
import { agentId } from './agent-id.ts';
import type { CardReader } from './card-reader.ts';
import { vetCard } from './card.ts';
import type { VettedCard } from './card.ts';
import { judgeTrust, type TrustRule } from './trust.ts';

export interface AgentAddress extends Partial<TrustRule> {
  /** Base URL; the card is at /.well-known/agent-card.json under it. */
  url: string;
  /** Overrides the name of the card. */
  name?: string | undefined;
  /** The agent comes and goes, and its absence is no problem. */
  optional?: boolean | undefined;
  /** The agent answers a repeated message with the task that it started: a message may be sent again. */
  deduplicates?: boolean | undefined;
}

/** An agent that can be called: its id here and the card that says how. */
export interface KnownAgent {
  id: string;
  name: string;
  card: VettedCard;
  deduplicates: boolean;
}

/** The facts that the directory reports. */
export type DirectoryFact =
  | { type: 'a2a.card.changed'; data: { agent: string; digest: string } }
  | { type: 'a2a.card.refused'; data: { agent: string; digest: string; reason: string } }
  | { type: 'a2a.agent.unreachable'; data: { agent: string; error_code: string } };

interface DirectoryParts {
  agents: readonly AgentAddress[];
  /** Throws on failure, and limits size and time. */
  reader: CardReader;
  allowedHosts: readonly string[];
  ttlMs: number;
  clock: { now(): number };
  onFact(fact: DirectoryFact): void;
  /** A stable code for an error of the reader. */
  codeOf(error: unknown): string;
}

interface Entry {
  address: AgentAddress;
  id: string | undefined;
  card: VettedCard | undefined;
  /** The text of the card as it was read last, and by which it is asked for again. */
  read: { text: string; etag?: string | undefined } | undefined;
  /** The card that was read last is not trusted: nothing is sent to the agent. */
  refused: { digest: string; reason: string } | undefined;
  accepted: (AcceptedCard & { kid?: string | undefined; expiresAt?: number | undefined }) | undefined;
  reachable: boolean;
  /** Epoch ms of the last try, good or bad. */
  triedAt: number;
  refresh: Promise<void> | undefined;
  failures: number;
}

const RETRY_AFTER_FAILURE_MS = 2_000;
const CARD_PATH = '/.well-known/agent-card.json';
/** How far the clocks of two organisations may differ. */
const CLOCK_SKEW_S = 60;
/** Longest wait of a caller for a card; the refresh itself goes on and serves the next caller. */
const MAX_WAIT_MS = 3_000;

/**
 * The agents that a task may be delegated to.
 * - The directory reads a card at most once per `ttlMs` while it can be read, and with one request at a time.
 * - A card that was read once stays in use when a later read fails; the agent then counts as unreachable.
 * - A card that is not trusted is quarantined with its agent: neither it nor the card before it is used, until a card
 *   that is trusted can be read. So is a card of which the signature has ended.
 * - An id, once given, stays with its agent. No two agents share an id.
 */
export class Directory {
  readonly #entries: Entry[];

  readonly #parts: DirectoryParts;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
    this.#entries = parts.agents.map((address) => ({
      address,
      id: undefined,
      card: undefined,
      read: undefined,
      refused: undefined,
      accepted: undefined,
      reachable: false,
      triedAt: Number.NEGATIVE_INFINITY,
      refresh: undefined,
      failures: 0,
    }));
  }

  /**
   * Every agent, in the order of the configuration; an agent whose card was never read has no skills yet. `fresh`:
   * reads every card again now.
   */
  async list(fresh = false): Promise<AgentInfo[]> {
    await this.refreshDue(fresh);
    return this.#entries.map((entry) => ({
      id: this.#idOf(entry),
      name: nameOf(entry),
      description: entry.card?.description ?? '',
      skills: entry.card?.skills ?? [],
      reachable: entry.reachable && this.#refusal(entry) === undefined,
      card: this.#cardState(entry),
    }));
  }

  /** Ids of configured agents that are unreachable. */
  async missing(): Promise<string[]> {
    await this.refreshDue();
    return this.#entries
      .filter(({ reachable, address }) => !reachable && address.optional !== true)
      .map((entry) => this.#idOf(entry));
  }

  /** The agent by id or name; without a name, the only agent. Undefined: unknown, or its card was never read. */
  async find(wanted: string | undefined): Promise<KnownAgent | undefined> {
    await this.refreshDue();
    const key = wanted?.replace(/^delegate_to_/, '').toLowerCase();
    const known = this.#entries.filter((entry) => entry.card !== undefined && this.#refusal(entry) === undefined);
    const entry =
      key === undefined
        ? known.length === 1
          ? known[0]
          : undefined
        : known.find((each) => this.#idOf(each) === key || nameOf(each).toLowerCase() === key);
    if (!entry?.card) return undefined;
    const deduplicates = entry.address.deduplicates === true;
    return { id: this.#idOf(entry), name: nameOf(entry), card: entry.card, deduplicates };
  }

  /** True where an agent of this name is configured, whether or not its card could be read. */
  isConfigured(wanted: string): boolean {
    const key = wanted.replace(/^delegate_to_/, '').toLowerCase();
    return this.#entries.some((entry) => this.#idOf(entry) === key || nameOf(entry).toLowerCase() === key);
  }

  /** Why the card of the agent of this name is not trusted; undefined where it is, or none was read. */
  refusalOf(wanted: string): string | undefined {
    const key = wanted.replace(/^delegate_to_/, '').toLowerCase();
    const entry = this.#entries.find((each) => this.#idOf(each) === key || nameOf(each).toLowerCase() === key);
    return entry && this.#refusal(entry);
  }

  ids(): string[] {
    return this.#entries.map((entry) => this.#idOf(entry));
  }

  /** Reads the cards that are due; waits no longer than 3 s. */
  async refreshDue(fresh = false): Promise<void> {
    const due = this.#entries
      .filter((entry) => this.#isDue(entry) || (fresh && entry.refresh === undefined))
      .map((entry) => (entry.refresh ??= this.#refresh(entry)));
    const underWay = this.#entries.flatMap((entry) => (entry.refresh && !entry.card ? [entry.refresh] : []));
    const waits = [...new Set([...due, ...underWay])];
    if (waits.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, MAX_WAIT_MS)));
    await Promise.race([Promise.all(waits), limit]);
    clearTimeout(timer);
  }

  #isDue(entry: Entry): boolean {
    const pause = entry.reachable
      ? this.#parts.ttlMs
      : Math.min(RETRY_AFTER_FAILURE_MS * 2 ** Math.max(entry.failures - 1, 0), this.#parts.ttlMs);
    return entry.refresh === undefined && this.#parts.clock.now() - entry.triedAt >= pause;
  }

  async #refresh(entry: Entry): Promise<void> {
    try {
      const url = cardUrlOf(entry.address);
      const { reader, allowedHosts, clock } = this.#parts;
      const etag = this.#mayBeUnchanged(entry) ? entry.read?.etag : undefined;
      const answer = await reader.readCard(url, AbortSignal.timeout(10_000), etag);
      const read = answer === 'unchanged' ? entry.read! : answer;
      const verdict = vetCard(read.text, url, allowedHosts);
      if (!verdict.ok) return this.#failed(entry, 'agent_card_invalid');
      const { trust = 'any', keys, card: pinned } = entry.address;
      const { whole, digest } = verdict.value;
      const judged = await judgeTrust(
        whole,
        { trust, keys, card: pinned },
        {
          cardUrl: url,
          allowedHosts,
          accepted: entry.accepted,
          nowMs: clock.now(),
          readKeys: (at) => reader.readKeys(at),
        },
      );
      entry.read = read;
      if (!judged.trusted) return this.#refuse(entry, digest, judged.reason);
      const before = entry.card;
      entry.card = verdict.value;
      entry.refused = undefined;
      entry.accepted = { version: whole.version, ...judged };
      entry.reachable = true;
      entry.failures = 0;
      if (before && before.digest !== digest) {
        this.#parts.onFact({
          type: 'a2a.card.changed',
          data: { agent: this.#idOf(entry), digest },
        });
      }
    } catch (error) {
      this.#failed(entry, this.#parts.codeOf(error));
    } finally {
      entry.triedAt = this.#parts.clock.now();
      entry.refresh = undefined;
    }
  }

  /**
   * False where a new signature is wanted: a server may leave signatures out of its ETag, and would answer that the card
   * is unchanged until the one that is here has ended.
   */
  #mayBeUnchanged({ refused, accepted }: Entry): boolean {
    if (refused) return false;
    const leftMs = (accepted?.expiresAt ?? Infinity) * 1_000 - this.#parts.clock.now();
    return leftMs > 2 * this.#parts.ttlMs;
  }

  /** Reports each refused card once. */
  #refuse(entry: Entry, digest: string, reason: string): void {
    const known = entry.refused?.digest === digest;
    entry.refused = { digest, reason };
    entry.reachable = false;
    entry.failures = Math.min(entry.failures + 1, 16);
    if (!known) this.#parts.onFact({ type: 'a2a.card.refused', data: { agent: this.#idOf(entry), digest, reason } });
  }

  #refusal(entry: Entry): string | undefined {
    if (entry.refused) return entry.refused.reason;
    const expiresAt = entry.accepted?.expiresAt;
    return expiresAt !== undefined && this.#parts.clock.now() / 1_000 > expiresAt + CLOCK_SKEW_S
      ? 'The signature of the card has ended, and no new one could be read.'
      : undefined;
  }

  #cardState(entry: Entry): AgentInfo['card'] {
    const refused = this.#refusal(entry);
    return {
      url: cardUrlOf(entry.address),
      trust: entry.address.trust ?? 'any',
      digest: entry.refused?.digest ?? entry.card?.digest ?? null,
      signedBy: entry.accepted?.kid ?? null,
      refused: refused ?? null,
    };
  }

  /** Reports a failure once per outage. */
  #failed(entry: Entry, code: string): void {
    const first = entry.reachable || (entry.failures === 0 && entry.address.optional !== true);
    entry.reachable = false;
    entry.failures = Math.min(entry.failures + 1, 16);
    if (first)
      this.#parts.onFact({ type: 'a2a.agent.unreachable', data: { agent: this.#idOf(entry), error_code: code } });
  }

  /** Fixed once a name is known; before that, made from the host. */
  #idOf(entry: Entry): string {
    if (entry.id !== undefined) return entry.id;
    const others = new Set(this.#entries.flatMap((each) => (each.id === undefined || each === entry ? [] : [each.id])));
    const id = agentId(nameOf(entry), others);
    if (entry.card || entry.address.name) entry.id = id;
    return id;
  }
}

function cardUrlOf({ url }: AgentAddress): string {
  return new URL(url.replace(/\/+$/, '') + CARD_PATH).href;
}

function nameOf(entry: Entry): string {
  return entry.address.name ?? entry.card?.name ?? new URL(entry.address.url).host;
}
