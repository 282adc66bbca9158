/*
 * The modules that declare requests, and what these speak of. All that they export is public, and each request among it is
 * registered (registry.ts): a further one is a constant in one of them.
 */

export * from './computer/actions.ts';
export * from './computer/computer.ts';
export * from './protocols/mcp.ts';
export * from './protocols/mcp-session.ts';
export * from './protocols/upstreams.ts';
export * from './protocols/xmpp.ts';
export * from './runs/audit.ts';
export * from './runs/budgets.ts';
export * from './runs/dead-letters.ts';
export * from './runs/runs.ts';
export * from './steps/agents.ts';
export * from './steps/model.ts';
export * from './steps/run-spec.ts';
export * from './steps/steps.ts';
export * from './tools/effects.ts';
export * from './tools/http-tool.ts';
export * from './tools/provider-auth.ts';
export * from './tools/tool-admin.ts';
export * from './tools/tools.ts';
