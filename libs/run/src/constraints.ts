import type { ToolConstraints, ToolInfo } from '@switchyard/contracts';

/**
 * True where the constraints let this tool be seen and called. Both lists are allow lists and both apply
 * where both are given; a custom list that names nothing allows nothing.
 */
export function constraintsAllow(constraints: ToolConstraints, tool: { name: string; provider: string }): boolean {
  if (constraints.mode === 'auto') return true;
  const { providers, tools } = constraints;
  if (providers.length === 0 && tools.length === 0) return false;
  return (
    (providers.length === 0 || providers.includes(tool.provider)) && (tools.length === 0 || tools.includes(tool.name))
  );
}

/** True where a pattern means this tool: `name`, `name*`, `provider:<name>`, `kind:<kind>`. */
export function matchesTool(pattern: string, tool: Pick<ToolInfo, 'name' | 'provider' | 'kind'>): boolean {
  if (pattern.startsWith('provider:')) return tool.provider === pattern.slice('provider:'.length);
  if (pattern.startsWith('kind:')) return tool.kind === pattern.slice('kind:'.length);
  if (pattern.endsWith('*')) return tool.name.startsWith(pattern.slice(0, -1));
  return tool.name === pattern;
}
