import type { Tool as McpTool } from '@modelcontextprotocol/client';
import { AppError, type Principal, type UpstreamAuthorisation, type UpstreamStatus } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';
import { logEvent } from '../../log-events.ts';
import type { UpstreamConfig } from '../connections/config.ts';
import { Definitions, type DefinitionsParts } from './definitions.ts';
import { newEntry, silence, statusOf, type UpstreamEntry } from './entry.ts';
import { healthAfter } from './health.ts';
import { canonicalDefinition } from './pins.ts';
import { policyOf, type ToolPolicy, type UpstreamPool } from '../connections/index.ts';

/*
 * The registry of upstreams: their configuration, their health, and the tools that may be used now.
 *
 * - No caller waits for an upstream here. The registry reads the approved tools from the database at once, and queries
 *   each upstream periodically. An upstream that fails does not affect the others.
 * - The tools of an unavailable upstream (health.ts) are not listed until the upstream answers again.
 * - Only tools that may be used are published (definitions.ts).
 * - A new configuration takes effect at once. An upstream whose settings stay the same keeps its connections.
 * - When the upstream itself or another replica reports a change, the registry queries the upstream again: once for
 *   many reports, and at most once every HEARD_EVERY_MS.
 */

export interface ActiveTool {
  readonly upstream: UpstreamConfig;
  readonly definition: McpTool;
  readonly policy: ToolPolicy;
}

export interface UpstreamRegistryParts extends DefinitionsParts {
  readonly pool: Pick<UpstreamPool, 'use' | 'forget'> & Partial<Pick<UpstreamPool, 'saidBy'>>;
  readonly metrics: Metrics;
  /** The usable tools of an upstream from now on; answers why some of them could not be taken. */
  readonly publish: (upstream: string, tools: readonly ActiveTool[]) => readonly string[];
  /** Names of tools that are none of an upstream's. */
  readonly otherNames: () => readonly string[];
  /** How an upstream is authorised, if that is discovered from it. */
  readonly authorisationOf?: (upstream: UpstreamConfig) => UpstreamAuthorisation | null;
  /** What a person must do before such an upstream can be asked. */
  readonly waitsFor?: (upstream: UpstreamConfig) => string | undefined;
}

const LIST_LIMIT_MS = 20_000;
const FIRST_RETRY_MS = 1_000;
const HEARD_AFTER_MS = 100;
const HEARD_EVERY_MS = 1_000;

export class UpstreamRegistry {
  readonly #entries = new Map<string, UpstreamEntry>();
  readonly #definitions: Definitions;
  #stopped = false;

  readonly #parts: UpstreamRegistryParts;

  constructor(parts: UpstreamRegistryParts) {
    this.#parts = parts;
    this.#definitions = new Definitions(parts);
    const unavailable = (): number => this.unavailable().length;
    parts.metrics.gauge('upstreams_unavailable', 'MCP upstreams that do not answer', [], unavailable);
  }

  /** Replaces the configuration at once. An upstream whose settings stay the same keeps its entry and connections. */
  configure(configs: readonly UpstreamConfig[]): void {
    const wanted = new Map(configs.map((config) => [config.name, JSON.stringify(config)]));
    for (const [name, entry] of this.#entries) if (wanted.get(name) !== entry.text) this.#remove(entry);
    for (const config of configs) if (!this.#entries.has(config.name)) this.#add(config, wanted.get(config.name)!);
  }

  get(name: string): UpstreamConfig | undefined {
    return this.#entries.get(name)?.config;
  }

  all(): UpstreamConfig[] {
    return [...this.#entries.values()].map(({ config }) => config);
  }

  /** The upstreams whose tools are not listed now, each with the reason. */
  unavailable(): { upstream: string; reason: string }[] {
    return [...this.#entries.values()].flatMap(({ config, health: { reason } }) =>
      reason === undefined ? [] : [{ upstream: config.name, reason }],
    );
  }

  /** Processes that have less of a sandbox than their operator wants. */
  unconfined(): { upstream: string; missing: string }[] {
    return [...this.#entries.values()].flatMap(({ config, confinement }) =>
      confinement?.missing ? [{ upstream: config.name, missing: confinement.missing }] : [],
    );
  }

  /** Undefined if there is no such upstream. */
  isAvailable(name: string): boolean | undefined {
    const entry = this.#entries.get(name);
    return entry && entry.health.reason === undefined;
  }

  statuses(): UpstreamStatus[] {
    const { authorisationOf, pool } = this.#parts;
    return [...this.#entries.values()].map((entry) => {
      const { config } = entry;
      return statusOf(entry, authorisationOf?.(config) ?? null, pool.saidBy?.(config.name));
    });
  }

  /** Queries an upstream now. Resolves when its answer is in effect, or when it failed to answer. */
  refresh(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    return entry ? this.#soon(entry) : Promise.resolve();
  }

  /** This user can use the upstream, so it can be queried on the user's behalf. */
  usedBy(name: string, principal: Principal): void {
    const entry = this.#entries.get(name);
    if (entry?.config.auth !== 'user' || (entry.as && entry.health.waits === undefined)) return;
    entry.as = principal;
    void this.#soon(entry);
  }

  /** This user authorised a provider, so its upstreams can be queried on the user's behalf. */
  authorised(provider: string, principal: Principal): void {
    for (const entry of this.#entries.values()) {
      if (entry.config.auth !== 'user' || entry.config.provider !== provider) continue;
      entry.as = principal;
      void this.#soon(entry);
    }
  }

  /**
   * Something about an upstream may have changed: queries it soon, once for many such reports. `withdrawn`: a tool that
   * is not used until then.
   */
  heard(name: string, withdrawn?: string): void {
    const entry = this.#entries.get(name);
    if (!entry || this.#stopped) return;
    const rest = entry.active.filter((tool) => tool.name !== withdrawn);
    if (rest.length < entry.active.length) this.#publish(entry, rest);
    if (entry.heard) return;
    const waitMs = Math.max(HEARD_AFTER_MS, entry.askedAt + HEARD_EVERY_MS - performance.now());
    entry.heard = setTimeout(() => {
      entry.heard = undefined;
      void this.#soon(entry);
    }, waitMs).unref();
  }

  /** A person decided on a definition: judges the last listed tools anew. */
  async judgeAgain(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    if (entry.seen) await this.#judge(entry, entry.seen);
    else await this.#soon(entry);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const entries = [...this.#entries.values()];
    for (const entry of entries) silence(entry);
    await Promise.all(entries.map(({ work }) => work));
  }

  #add(config: UpstreamConfig, text: string): void {
    const entry = newEntry(config, text);
    this.#entries.set(config.name, entry);
    entry.work = this.#recall(entry);
    void this.#soon(entry);
  }

  #remove(entry: UpstreamEntry): void {
    const { name } = entry.config;
    entry.gone = true;
    silence(entry);
    this.#entries.delete(name);
    this.#parts.pool.forget(name);
    this.#parts.publish(name, []);
  }

  /** Publishes the tools that were approved before, so that nobody waits for the upstream's first answer. */
  async #recall(entry: UpstreamEntry): Promise<void> {
    try {
      const { active, quarantined } = await this.#definitions.recalled(entry.config);
      this.#publish(entry, active);
      entry.quarantined = quarantined;
    } catch (error) {
      logEvent(this.#parts.log, 'upstream_pins_unreadable', { err: error, upstream: entry.config.name });
    }
  }

  /** Runs one query at a time per upstream; the next one is due when this one is over. */
  #soon(entry: UpstreamEntry): Promise<void> {
    clearTimeout(entry.timer);
    entry.work = entry.work.then(() => this.#ask(entry));
    return entry.work;
  }

  async #ask(entry: UpstreamEntry): Promise<void> {
    if (this.#stopped || entry.gone) return;
    const { config } = entry;
    clearTimeout(entry.timer);
    entry.askedAt = performance.now();
    try {
      if (config.auth === 'user' && !entry.as)
        throw new AppError(
          'credentials_missing',
          this.#parts.waitsFor?.(config) ?? `Nobody has authorised ${config.provider} yet.`,
        );
      const tools = await this.#parts.pool.use(config, entry.as, async (link) => {
        entry.era = link.era;
        entry.confinement = link.confinement;
        return link.listTools({ timeoutMs: LIST_LIMIT_MS, maxTimeoutMs: LIST_LIMIT_MS });
      });
      await this.#judge(entry, tools);
      entry.refreshedAt = Date.now();
      this.#settle(entry, undefined);
    } catch (error) {
      this.#settle(entry, error);
    }
    if (this.#stopped || entry.gone) return;
    const dueMs = entry.health.failures === 1 ? Math.min(FIRST_RETRY_MS, config.refresh_ms) : config.refresh_ms;
    entry.timer = setTimeout(() => void this.#soon(entry), dueMs * (0.9 + Math.random() / 5)).unref();
  }

  /** Judges what the upstream listed, and publishes only what may be used. */
  async #judge(entry: UpstreamEntry, tools: readonly McpTool[]): Promise<void> {
    const { config, seen: before } = entry;
    const others = (): string[] => this.#namesOfOthers(config);
    const { active, quarantined } = await this.#definitions.judged(config, tools, { before, others });
    if (entry.gone) return;
    entry.seen = tools;
    entry.quarantined = quarantined;
    this.#publish(entry, active);
  }

  #publish(entry: UpstreamEntry, tools: readonly McpTool[]): void {
    if (entry.gone) return;
    const { config } = entry;
    const same = tools.length === entry.active.length && tools.every((tool, i) => sameTool(tool, entry.active[i]!));
    entry.active = tools;
    if (entry.health.reason !== undefined) return; // Its tools are published when it answers again.
    if (same && entry.refreshedAt !== undefined) return;
    const active = tools.map((tool) => ({ upstream: config, definition: tool, policy: policyOf(config, tool) }));
    const objections = this.#parts.publish(config.name, active);
    if (objections.length > 0)
      logEvent(this.#parts.log, 'upstream_tools_refused', { upstream: config.name, objections });
  }

  /**
   * Records the result of a query: withdraws the tools of an upstream that became unavailable, or publishes them again.
   */
  #settle(entry: UpstreamEntry, error: unknown): void {
    if (entry.gone || this.#stopped) return;
    const { config, health: before } = entry;
    const { log, systemEvents, publish } = this.#parts;
    const now = (entry.health = healthAfter(before, config, error));
    if (error !== undefined && (now.waits === undefined || now.failures === 1))
      logEvent(log, 'upstream_unavailable', { err: error, upstream: config.name });
    if ((before.reason === undefined) === (now.reason === undefined)) return;
    if (now.reason !== undefined) publish(config.name, []);
    else {
      const { active } = entry;
      entry.active = [];
      this.#publish(entry, active);
    }
    const reason = now.reason ?? null;
    const data = { upstream: config.name, available: reason === null, reason };
    systemEvents.publish({ type: 'tools.upstream.changed', data });
  }

  #namesOfOthers(config: UpstreamConfig): string[] {
    const names = [...this.#entries.values()].flatMap((other) =>
      other.config.provider === config.provider ? [] : (other.seen ?? other.active).map(({ name }) => name),
    );
    return [...names, ...this.#parts.otherNames()];
  }
}

function sameTool(a: McpTool, b: McpTool): boolean {
  return a === b || canonicalDefinition(a) === canonicalDefinition(b);
}
