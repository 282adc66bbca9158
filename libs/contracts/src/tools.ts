import { z } from 'zod';
import { ASK_AGAIN_MS, request } from './define.ts';
import { Id } from './ids.ts';
import { McpCaller } from './mcp.ts';
import { PrincipalOrNobody, Role } from './principal.ts';
import { StepResult, ToolConstraints } from './steps.ts';

export const JsonSchema = z.record(z.string(), z.unknown()).describe('JSON Schema 2020-12');

/** What a caller may know of a tool. */
export const ToolInfo = z.object({
  name: z.string().min(1).max(64),
  description: z.string().max(4_000),
  provider: z.string().max(64),
  inputSchema: JsonSchema,
  outputSchema: JsonSchema.optional(),
  kind: z.enum(['read', 'write', 'destructive']),
  idempotency: z.enum(['safe', 'key', 'none']),
  requiredRole: Role.optional(),
  /** A person must approve each call before it is performed. */
  requiresApproval: z.boolean().optional(),
});
export type ToolInfo = z.infer<typeof ToolInfo>;

export const listTools = request({
  subject: 'rpc.tools.list',
  summary: 'List the tools that this caller may use under these constraints.',
  answeredBy: 'mcp-tool',
  askedBy: ['orchestrator', 'gateway', 'operator'],
  input: z.object({ principal: PrincipalOrNobody, constraints: ToolConstraints.prefault({}) }),
  output: z.object({ tools: z.array(ToolInfo) }),
  timeoutMs: 5_000,
  askAgainMs: ASK_AGAIN_MS,
});

export const ToolCall = z.object({
  principal: PrincipalOrNobody,
  tool: z.string().min(1).max(128),
  arguments: z.record(z.string(), z.unknown()).default({}),
  constraints: ToolConstraints.prefault({}),
  runId: Id.optional(),
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
