import { z } from 'zod';
import { request } from '../base/define.ts';
import { HttpToolDefinition } from './http-tool.ts';
import { Id } from '../base/ids.ts';
import { Principal, Role } from '../base/principal.ts';
import { ToolConstraints } from '../steps/steps.ts';
import { ToolInfo, ToolSource } from './tools.ts';

/*
 * What admins do with tools: see who sees which and why, and register those of their tenant.
 */

/** Whether a caller may see one tool, and which rule decided. */
export const ToolVerdict = z.object({
  tool: z.string(),
  provider: z.string(),
  kind: ToolInfo.shape.kind,
  source: z
    .enum([...ToolSource.options, 'agent'])
    .describe('`agent`: what a run may delegate to, as `delegate_to_<id>`'),
  visible: z.boolean(),
  rule: z.enum(['role', 'policy', 'authorisation', 'constraints']).nullable().describe('The first that hides it'),
  because: z.string().nullable(),
});
export type ToolVerdict = z.infer<typeof ToolVerdict>;

export const explainTools = request({
  subject: 'rpc.tools.explain',
  summary: 'Say of every tool whether a user sees it, and which rule decided. For admins, of their tenant.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    /** The user whose view is shown; absent: the caller. */
    as: z.object({ userId: Id, role: Role }).optional(),
    constraints: ToolConstraints.prefault({}),
    tool: z.string().min(1).max(64).optional().describe('Only this one'),
    cursor: z.string().min(1).max(64).optional(),
    limit: z.number().int().min(1).max(500).default(200),
  }),
  output: z.object({ verdicts: z.array(ToolVerdict), nextCursor: z.string().nullable() }),
  timeoutMs: 5_000,
});

/** A tool that an admin registered, with its definition. */
export const RegisteredTool = z.object({
  tool: z.string(),
  definition: HttpToolDefinition,
  by: z.string(),
  at: z.number().int(),
});
export type RegisteredTool = z.infer<typeof RegisteredTool>;

export const registerTool = request({
  subject: 'rpc.tools.register',
  summary: 'Register a tool of the tenant, or replace one: an HTTP call to a public host. For admins.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    definition: z
      .record(z.string(), z.unknown())
      .describe('HttpToolDefinition; what is wrong with it is told by place'),
    dryRun: z.boolean().default(false).describe('Only say what is wrong, and how it would be listed'),
  }),
  output: z.object({ info: ToolInfo, replaced: z.boolean() }),
  timeoutMs: 5_000,
});

export const removeTool = request({
  subject: 'rpc.tools.remove',
  summary: 'Remove a tool that was registered for the tenant. For admins.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal, tool: z.string().min(1).max(64) }),
  output: z.object({ removed: z.boolean() }),
  timeoutMs: 5_000,
});

export const listRegisteredTools = request({
  subject: 'rpc.tools.registered',
  summary: 'The tools that were registered for the tenant, with their definitions. For admins.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({ principal: Principal }),
  output: z.object({ tools: z.array(RegisteredTool) }),
  timeoutMs: 5_000,
});

/** One mistake in a file. */
export const ToolFileProblem = z.object({ line: z.number().int(), message: z.string() });
export type ToolFileProblem = z.infer<typeof ToolFileProblem>;
export const MAX_TOOL_FILE_CHARS = 262_144;

export const checkToolFile = request({
  subject: 'rpc.tools.check',
  summary: 'Say by line what is wrong with a YAML file of tools, and which tools it would give. For admins.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: Principal,
    file: z.string().min(1).max(200).default('tools.yaml').describe('Its name: the default of `provider`'),
    text: z.string().max(MAX_TOOL_FILE_CHARS),
    as: z
      .enum(['operator', 'tenant'])
      .default('operator')
      .describe('By the rules of a file in TOOLS_DIR, or of tools that an admin registers'),
  }),
  output: z.object({
    problems: z.array(ToolFileProblem),
    tools: z.array(z.object({ tool: z.string(), definition: z.record(z.string(), z.unknown()) })),
  }),
  timeoutMs: 5_000,
});
