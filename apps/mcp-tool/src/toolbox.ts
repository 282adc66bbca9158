import { type Principal, type Role, roleSuffices, type ToolConstraints } from '@switchyard/contracts';
import { constraintsAllow } from '@switchyard/run';
import type { Tool } from './define-tool.ts';

/*
 * Which tools there are, and who sees which. Pure.
 *
 * V1 One function decides visibility, for listing and for calling.
 * V2 A tool that is hidden answers exactly as one that does not exist.
 */

export type Registry = ReadonlyMap<string, Tool>;

/** Most characters of the list of all tools: it has to fit into one message. */
const MAX_LIST_CHARS = 256 * 1024;

/** Throws where two tools have one name, or all of them do not fit into one list: that ends the start, not a call. */
export function createRegistry(tools: readonly Tool[]): Registry {
  if (JSON.stringify(tools.map(({ info }) => info)).length > MAX_LIST_CHARS)
    throw new Error(`the descriptions of ${tools.length} tools do not fit into ${MAX_LIST_CHARS} characters`);
  const registry = new Map(tools.map((tool) => [tool.name, tool]));
  if (registry.size !== tools.length) throw new Error('two tools have the same name');
  return registry;
}

export interface Viewer {
  readonly role: Role;
  readonly constraints: ToolConstraints;
}

/** V1 */
export function isVisible(tool: Tool, viewer: Viewer): boolean {
  return roleSuffices(viewer.role, tool.requiredRole) && constraintsAllow(viewer.constraints, tool);
}

/** The tools that this viewer may list and call, by name. */
export function visibleTools(registry: Registry, viewer: Viewer): Tool[] {
  return [...registry.values()].filter((tool) => isVisible(tool, viewer));
}

export type Lookup = { found: Tool } | { hidden: 'unknown' | 'role' | 'constraints' };

/** Finds a tool to call. Why it is hidden is for the log and the audit alone. */
export function findTool(registry: Registry, name: string, viewer: Viewer): Lookup {
  const tool = registry.get(name);
  if (!tool) return { hidden: 'unknown' };
  if (isVisible(tool, viewer)) return { found: tool };
  return { hidden: roleSuffices(viewer.role, tool.requiredRole) ? 'constraints' : 'role' };
}

export function viewerOf(principal: Principal, constraints: ToolConstraints): Viewer {
  return { role: principal.role, constraints };
}
