import type { ToolConstraints, ToolInfo } from '@switchyard/contracts';

/** A tool by what rules know it by; an alias stands for its name in every rule. */
type Named = Pick<ToolInfo, 'name' | 'aliases' | 'provider'>;

/**
 * True where the constraints let this tool be seen and called. Both lists are allow lists and both apply
 * where both are given; a custom list that names nothing allows nothing.
 */
export function constraintsAllow(constraints: ToolConstraints, tool: Named): boolean {
  if (constraints.mode === 'auto') return true;
  const { providers, tools } = constraints;
  if (providers.length === 0 && tools.length === 0) return false;
  return (
    (providers.length === 0 || providers.includes(tool.provider)) &&
    (tools.length === 0 || namesOf(tool).some((name) => tools.includes(name)))
  );
}

/** True where a pattern means this tool: `name`, `name*`, `provider:<name>`, `kind:<kind>`. */
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
