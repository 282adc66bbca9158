import type { Principal, ToolConstraints, ToolInfo } from '@switchyard/contracts';
import { constraintsAllow } from '@switchyard/run';
import type { Logger } from '@switchyard/platform';
import type { Catalog } from './catalog.ts';
import type { Tool } from './tool.ts';
import {
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
 * The tools of one caller: asks what is known of it, and lets the one visibility function decide.
 *
 * B1 What a caller may see without its constraints is kept until a tool, a policy or an authorisation changes.
 * B2 A call is judged anew, by what is known now: what is kept decides about lists alone.
 */

export interface ToolboxParts {
  readonly catalog: Catalog;
  readonly authorisations: ProviderAuthorisations;
  readonly policyOf?: (tenantId: string) => TenantPolicy;
  readonly log: Logger;
}

export type Lookup = { readonly found: Tool } | { readonly hidden: 'unknown' | Rule; readonly because?: string };

export class Toolbox {
  constructor(private readonly parts: ToolboxParts) {}

  get catalog(): Catalog {
    return this.parts.catalog;
  }

  /** What this caller may list and call, by name. */
  async list(principal: Principal, constraints: ToolConstraints): Promise<readonly Tool[]> {
    const base = await this.#base(principal);
    return constraints.mode === 'auto' ? base : base.filter((tool) => constraintsAllow(constraints, tool));
  }

  /** Finds a tool to call. Why it is hidden is for the log and the audit alone. */
  async find(principal: Principal, constraints: ToolConstraints, name: string): Promise<Lookup> {
    const tool = this.parts.catalog.snapshot.byName.get(name);
    if (!tool) return { hidden: 'unknown' };
    const verdict = await this.judge(tool, principal, constraints);
    return verdict.visible ? { found: tool } : { hidden: verdict.rule, because: verdict.because };
  }

  /** B2 */
  async judge(tool: Tool, principal: Principal, constraints: ToolConstraints): Promise<Verdict> {
    return judgeVisibility(tool, await this.#viewer(principal, constraints, [tool.provider]));
  }

  async #base(principal: Principal): Promise<readonly Tool[]> {
    const { tools } = this.parts.catalog.snapshot;
    const viewer = await this.#viewer(principal, NO_CONSTRAINTS, new Set(tools.map(({ provider }) => provider)));
    return tools.filter((tool) => judgeBase(tool, viewer).visible);
  }

  async #viewer(principal: Principal, constraints: ToolConstraints, providers: Iterable<string>): Promise<Viewer> {
    const { policyOf } = this.parts;
    const asked = [...providers].map(async (name) => [name, await this.#statusOf(principal, name)] as const);
    return {
      role: principal.role,
      constraints,
      policy: policyOf?.(principal.tenantId) ?? OPEN_POLICY,
      providers: new Map(await Promise.all(asked)),
    };
  }

  async #statusOf(principal: Principal, provider: string): Promise<ProviderStatus> {
    try {
      return await this.parts.authorisations.statusOf(principal, provider);
    } catch (error) {
      this.parts.log.warn({ err: error, provider }, 'whether a provider is authorised could not be found out');
      return { status: 'unknown' };
    }
  }
}

const NO_CONSTRAINTS: ToolConstraints = { mode: 'auto', providers: [], tools: [] };

/** Bytes of JSON of one page: with what stands around it, it fits into one message. */
const MAX_PAGE_BYTES = 512 * 1024;

/** The tools after `cursor` (the name of the last one of the page before), as many as fit. Pure. */
export function pageOf(
  tools: readonly Tool[],
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): { tools: ToolInfo[]; nextCursor?: string } {
  const page: ToolInfo[] = [];
  let bytes = 0;
  for (const tool of cursor === undefined ? tools : tools.filter(({ name }) => name > cursor)) {
    if (page.length >= limit || (page.length > 0 && bytes + tool.infoBytes > MAX_PAGE_BYTES))
      return { tools: page, nextCursor: page.at(-1)!.name };
    page.push(tool.info);
    bytes += tool.infoBytes + 1;
  }
  return { tools: page };
}
