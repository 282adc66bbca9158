import { z } from 'zod';
import { ASK_AGAIN_MS, request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { McpCaller } from '../protocols/mcp.ts';
import { PrincipalOrNobody, Role } from '../base/principal.ts';
import { StepResult, ToolConstraints } from '../steps/steps.ts';

export const JsonSchema = z.record(z.string(), z.unknown()).describe('JSON Schema 2020-12');

/** The origin of a tool: written here, declared as an HTTP call, or offered by an MCP upstream. */
const TOOL_SOURCES = ['native', 'http_endpoint', 'mcp_upstream'] as const;
export const ToolSource = z.enum(TOOL_SOURCES);
export type ToolSource = z.infer<typeof ToolSource>;

/** The public description of a tool. */
export const ToolInfo = z.object({
  name: z.string().min(1).max(64),
  aliases: z
    .array(z.string().min(1).max(64))
    .max(8)
    .optional()
    .describe('Other names by which it is found; it is listed once'),
  title: z.string().max(200).optional(),
  version: z.string().min(1).max(64).optional(),
  source: ToolSource.optional(),
  description: z.string().max(4_000),
  provider: z.string().max(64),
  inputSchema: JsonSchema,
  outputSchema: JsonSchema.optional(),
  kind: z.enum(['read', 'write', 'destructive']),
  idempotency: z.enum(['safe', 'key', 'none']),
  requiredRole: Role.optional(),
  /** A person must approve each call before it is performed. */
  requiresApproval: z.boolean().optional(),
  /** Hints for MCP clients (readOnlyHint, destructiveHint, …); nothing here relies on them. */
  annotations: z.record(z.string(), z.unknown()).optional(),
});
export type ToolInfo = z.infer<typeof ToolInfo>;

/** Most tools of one page; a page that would be too large for a message has fewer. */
const MAX_TOOLS_PER_PAGE = 1_000;

export const listTools = request({
  subject: 'rpc.tools.list',
  summary: 'List the tools that this caller may use under these constraints.',
  answeredBy: 'mcp-tool',
  askedBy: ['orchestrator', 'gateway', 'operator'],
  input: z.object({
    principal: PrincipalOrNobody,
    constraints: ToolConstraints.prefault({}),
    cursor: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'not one that a list has given')
      .optional()
      .describe('`nextCursor` of the page before'),
    limit: z.number().int().min(1).max(MAX_TOOLS_PER_PAGE).default(MAX_TOOLS_PER_PAGE),
    etag: z
      .string()
      .max(64)
      .optional()
      .describe('Of the list that the caller has, or has this page of: it is not told again'),
  }),
  output: z.object({
    /** By name. */
    tools: z.array(ToolInfo),
    /** There are more: the list as a whole need not fit into one message. */
    nextCursor: z.string().optional(),
    /** The etag of the whole list; it changes with any part of the list. */
    etag: z.string().max(64).optional(),
    /** True if the list matches the `etag` of the request: it is not repeated. */
    unchanged: z.boolean().optional(),
  }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

export const ToolCall = z.object({
  principal: PrincipalOrNobody,
  tool: z.string().min(1).max(128),
  arguments: z.record(z.string(), z.unknown()).default({}),
  constraints: ToolConstraints.prefault({}),
  runId: RunId.optional(),
  stepId: Id.optional(),
  idempotencyKey: z.string().min(1).max(160).optional(),
  /** The MCP client that calls: it may be asked for input, told of progress and sent log messages (McpFrame). */
  mcp: McpCaller.optional(),
});
export type ToolCall = z.infer<typeof ToolCall>;

export const callTool = request({
  subject: 'rpc.tools.call',
  summary: 'Run one tool call. A tool that fails is still an answer.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: ToolCall,
  output: StepResult,
  timeoutMs: 60_000,
});

/** As `rpc.tools.call` is asked, with answers and state. */
export const answerQuestion = request({
  subject: 'rpc.tools.answer.*',
  summary: 'Hand the answers of a caller to the replica that has the call in the middle of which they were asked for.',
  answeredBy: 'mcp-tool',
  askedBy: ['mcp-tool'],
  input: ToolCall,
  output: StepResult,
  timeoutMs: 60_000,
});

export const searchTools = request({
  subject: 'rpc.tools.search',
  summary: 'Find, among the tools that this caller may use, those that fit a purpose.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: PrincipalOrNobody,
    constraints: ToolConstraints.prefault({}),
    query: z.string().min(1).max(1_000),
    topK: z.number().int().min(1).max(50).default(10),
  }),
  output: z.object({ tools: z.array(ToolInfo) }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});
