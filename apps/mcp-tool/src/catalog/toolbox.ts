import {
  AppError,
  type explainTools,
  type InputOf,
  type OutputOf,
  type Principal,
  sha256,
  type ToolConstraints,
} from '@switchyard/contracts';
import { constraintsAllow } from '@switchyard/run';
import type { Logger, Metrics } from '@switchyard/platform';
import { LRUCache } from 'lru-cache';
import { logEvent } from '../log-events.ts';
import type { Catalog, CatalogView } from './catalog.ts';
import type { SharedManifests } from './shared-manifests.ts';
import type { Tool } from '../tool/index.ts';
import {
  isWithin,
  judgeBase,
  judgeVisibility,
  OPEN_POLICY,
  type ProviderAuthorisations,
  type ProviderStatus,
  type Rule,
  type TenantPolicy,
  type Verdict,
  type Viewer,
} from './visibility.ts';

/*
 * The tools of one caller. The toolbox collects the facts about the caller, and judgeVisibility decides.
 *
 * - The list without constraints is cached until a tool, a policy or an authorisation changes: in memory, and for all
 *   replicas in Redis (shared-manifests.ts). It is cached for KEPT_MS at most, since authorisations expire. A list with
 *   an unknown provider status is not cached.
 * - Every call is judged anew, by current facts. Cached lists decide about lists only.
 * - A list under constraints is made anew for each request and never cached. Only the providers that the constraints
 *   leave are asked for their status.
 */

export interface ToolboxParts {
  readonly catalog: Catalog;
  readonly authorisations: ProviderAuthorisations;
  readonly policyOf?: (tenantId: string) => TenantPolicy;
  readonly shared?: Pick<SharedManifests, 'find' | 'keep'> | undefined;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** The tools that a caller may see without its constraints, and the epochs for which that holds. */
interface Manifest {
  readonly epoch: number;
  readonly authEpoch: number | string | undefined;
  readonly tools: readonly Tool[];
}

export const KEPT_MS = 30_000;

export type Lookup = { readonly found: Tool } | { readonly hidden: 'unknown' | Rule; readonly because?: string };

export class Toolbox {
  readonly #kept = new LRUCache<string, Manifest>({ max: 5_000, ttl: KEPT_MS });

  readonly #lists;

  readonly #parts: ToolboxParts;

  constructor(parts: ToolboxParts) {
    this.#parts = parts;
    const help = 'Lists of tools, by where they were found: memory, shared (Redis), or made anew';
    this.#lists = parts.metrics?.counter('tool_lists_total', help, ['from']);
  }

  get catalog(): Catalog {
    return this.#parts.catalog;
  }

  /** Drops the lists in memory, after a policy changed. */
  forget(): void {
    this.#kept.clear();
  }

  /** The tools that this caller may list and call, sorted by name. */
  async list(principal: Principal, constraints: ToolConstraints): Promise<readonly Tool[]> {
    return (await this.listed(principal, constraints)).tools;
  }

  /** The same tools, and whether the list was a kept one. */
  async listed(
    principal: Principal,
    constraints: ToolConstraints,
  ): Promise<{ readonly tools: readonly Tool[]; readonly cacheHit: boolean }> {
    const isFree = constraints.mode === 'auto' && principal.tools === undefined;
    const { tools, from } = isFree ? await this.#base(principal) : await this.#constrained(principal, constraints);
    this.#lists?.inc({ from });
    return { tools, cacheHit: from !== 'made' };
  }

  /** Makes a list under constraints, and keeps nothing of it. */
  async #constrained(principal: Principal, constraints: ToolConstraints) {
    const { tools: all } = this.#parts.catalog.snapshot.of(principal.tenantId);
    const named = all.filter((tool) => isWithin(principal.tools, tool) && constraintsAllow(constraints, tool));
    const viewer = await this.#viewer(principal, constraints, named);
    return { tools: named.filter((tool) => judgeVisibility(tool, viewer).visible), from: 'made' as const };
  }

  /** Finds a tool to call. The reason why it is hidden is for the log and the audit only. */
  async find(principal: Principal, constraints: ToolConstraints, name: string): Promise<Lookup> {
    const tool = this.#parts.catalog.snapshot.of(principal.tenantId).byName.get(name);
    if (!tool) return { hidden: 'unknown' };
    const verdict = await this.judge(tool, principal, constraints);
    return verdict.visible ? { found: tool } : { hidden: verdict.rule, because: verdict.because };
  }

  /** Judges a tool by what is known now; no kept list is used. */
  async judge(tool: Tool, principal: Principal, constraints: ToolConstraints): Promise<Verdict> {
    return judgeVisibility(tool, await this.#viewer(principal, constraints, [tool]));
  }

  /** Tells admins which tools of their tenant a caller sees, and why it does not see the others. */
  async explain(
    principal: Principal,
    { as, constraints, tool: only, cursor, limit }: Omit<InputOf<typeof explainTools>, 'principal'>,
  ): Promise<OutputOf<typeof explainTools>> {
    if (principal.role !== 'admin') throw new AppError('forbidden', 'Only an admin is told why a tool is hidden.');
    const who = as ? { ...principal, ...as } : principal;
    const { tools, byName } = this.#parts.catalog.snapshot.of(principal.tenantId);
    const one = only === undefined ? undefined : byName.get(only);
    if (only !== undefined && !one)
      throw new AppError(
        'tool_not_found',
        `There is no tool "${only}" in this tenant. Of an MCP server: it may be away, or the tool waits for an approval (tools upstreams, tools quarantine).`,
      );
    const after = one ? [one] : tools.filter(({ name }) => cursor === undefined || name > cursor);
    const page = after.slice(0, limit);
    const viewer = await this.#viewer(who, constraints, page);
    const verdicts = page.map((tool) => {
      const verdict = judgeVisibility(tool, viewer);
      const why = verdict.visible ? { rule: null, because: null } : { rule: verdict.rule, because: verdict.because };
      const { name, provider, kind, source } = tool;
      return { tool: name, provider, kind, source, visible: verdict.visible, ...why };
    });
    return { verdicts, nextCursor: after.length > page.length ? page.at(-1)!.name : null };
  }

  async #base(principal: Principal): Promise<{ tools: readonly Tool[]; from: 'memory' | 'shared' | 'made' }> {
    const { catalog, policyOf, shared } = this.#parts;
    const { tenantId, userId, role } = principal;
    const { epoch, ...snapshot } = catalog.snapshot;
    const key = JSON.stringify([tenantId, userId, role]);
    // Reads the epoch before the statuses: after a change in between, the kept list counts as stale, never as fresh.
    const authEpoch = await this.#epochOf(principal);
    const kept = this.#kept.get(key);
    if (kept && kept.epoch === epoch && kept.authEpoch === authEpoch && authEpoch !== undefined)
      return { tools: kept.tools, from: 'memory' };
    const view = snapshot.of(tenantId);
    const { tools: all } = view;
    const registry = registryOf(view, policyOf?.(tenantId) ?? OPEN_POLICY);
    const place = authEpoch === undefined ? undefined : { tenantId, userId, role, authEpoch, registry };
    const found = place && (await shared?.find(place, all));
    if (found) {
      if (epoch === catalog.epoch) this.#kept.set(key, { epoch, authEpoch, tools: found.tools }, { ttl: found.leftMs });
      return { tools: found.tools, from: 'shared' };
    }
    const viewer = await this.#viewer(principal, NO_CONSTRAINTS, all);
    const base = all.filter((tool) => judgeBase(tool, viewer).visible);
    const known = [...viewer.providers.values()].every(({ status }) => status !== 'unknown');
    if (known && epoch === catalog.epoch) {
      this.#kept.set(key, { epoch, authEpoch, tools: base });
      if (place) shared?.keep(place, all, base);
    }
    return { tools: base, from: 'made' };
  }

  async #epochOf(principal: Principal): Promise<number | string | undefined> {
    try {
      return await this.#parts.authorisations.epochOf(principal);
    } catch (error) {
      logEvent(this.#parts.log, 'authorisations_unknown', { err: error });
      return undefined;
    }
  }

  async #viewer(
    principal: Principal,
    constraints: ToolConstraints,
    tools: readonly Pick<Tool, 'provider' | 'tokenOf'>[],
  ): Promise<Viewer> {
    const { policyOf } = this.#parts;
    const providers = new Set(
      tools.flatMap(({ provider, tokenOf }) => [provider, ...(tokenOf ? [tokenOf.provider] : [])]),
    );
    const asked = [...providers].map(async (name) => [name, await this.#statusOf(principal, name)] as const);
    return {
      role: principal.role,
      constraints,
      within: principal.tools,
      policy: policyOf?.(principal.tenantId) ?? OPEN_POLICY,
      providers: new Map(await Promise.all(asked)),
    };
  }

  async #statusOf(principal: Principal, provider: string): Promise<ProviderStatus> {
    try {
      return await this.#parts.authorisations.statusOf(principal, provider);
    } catch (error) {
      logEvent(this.#parts.log, 'authorisation_status_unknown', { err: error, provider });
      return { status: 'unknown' };
    }
  }
}

const NO_CONSTRAINTS: ToolConstraints = { mode: 'auto', providers: [], tools: [] };

const registries = new WeakMap<CatalogView, string>();

/** A digest of the tenant's tools and its policy: replicas that have the same ones get the same digest. */
function registryOf(view: CatalogView, { allow, deny }: TenantPolicy): string {
  let tools = registries.get(view);
  if (tools === undefined) {
    const seen = view.tools.map(({ infoDigest, requiredScopes, tokenOf }) =>
      JSON.stringify([infoDigest, requiredScopes, tokenOf?.provider, tokenOf?.issuer]),
    );
    tools = sha256(seen.join('\n'));
    registries.set(view, tools);
  }
  return sha256(JSON.stringify([tools, allow ?? null, deny ?? []])).slice(0, 32);
}
