import type { Principal, ToolConstraints, ToolInfo } from '@switchyard/contracts';
import { DELEGATE } from './messages.ts';

/** The names of a tool in rules; an alias counts as its name. */
type Named = Pick<ToolInfo, 'name' | 'aliases' | 'provider'>;

/**
 * True if the constraints allow this tool. Both lists are allow lists, and a tool must be on each list that is given; a
 * custom constraint without lists allows nothing. Agents among the tools do not count as tools.
 */
export function constraintsAllow(constraints: ToolConstraints, tool: Named): boolean {
  if (constraints.mode === 'auto') return true;
  const { providers } = constraints;
  const tools = constraints.tools.filter((name) => !name.startsWith(DELEGATE));
  if (providers.length === 0 && tools.length === 0) return false;
  return (
    (providers.length === 0 || providers.includes(tool.provider)) &&
    (tools.length === 0 || namesOf(tool).some((name) => tools.includes(name)))
  );
}

/** True if a pattern matches this tool: `name`, `name*`, `provider:<name>`, `kind:<kind>`. */
export function matchesTool(pattern: string, tool: Named & Pick<ToolInfo, 'kind'>): boolean {
  if (pattern.startsWith('provider:')) return tool.provider === pattern.slice('provider:'.length);
  if (pattern.startsWith('kind:')) return tool.kind === pattern.slice('kind:'.length);
  const isMeant = (name: string): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
  return namesOf(tool).some(isMeant);
}

function namesOf({ name, aliases = [] }: Pick<ToolInfo, 'name' | 'aliases'>): readonly string[] {
  return [name, ...aliases];
}

/** Why this agent may not be delegated to on behalf of this caller under these constraints; null: it may. */
export function objectionToDelegation(
  agent: string,
  { tools: within }: Pick<Principal, 'tools'>,
  { mode, tools, agents = [] }: ToolConstraints,
): string | null {
  const name = `${DELEGATE}${agent}`;
  const asTool = { name, provider: AGENT_PROVIDER, kind: 'write' as const };
  if (within !== undefined && !within.some((pattern) => matchesTool(pattern, asTool)))
    return 'This caller may use other tools alone.';
  if (mode === 'auto' || agents.includes(agent) || tools.includes(name)) return null;
  return 'The tool constraints of the request do not name it.';
}

/** What stands for the provider where agents are shown beside tools. */
export const AGENT_PROVIDER = 'a2a';
