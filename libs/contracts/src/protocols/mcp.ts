import { z } from 'zod';
import { request } from '../base/define.ts';
import { PrincipalOrNobody } from '../base/principal.ts';

/*
 * What an MCP client says and hears beyond names and arguments of tools, as it crosses the bus.
 *
 * - The gateway speaks MCP to clients and knows of each client which abilities it declared; mcp-tool speaks MCP to
 *   upstreams. No message here holds the client's token or its headers.
 * - `requestState` is a secret of the service that answers `rpc.tools.call` and `rpc.mcp.request`, bound to the caller
 *   and to what was asked. The gateway and the client carry it unread.
 */

const Object_ = z.record(z.string(), z.unknown());

/** Longest `requestState` that is carried. */
export const MAX_REQUEST_STATE_CHARS = 128 * 1024;

export const MCP_LOG_LEVELS = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export const McpLogLevel = z.enum(MCP_LOG_LEVELS);
export type McpLogLevel = z.infer<typeof McpLogLevel>;

/** The MCP client behind a request, and its answers to what it was asked for before. */
export const McpCaller = z.object({
  /** The protocol revision in which the client speaks with us. */
  protocolVersion: z.string().max(32).optional(),
  /** Its capabilities as declared: an upstream may ask only for what is among them. */
  capabilities: Object_.default({}),
  /** The least level of log messages that it wants; absent: none. */
  logLevel: McpLogLevel.optional(),
  /** True if the client wants progress notifications. */
  progress: z.boolean().default(false),
  /** Its answers to `inputRequests`, by their keys. */
  inputResponses: Object_.optional(),
  requestState: z.string().max(MAX_REQUEST_STATE_CHARS).optional(),
});
export type McpCaller = z.infer<typeof McpCaller>;

/** Nothing was done: the client must answer these questions, and repeat the request with its answers and the state. */
export const InputRequired = z.object({
  inputRequests: Object_.optional(),
  requestState: z.string().max(MAX_REQUEST_STATE_CHARS).optional(),
});
export type InputRequired = z.infer<typeof InputRequired>;

/** A refusal in the words of the protocol, for the client as it is. */
export const McpError = z.object({
  code: z.number().int(),
  message: z.string().max(4_000),
  data: z.unknown().optional(),
});
export type McpError = z.infer<typeof McpError>;

/** Progress frames of `rpc.tools.call` and `rpc.mcp.request` for an MCP client. Unknown frames are ignored. */
export const McpFrame = z.discriminatedUnion('frame', [
  z.object({
    frame: z.literal('progress'),
    progress: z.number(),
    total: z.number().optional(),
    message: z.string().max(4_000).optional(),
  }),
  z.object({
    frame: z.literal('log'),
    level: McpLogLevel,
    logger: z.string().max(256).optional(),
    data: z.unknown(),
  }),
]);
export type McpFrame = z.infer<typeof McpFrame>;

/** The requests of MCP beside those for tools that upstreams answer through us. */
const MCP_METHODS = [
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'completion/complete',
] as const;
export const McpMethod = z.enum(MCP_METHODS);
export type McpMethod = z.infer<typeof McpMethod>;

export const mcpRequest = request({
  subject: 'rpc.mcp.request',
  summary:
    'Ask the upstreams that this caller may use for resources, prompts or completions. Lists hold what could be had; an upstream that is away is named in `_meta`.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'operator'],
  input: z.object({
    principal: PrincipalOrNobody,
    method: McpMethod,
    /** As the client sent them, without `_meta`, `inputResponses` and `requestState`. */
    params: Object_.default({}),
    mcp: McpCaller.prefault({}),
  }),
  output: z.object({
    /** The result of the method, as MCP defines it. */
    result: Object_.optional(),
    inputRequired: InputRequired.optional(),
    error: McpError.optional(),
  }),
  timeoutMs: 60_000,
});
