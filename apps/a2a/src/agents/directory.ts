import type { AgentInfo } from '@switchyard/contracts';
import { agentId } from './agent-id.ts';
import { vetCard } from './card.ts';
import type { VettedCard } from './card.ts';

export interface AgentAddress {
  /** Base URL; the card is at /.well-known/agent-card.json under it. */
  url: string;
  /** Overrides the name of the card. */
  name?: string | undefined;
  /** The agent comes and goes, and its absence is no problem. */
  optional?: boolean | undefined;
}

/** An agent that can be called: its id here and the card that says how. */
export interface KnownAgent {
  id: string;
  name: string;
  card: VettedCard;
}

/** The facts that the directory reports. */
export type DirectoryFact =
  | { type: 'a2a.card.changed'; data: { agent: string; digest: string } }
  | { type: 'a2a.agent.unreachable'; data: { agent: string; error_code: string } };

interface DirectoryParts {
  agents: readonly AgentAddress[];
  /** Reads the text of a card; throws on failure. The implementation limits size and time. */
  readCard(url: string, signal: AbortSignal): Promise<string>;
  allowedHosts: readonly string[];
  ttlMs: number;
  clock: { now(): number };
  onFact(fact: DirectoryFact): void;
  /** A stable code for an error of `readCard`. */
  codeOf(error: unknown): string;
}

interface Entry {
  address: AgentAddress;
  id: string | undefined;
  card: VettedCard | undefined;
  reachable: boolean;
  /** Epoch ms of the last try, good or bad. */
  triedAt: number;
  refresh: Promise<void> | undefined;
  failures: number;
}

const RETRY_AFTER_FAILURE_MS = 2_000;
const CARD_PATH = '/.well-known/agent-card.json';
/** Longest wait of a caller for a card; the refresh itself goes on and serves the next caller. */
const MAX_WAIT_MS = 3_000;

/**
 * The agents that a task may be delegated to.
 * - The directory reads a card at most once per `ttlMs` while it can be read, and with one request at a time.
 * - A card that was read once stays in use when a later read fails; the agent then counts as unreachable.
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
      reachable: entry.reachable,
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
    const known = this.#entries.filter((entry) => entry.card !== undefined);
    const entry =
      key === undefined
        ? known.length === 1
          ? known[0]
          : undefined
        : known.find((each) => this.#idOf(each) === key || nameOf(each).toLowerCase() === key);
    return entry?.card && { id: this.#idOf(entry), name: nameOf(entry), card: entry.card };
  }

  /** True where an agent of this name is configured, whether or not its card could be read. */
  isConfigured(wanted: string): boolean {
    const key = wanted.replace(/^delegate_to_/, '').toLowerCase();
    return this.#entries.some((entry) => this.#idOf(entry) === key || nameOf(entry).toLowerCase() === key);
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
      const url = new URL(entry.address.url.replace(/\/+$/, '') + CARD_PATH).href;
      const text = await this.#parts.readCard(url, AbortSignal.timeout(10_000));
      const verdict = vetCard(text, url, this.#parts.allowedHosts);
      if (!verdict.ok) return this.#failed(entry, 'agent_card_invalid');
      const before = entry.card;
      entry.card = verdict.value;
      entry.reachable = true;
      entry.failures = 0;
      if (before && before.digest !== verdict.value.digest) {
        this.#parts.onFact({
          type: 'a2a.card.changed',
          data: { agent: this.#idOf(entry), digest: verdict.value.digest },
        });
      }
    } catch (error) {
      this.#failed(entry, this.#parts.codeOf(error));
    } finally {
      entry.triedAt = this.#parts.clock.now();
      entry.refresh = undefined;
    }
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

function nameOf(entry: Entry): string {
  return entry.address.name ?? entry.card?.name ?? new URL(entry.address.url).host;
}
