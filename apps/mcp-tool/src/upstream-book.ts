import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tool as McpTool } from '@modelcontextprotocol/client';
import { AppError, type Principal, toPublicError, type UpstreamStatus } from '@switchyard/contracts';
import type { Logger, Metrics } from '@switchyard/platform';
import type { ToolPins } from '@switchyard/store';
import type { Teller } from './teller.ts';
import type { Trust } from './tool.ts';
import { policyOf, type ToolPolicy, type UpstreamConfig } from './upstream-config.ts';
import { faultOf } from './upstream-faults.ts';
import { canonicalDefinition, definitionDiff, hashOf, judge } from './upstream-pins.ts';
import type { UpstreamPool } from './upstream-pool.ts';
import type { Definition } from './upstream-scan.ts';

/*
 * Which upstreams there are, and which of their tools may be used now.
 *
 * B1 Nothing here waits for an upstream: the tools that were approved are known from the database at once, and each
 *    upstream is asked again and again in its own time. One that fails takes none of the others with it.
 * B2 An upstream that does not answer twice in a row is unavailable, with a reason, and its tools are not listed until
 *    it answers again.
 * B3 Only a definition that is pinned is handed on (upstream-pins.ts). Without the database nothing becomes usable.
 * B5 What the upstream itself or another replica says is a reason to ask it, once for many such words, and not more
 *    often than every HEARD_EVERY_MS.
 * B4 Another configuration takes effect at once; upstreams that it leaves as they were keep their connections.
 * B5 Schemas are compiled one at a time: however many an upstream has, calls under way go on in between.
 */

export interface ActiveTool {
  readonly upstream: UpstreamConfig;
  readonly definition: McpTool;
  readonly policy: ToolPolicy;
}

export interface BookParts {
  readonly pool: Pick<UpstreamPool, 'use' | 'forget' | 'isOpen'>;
  readonly pins: Pick<ToolPins, 'of' | 'note'>;
  readonly teller: Pick<Teller, 'tell'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The usable tools of an upstream from now on; answers why some of them could not be taken. */
  readonly publish: (upstream: string, tools: readonly ActiveTool[]) => readonly string[];
  /** Names of tools that are none of an upstream's. */
  readonly otherNames: () => readonly string[];
  /** Why a definition cannot be used at all. */
  readonly objections?: (definition: Definition, trust: Trust) => readonly string[];
}

/** Most tools of one upstream. */
const MAX_TOOLS = 1_000;
const LIST_LIMIT_MS = 20_000;
const FIRST_RETRY_MS = 1_000;
const FAILURES_TO_WITHDRAW = 2;
const HEARD_AFTER_MS = 100;
const HEARD_EVERY_MS = 1_000;
const MAX_DIFF_TOLD = 20;
const NAME = /^[A-Za-z0-9_./-]{1,128}$/;

interface Entry {
  readonly config: UpstreamConfig;
  readonly text: string;
  /** What it said last, and what of it may be used. */
  seen: readonly McpTool[] | undefined;
  active: readonly McpTool[];
  quarantined: number;
  failures: number;
  reason: string | undefined;
  /** What it waits for a user to do; calls of users who did it go through. */
  waits: string | undefined;
  era: 'modern' | 'legacy' | undefined;
  refreshedAt: number | undefined;
  /** For whom it is asked where it knows users. */
  as: Principal | undefined;
  timer: NodeJS.Timeout | undefined;
  /** B5 */
  heard: NodeJS.Timeout | undefined;
  askedAt: number;
  work: Promise<void>;
  gone: boolean;
}

export class UpstreamBook {
  readonly #entries = new Map<string, Entry>();
  #stopped = false;

  constructor(private readonly parts: BookParts) {
    parts.metrics.gauge(
      'upstreams_unavailable',
      'MCP upstreams that do not answer',
      [],
      () => this.unavailable().length,
    );
  }

  /** B4 */
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

  /** B2 */
  unavailable(): { upstream: string; reason: string }[] {
    return [...this.#entries.values()].flatMap(({ config, reason }) =>
      reason === undefined ? [] : [{ upstream: config.name, reason }],
    );
  }

  statuses(): UpstreamStatus[] {
    return [...this.#entries.values()].map((entry) => ({
      name: entry.config.name,
      provider: entry.config.provider,
      transport: entry.config.command === undefined ? 'http' : 'stdio',
      trust: entry.config.trust,
      available: (entry.reason ?? entry.waits) === undefined,
      reason: entry.reason ?? entry.waits ?? null,
      tools: entry.active.length,
      quarantined: entry.quarantined,
      era: entry.era ?? null,
      refreshedAt: entry.refreshedAt ?? null,
    }));
  }

  /** Asks an upstream now. Resolves when what it says is in effect, or it is known that it does not answer. */
  refresh(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    return entry ? this.#soon(entry) : Promise.resolve();
  }

  /** This user could use an upstream: it can be asked on the user's behalf. */
  usedBy(name: string, principal: Principal): void {
    const entry = this.#entries.get(name);
    if (entry?.config.auth !== 'user' || (entry.as && entry.waits === undefined)) return;
    entry.as = principal;
    void this.#soon(entry);
  }

  /** This user authorised a provider: its upstreams can be asked on the user's behalf. */
  authorised(provider: string, principal: Principal): void {
    for (const entry of this.#entries.values()) {
      if (entry.config.auth !== 'user' || entry.config.provider !== provider) continue;
      entry.as = principal;
      void this.#soon(entry);
    }
  }

  /** B5: something about it may be another now; `withdrawn`: a tool that is not to be used until it was asked. */
  heard(name: string, withdrawn?: string): void {
    const entry = this.#entries.get(name);
    if (!entry || this.#stopped) return;
    if (withdrawn !== undefined && entry.active.some((tool) => tool.name === withdrawn))
      this.#publish(
        entry,
        entry.active.filter((tool) => tool.name !== withdrawn),
      );
    if (entry.heard) return;
    const waitMs = Math.max(HEARD_AFTER_MS, entry.askedAt + HEARD_EVERY_MS - performance.now());
    entry.heard = setTimeout(() => {
      entry.heard = undefined;
      void this.#soon(entry);
    }, waitMs).unref();
  }

  /** Undefined where there is no such upstream. */
  isAvailable(name: string): boolean | undefined {
    const entry = this.#entries.get(name);
    return entry && entry.reason === undefined;
  }

  /** A person decided on a definition: what was seen last is judged anew. */
  async judgeAgain(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (!entry) return;
    if (entry.seen) await this.#judge(entry, entry.seen);
    else await this.#soon(entry);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const entries = [...this.#entries.values()];
    for (const { timer, heard } of entries) for (const due of [timer, heard]) clearTimeout(due);
    await Promise.all(entries.map(({ work }) => work));
  }

  #add(config: UpstreamConfig, text: string): void {
    const entry: Entry = {
      ...{
        config,
        text,
        seen: undefined,
        active: [],
        quarantined: 0,
        failures: 0,
        reason: undefined,
        waits: undefined,
      },
      ...{
        era: undefined,
        refreshedAt: undefined,
        as: undefined,
        timer: undefined,
        heard: undefined,
        askedAt: Number.NEGATIVE_INFINITY,
        gone: false,
        work: Promise.resolve(),
      },
    };
    this.#entries.set(config.name, entry);
    entry.work = this.#recall(entry);
    void this.#soon(entry);
  }

  #remove(entry: Entry): void {
    const { name } = entry.config;
    entry.gone = true;
    for (const due of [entry.timer, entry.heard]) clearTimeout(due);
    this.#entries.delete(name);
    this.parts.pool.forget(name);
    this.parts.publish(name, []);
  }

  /** B1: what was approved before, until the upstream says what it has now. */
  async #recall(entry: Entry): Promise<void> {
    try {
      const pins = await this.parts.pins.of(entry.config.name);
      const known = pins.flatMap(({ approved, pending }) =>
        approved === null || pending !== null ? [] : [JSON.parse(approved) as McpTool],
      );
      const objections = await this.#objectionsTo(entry, known);
      this.#publish(
        entry,
        known.filter((tool) => objections.get(tool)!.length === 0),
      );
      entry.quarantined = pins.filter(({ pending }) => pending !== null).length;
    } catch (error) {
      this.parts.log.warn({ err: error, upstream: entry.config.name }, 'the pins of an upstream could not be read');
    }
  }

  /** One at a time for each upstream; the next one is due when this one is over. */
  #soon(entry: Entry): Promise<void> {
    clearTimeout(entry.timer);
    entry.work = entry.work.then(() => this.#ask(entry));
    return entry.work;
  }

  async #ask(entry: Entry): Promise<void> {
    if (this.#stopped || entry.gone) return;
    const { config } = entry;
    clearTimeout(entry.timer);
    entry.askedAt = performance.now();
    try {
      if (config.auth === 'user' && !entry.as)
        throw new AppError('credentials_missing', `Nobody has authorised ${config.provider} yet.`);
      const tools = await this.parts.pool.use(config, entry.as, async (link) => {
        entry.era = link.era;
        return link.listTools({ timeoutMs: LIST_LIMIT_MS, maxTimeoutMs: LIST_LIMIT_MS });
      });
      await this.#judge(entry, tools);
      entry.refreshedAt = Date.now();
      this.#settle(entry, undefined);
    } catch (error) {
      this.#settle(entry, error);
    }
    if (this.#stopped || entry.gone) return;
    const dueMs = entry.failures === 1 ? Math.min(FIRST_RETRY_MS, config.refresh_ms) : config.refresh_ms;
    entry.timer = setTimeout(() => void this.#soon(entry), dueMs * (0.9 + Math.random() / 5)).unref();
  }

  /** B3 */
  async #judge(entry: Entry, tools: readonly McpTool[]): Promise<void> {
    const { config } = entry;
    const { pins, teller, log } = this.parts;
    const usable = tools.filter(({ name }) => NAME.test(name) && !policyOf(config, name).hidden).slice(0, MAX_TOOLS);
    if (tools.length > usable.length && entry.seen?.length !== tools.length)
      log.info({ upstream: config.name, left: tools.length - usable.length }, 'tools of an upstream are left out');
    const known = await pins.of(config.name);
    const objections = await this.#objectionsTo(entry, usable);
    const { active, changes } = judge(usable, known, {
      approve: config.approve,
      others: this.#namesOfOthers(config),
      objections: (definition) => objections.get(definition)!,
    });
    const news = new Set(await pins.note(config.name, changes));
    for (const change of changes) {
      if (change.become !== 'quarantined' || !news.has(change.tool)) continue;
      const { tool, definition, reasons } = change;
      const approved = known.find((pin) => pin.tool === tool)?.approved ?? null;
      const diff = definitionDiff(approved, definition).slice(0, MAX_DIFF_TOLD);
      const hash = hashOf(definition);
      log.warn({ upstream: config.name, tool, reasons }, 'a tool of an upstream is quarantined');
      teller.tell({
        type: 'tools.definition.quarantined',
        data: {
          upstream: config.name,
          tool,
          hash,
          reasons: [...reasons],
          diff: diff.map((line) => line.slice(0, 500)),
        },
      });
    }
    if (entry.gone) return;
    entry.seen = tools;
    entry.quarantined = usable.length - active.length;
    this.#publish(entry, active as readonly McpTool[]);
  }

  /** B5 */
  async #objectionsTo({ config }: Entry, tools: readonly Definition[]): Promise<Map<Definition, readonly string[]>> {
    const found = new Map<Definition, readonly string[]>();
    for (const tool of tools) {
      found.set(tool, this.parts.objections?.(tool, config.trust) ?? []);
      await nextTurn();
    }
    return found;
  }

  #publish(entry: Entry, tools: readonly McpTool[]): void {
    if (entry.gone) return;
    const { config } = entry;
    const same = tools.length === entry.active.length && tools.every((tool, i) => sameTool(tool, entry.active[i]!));
    entry.active = tools;
    if (entry.reason !== undefined) return; // It is published when it answers again (B2).
    if (same && entry.reason === undefined && entry.refreshedAt !== undefined) return;
    const shown = tools.map((definition) => ({
      upstream: config,
      definition,
      policy: policyOf(config, definition.name),
    }));
    const objections = this.parts.publish(config.name, shown);
    if (objections.length > 0)
      this.parts.log.warn({ upstream: config.name, objections }, 'tools of an upstream were not taken');
  }

  /** B2 */
  #settle(entry: Entry, error: unknown): void {
    if (entry.gone || this.#stopped) return;
    const { config } = entry;
    const { log, teller, publish } = this.parts;
    const before = entry.reason;
    if (error === undefined) {
      entry.failures = 0;
      entry.reason = entry.waits = undefined;
    } else {
      entry.failures += 1;
      // It is there; it is each call that needs a token.
      const waits = config.auth === 'user' && faultOf(error) === 'unauthorised';
      entry.waits = waits ? reasonOf(error) : undefined;
      if (!waits || entry.failures === 1)
        log.warn({ err: error, upstream: config.name }, 'an upstream could not be asked for its tools');
      if (waits || entry.failures < FAILURES_TO_WITHDRAW) return;
      entry.reason = reasonOf(error);
      if (before === undefined) publish(config.name, []);
    }
    if ((before === undefined) === (entry.reason === undefined)) return;
    if (entry.reason === undefined) {
      const { active } = entry;
      entry.active = [];
      this.#publish(entry, active);
    }
    const reason = entry.reason ?? null;
    teller.tell({
      type: 'tools.upstream.changed',
      data: { upstream: config.name, available: reason === null, reason },
    });
  }

  #namesOfOthers(config: UpstreamConfig): string[] {
    const names = [...this.#entries.values()].flatMap((other) =>
      other.config.provider === config.provider ? [] : (other.seen ?? other.active).map(({ name }) => name),
    );
    return [...names, ...this.parts.otherNames()];
  }
}

function sameTool(a: McpTool, b: McpTool): boolean {
  return a === b || canonicalDefinition(a) === canonicalDefinition(b);
}

/** For people: no text of the upstream. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError && error.code !== 'internal') return toPublicError(error).message;
  switch (faultOf(error)) {
    case 'unauthorised':
      return 'It does not take our credentials.';
    case 'away':
      return 'It could not be reached.';
    case 'refused':
      return 'It does not list its tools.';
    default:
      return 'It did not give a usable answer.';
  }
}
