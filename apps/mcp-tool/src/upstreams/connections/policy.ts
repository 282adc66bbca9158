import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { ToolRules, UpstreamConfig } from './config.ts';

/*
 * The kind and idempotency of an upstream's tool, from the operator's file and the upstream's annotations. Pure.
 *
 * - A `kind` that the operator sets for just this tool stands, whatever the upstream says.
 * - Otherwise the upstream can only raise it: `destructiveHint: true` makes the tool destructive. No hint makes it
 *   `read`.
 * - A raised tool is not repeated on the basis of a general `idempotency: safe`, which was meant for a lesser kind.
 */

export interface ToolPolicy extends ToolRules {
  readonly kind: NonNullable<ToolRules['kind']>;
}

export function policyOf(upstream: UpstreamConfig, tool: Pick<McpTool, 'name' | 'annotations'>): ToolPolicy {
  const named = upstream.tools[tool.name];
  const rules = named ?? upstream.defaults;
  if (named?.kind !== undefined) return { ...rules, kind: named.kind };
  const kind = rules.kind ?? 'write';
  if (tool.annotations?.destructiveHint !== true || kind === 'destructive') return { ...rules, kind };
  const repeats = rules.idempotency === 'safe' ? ({ idempotency: 'none' } as const) : {};
  return { ...rules, ...repeats, kind: 'destructive' };
}
