import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type classifyInboundRequest,
  isInputRequiredResult,
  isJsonContentType,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  SERVER_INFO_META_KEY,
} from '@modelcontextprotocol/server';
import { type callTool, type InputOf, isRecord, type StepResult } from '@switchyard/contracts';
import { idempotencyKeyIn, SERVER_INFO } from './server.ts';
import { toMcpResult } from './results.ts';

/*
 * The fast path for `tools/call` of protocol 2026-07-28 without progress, logging or elicitation. Nearly every call is
 * one. The SDK would create a server for each call and validate it several times, which costs as much as all the rest.
 * Pure.
 *
 * - The SDK (`classifyInboundRequest`) decides whether a message is a well-formed request of this protocol with
 *   matching headers.
 * - A call leaves the fast path if its client wants more than a result (progress, log messages, answers to questions,
 *   any unknown field), or if its headers would have to be refused.
 * - Only a result is answered here. A question or an error goes to the SDK's server, with the outcome of the call: the
 *   tool is not called again.
 */

type Inbound = ReturnType<typeof classifyInboundRequest>;
export interface PlainCall {
  readonly id: string | number;
  readonly ask: Required<Pick<InputOf<typeof callTool>, 'tool' | 'arguments' | 'mcp'>> & { idempotencyKey?: string };
}

const REVISION = '2026-07-28';
const PLAIN_PARAMS = new Set(['name', 'arguments', '_meta']);

/** The call, if it is plain; undefined if its client wants more than a result. */
export function plainCall(inbound: Inbound, header: (name: string) => string | undefined): PlainCall | undefined {
  if (inbound.kind !== 'modern' || inbound.messageKind !== 'request') return undefined;
  const { message, classification } = inbound;
  if (message.method !== 'tools/call' || classification.revision !== REVISION) return undefined;
  const { name, arguments: given = {}, _meta: meta } = (message.params ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' || !isRecord(given) || !isRecord(meta)) return undefined;
  if (Object.keys(message.params!).some((key) => !PLAIN_PARAMS.has(key))) return undefined;
  if ('progressToken' in meta || LOG_LEVEL_META_KEY in meta) return undefined;
  const fits =
    header('mcp-method') === message.method &&
    header('mcp-name') === name &&
    header('mcp-protocol-version') === REVISION;
  if (!fits || !isJsonContentType(header('content-type') ?? null)) return undefined;
  const capabilities = meta[CLIENT_CAPABILITIES_META_KEY];
  if (meta[PROTOCOL_VERSION_META_KEY] !== REVISION || !isRecord(capabilities)) return undefined;
  const found = idempotencyKeyIn(meta);
  if (!found.good) return undefined;
  const mcp = { protocolVersion: REVISION, capabilities, progress: false };
  const key = found.key === undefined ? {} : { idempotencyKey: found.key };
  return { id: message.id, ask: { tool: name, arguments: given, mcp, ...key } };
}

/** The whole answer as JSON; undefined if the outcome is a question or an error. */
export function plainAnswer({ id, ask }: PlainCall, came: StepResult): string | undefined {
  const result = resultOf(ask.tool, came);
  if (!result) return undefined;
  const _meta = { [SERVER_INFO_META_KEY]: SERVER_INFO, ...result._meta };
  return JSON.stringify({ jsonrpc: '2.0', id, result: { ...result, resultType: 'complete', _meta } });
}

function resultOf(tool: string, came: StepResult): CallToolResult | undefined {
  try {
    const result = toMcpResult(tool, came);
    return isInputRequiredResult(result) ? undefined : result;
  } catch {
    return undefined;
  }
}
