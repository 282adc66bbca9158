import {
  type InputRequired as Missing,
  isRecord,
  type McpError,
  type PublicError,
  type StepResult,
  type ToolInfo,
} from '@switchyard/contracts';
import {
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type Tool,
} from '@modelcontextprotocol/server';

/*
 * Converts our tools and the outcomes of calls to MCP. Pure.
 *
 * - A hidden tool gives the same error as an unknown one.
 * - A failed tool gives a result with `isError`, so that the model reads why. Only an outcome that is no answer of a
 *   tool is a protocol error.
 * - An error has its stable code in `_meta` (results) or `data` (errors), so that programs need not read sentences.
 * - A client's answer with an invalid state counts as no answer: the client gets a protocol error.
 * - The output of an upstream's tool passes unchanged.
 */

const ERROR_CODE_META = 'io.switchyard/error-code';
const PROVIDER_META = 'io.switchyard/provider';

export function toMcpTool(info: ToolInfo): Tool {
  const { name, title, description, inputSchema, outputSchema, provider, annotations } = info;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    description,
    inputSchema: { ...inputSchema, type: 'object' },
    ...(outputSchema === undefined ? {} : { outputSchema: outputSchema as NonNullable<Tool['outputSchema']> }),
    annotations: {
      readOnlyHint: info.kind === 'read',
      destructiveHint: info.kind === 'destructive',
      idempotentHint: info.idempotency !== 'none',
      ...annotations,
    },
    _meta: { [PROVIDER_META]: provider },
  };
}

/**
 * The answer to tools/call. Throws a protocol error for an outcome that is no answer of a tool. `resumed`: the call
 * came with the state of an earlier one.
 */
export function toMcpResult(tool: string, result: StepResult, resumed = false): CallToolResult | InputRequiredResult {
  if (result.status === 'succeeded')
    return result.mcp === undefined ? ownResult(result.output) : (result.mcp as CallToolResult);
  if (result.status === 'in_doubt') return refused(result.code, result.message);
  if (result.mcpError !== undefined) throw protocolError(result.mcpError);
  if (result.inputRequired !== undefined) return inputRequiredOf(result.inputRequired);
  if (result.mcp !== undefined) return { ...result.mcp, isError: true } as CallToolResult;
  if (result.code === 'tool_not_found') throw unknownTool(tool);
  // The state that the client sent back is invalid.
  if (resumed && result.code === 'invalid_input') throw ourError({ code: 'invalid_input', message: result.message });
  if (result.code === 'approval_required') {
    const how = 'Ask for it in a run (POST /runs), where the question goes to a person.';
    return refused(result.code, `${result.message} ${how}`);
  }
  return refused(result.code, result.message);
}

export function inputRequiredOf({ inputRequests, requestState }: Missing): InputRequiredResult {
  return {
    resultType: 'input_required',
    ...(inputRequests === undefined ? {} : { inputRequests: inputRequests as InputRequiredResult['inputRequests'] }),
    ...(requestState === undefined ? {} : { requestState }),
  } as InputRequiredResult;
}

export function protocolError({ code, message, data }: McpError): ProtocolError {
  return new ProtocolError(code, message, data);
}

/** One of our refusals as a protocol error. */
export function ourError({ code, message, retryAfterMs }: PublicError): ProtocolError {
  const wrong = ['invalid_input', 'invalid_id', 'invalid_cursor', 'payload_too_large', 'not_found'].includes(code);
  return new ProtocolError(wrong ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError, message, {
    code,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The same for a tool that does not exist and for one that is hidden from the caller. */
function unknownTool(name: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name.slice(0, 128)}`);
}

function refused(code: string, message: string): CallToolResult {
  return { content: [{ type: 'text', text: message }], isError: true, _meta: { [ERROR_CODE_META]: code } };
}

/** The output of one of our own tools: the value, and the same as text for clients that read no values. */
function ownResult(output: unknown): CallToolResult {
  const text = typeof output === 'string' ? output : JSON.stringify(output ?? null);
  const content: CallToolResult['content'] = [{ type: 'text', text }];
  // A cut value fits no schema; a client that validates it would see a broken tool.
  if (isCut(output)) return { content, isError: true, _meta: { [ERROR_CODE_META]: 'response_too_large' } };
  return isRecord(output) ? { content, structuredContent: output } : { content };
}

function isCut(value: unknown): boolean {
  return isRecord(value) && value['truncated'] === true && typeof value['beginning'] === 'string';
}
