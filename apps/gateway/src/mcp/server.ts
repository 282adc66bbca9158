import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  type jsonSchemaValidator,
  LOG_LEVEL_META_KEY,
  McpServer,
  PROTOCOL_VERSION_META_KEY,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Bus } from '@switchyard/bus';
import {
  AppError,
  callTool,
  IDEMPOTENCY_KEY_META,
  MAX_REQUEST_STATE_CHARS,
  McpCaller,
  McpFrame,
  type McpMethod,
  mcpRequest,
  type Principal,
  safeParse,
  type StepResult,
  ToolCall,
  toPublicError,
} from '@switchyard/contracts';
import { linkAbort } from '@switchyard/platform';
import { inputRequiredOf, ourError, protocolError, toMcpResult } from './results.ts';
import { LIST_TO_COME, type ToolLists } from './tool-lists.ts';
import { Watched } from './watched.ts';

/*
 * The MCP server of one caller: for one request of a 2026-07-28 client, or for a whole session of an older one.
 *
 * - Its tools are those that `rpc.tools.list` shows this principal, and every call goes through `rpc.tools.call`. There
 *   is no second way to a tool, and none around constraints, approvals and the ledger.
 * - Only the body of the HTTP request is passed on: no token, no header.
 * - A call ends when its client cancels it. Progress and log messages come before its result, in order.
 */

export interface McpParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly lists: ToolLists;
  /** The longest time for one tool call. */
  readonly callTimeoutMs: number;
  /** How often a watched resource is read. */
  readonly lookEveryMs: number;
}

export interface McpViewer {
  readonly principal: Principal;
  /** Registers a call of a client without a session; absent if the protocol has its own cancel. */
  readonly openCall?: (id: string | number) => { signal: AbortSignal; end: () => void };
  /** The server lasts, and can notify its client. */
  readonly session?: boolean;
  /** The schema of a tool's arguments, if some of them travel as headers too. */
  readonly headerSchema?: Readonly<Record<string, unknown>> | undefined;
  /** Takes a list of tools as JSON; the answer then holds LIST_TO_COME in its place. */
  readonly takeList?: (list: string) => void;
  /** The outcome of the requested call, if it was made already (plain-call.ts). */
  readonly called?: Promise<StepResult>;
}

export const SERVER_INFO = { name: 'switchyard', title: 'Switchyard', version: '0.1.0' };
const INSTRUCTIONS =
  'Tools that this user may use, of this system and of other servers behind it. A tool that needs the approval of a person is called in a run (POST /runs).';
/** How long a client may rely on a list; only the caller's own. */
const LIST_HINT = { ttlMs: 30_000, cacheScope: 'private' as const };
/** The SDK validates nothing here: mcp-tool does, within limits. */
const UNCHECKED = {
  getValidator: () => (input: unknown) => ({ valid: true, data: input, errorMessage: undefined }),
} as unknown as jsonSchemaValidator;
/** The longest wait for a person's answer to a question that a tool asks a client of the older protocol. */
const ROUND_TIMEOUT_MS = 600_000;

class ViewerMcpServer extends McpServer {
  readonly #viewer: McpViewer;

  constructor(viewer: McpViewer) {
    super(SERVER_INFO, {
      capabilities: {
        // A client of the older protocol without a session cannot be notified.
        tools: viewer.openCall ? {} : { listChanged: true },
        prompts: {},
        completions: {},
        logging: {},
        resources: viewer.session ? { subscribe: true } : {},
      },
      instructions: INSTRUCTIONS,
      jsonSchemaValidator: UNCHECKED,
      inputRequired: { maxRounds: 8, roundTimeoutMs: ROUND_TIMEOUT_MS },
      cacheHints: {
        'tools/list': LIST_HINT,
        'resources/list': LIST_HINT,
        'resources/templates/list': LIST_HINT,
        'resources/read': { ttlMs: 0, cacheScope: 'private' },
        'prompts/list': LIST_HINT,
        'server/discover': { ttlMs: 300_000, cacheScope: 'private' },
      },
    });
    this.#viewer = viewer;
  }

  override toolInputSchemaJson(_name: string): Record<string, unknown> | undefined {
    return this.#viewer.headerSchema;
  }
}

export function createMcpServer(parts: McpParts, viewer: McpViewer): McpServer {
  const mcpServer = new ViewerMcpServer(viewer);
  const { server } = mcpServer;
  const { bus } = parts;
  const { principal } = viewer;

  server.setRequestHandler('tools/list', async (request) => {
    const { tools, text, nextCursor } = await asked(() =>
      parts.lists.page(principal, request.params?.cursor || undefined),
    );
    viewer.takeList?.(text);
    const shown = viewer.takeList ? LIST_TO_COME : tools;
    return { tools: [...shown], ...(nextCursor === undefined ? {} : { nextCursor }) };
  });

  server.setRequestHandler('tools/call', (request, context) =>
    withFrames(parts, viewer, context, async (how) => {
      const { name: tool, arguments: given = {} } = request.params;
      const key = idempotencyKeyOf(context.mcpReq._meta);
      const call = { principal, tool, arguments: given, mcp: callerOf(mcpServer, context), ...key };
      const result = await (viewer.called ?? bus.request(callTool, call, how));
      return toMcpResult(tool, result, call.mcp.requestState !== undefined);
    }),
  );

  const pass = (method: McpMethod) => (request: { params?: object }, context: ServerContext) =>
    withFrames(parts, viewer, context, async (how) => {
      const { _meta, ...params } = { ...request.params } as Record<string, unknown>;
      const answer = await bus.request(
        mcpRequest,
        { principal, method, params, mcp: callerOf(mcpServer, context) },
        how,
      );
      if (answer.error !== undefined) throw protocolError(answer.error);
      if (answer.inputRequired !== undefined) return inputRequiredOf(answer.inputRequired);
      if (answer.result === undefined) throw new AppError('internal');
      return answer.result;
    });
  server.setRequestHandler('resources/list', pass('resources/list') as Answering);
  server.setRequestHandler('resources/templates/list', pass('resources/templates/list') as Answering);
  server.setRequestHandler('resources/read', pass('resources/read') as Answering);
  server.setRequestHandler('prompts/list', pass('prompts/list') as Answering);
  server.setRequestHandler('prompts/get', pass('prompts/get') as Answering);
  server.setRequestHandler('completion/complete', pass('completion/complete') as Answering);
  if (viewer.session) watchResources(mcpServer, parts, principal);
  return mcpServer;
}

/** Only a session can be notified that a resource changed. */
function watchResources({ server }: McpServer, { bus, lookEveryMs }: McpParts, principal: Principal): void {
  const watched = new Watched({
    everyMs: lookEveryMs,
    read: async (uri, signal) => {
      const answer = await bus.request(
        mcpRequest,
        { principal, method: 'resources/read', params: { uri } },
        { signal },
      );
      if (answer.error !== undefined) throw protocolError(answer.error);
      if (answer.result === undefined) throw new AppError('invalid_input', 'This resource cannot be watched.');
      return answer.result;
    },
    tell: (uri) => server.sendResourceUpdated({ uri }),
  });
  server.onclose = () => watched.close();
  server.setRequestHandler('resources/subscribe', async ({ params }) => {
    await asked(() => watched.add(params.uri));
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    watched.remove(params.uri);
    return {};
  });
}

/** An upstream's answer has the shape of its method; the SDK validates it once more on its way out. */
type Answering = (request: { params?: object }, context: ServerContext) => Promise<never>;

interface How {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly onProgress: (frame: unknown) => void;
}

/**
 * Sends a request, and passes progress and log messages to the client in order before the result. Stops when the client
 * cancels the call. Refusals become protocol errors.
 */
async function withFrames<T extends Result | CallToolResult | InputRequiredResult | Record<string, unknown>>(
  parts: McpParts,
  viewer: McpViewer,
  { mcpReq }: ServerContext,
  ask: (how: How) => Promise<T>,
): Promise<T> {
  const open = viewer.openCall?.(mcpReq.id);
  const linked = open === undefined ? undefined : linkAbort([mcpReq.signal, open.signal]);
  const token = mcpReq._meta?.progressToken;
  let told: Promise<unknown> = Promise.resolve();
  const say = (saying: () => Promise<void>): void => {
    told = told.then(saying).catch(() => undefined);
  };
  const onProgress = (given: unknown): void => {
    const parsed = safeParse(McpFrame, given);
    if (!parsed.success) return;
    const frame = parsed.data;
    if (frame.frame === 'log') return say(() => mcpReq.log(frame.level, frame.data, frame.logger));
    if (token === undefined) return;
    const { frame: _kind, ...params } = frame;
    say(() => mcpReq.notify({ method: 'notifications/progress', params: { progressToken: token, ...params } }));
  };
  try {
    const signal = linked?.signal ?? mcpReq.signal;
    const answer = await asked(() => ask({ signal, timeoutMs: parts.callTimeoutMs, onProgress }));
    await told;
    return answer;
  } finally {
    linked?.release();
    open?.end();
  }
}

/** The key under which a client may repeat a call; invalid: the value cannot be a key, and no other is used instead. */
export function idempotencyKeyIn(
  meta: Readonly<Record<string, unknown>> | undefined,
): { readonly good: true; readonly key: string | undefined } | { readonly good: false } {
  const { success: good, data: key } = safeParse(ToolCall.shape.idempotencyKey, meta?.[IDEMPOTENCY_KEY_META]);
  return good ? { good, key } : { good };
}

function idempotencyKeyOf(meta: Readonly<Record<string, unknown>> | undefined): { idempotencyKey?: string } {
  const found = idempotencyKeyIn(meta);
  if (!found.good) throw new AppError('invalid_input', `${IDEMPOTENCY_KEY_META} is a text of 1 to 160 characters.`);
  return found.key === undefined ? {} : { idempotencyKey: found.key };
}

/** The client's declared capabilities, and its answers to earlier questions. */
function callerOf(mcpServer: McpServer, { mcpReq }: ServerContext): McpCaller {
  const envelope = mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
  const state = mcpReq.requestState();
  if (typeof state === 'string' && state.length > MAX_REQUEST_STATE_CHARS)
    throw new AppError('payload_too_large', 'The requestState is longer than any that was given out.');
  const version = envelope?.[PROTOCOL_VERSION_META_KEY];
  const modern = envelope !== undefined;
  const declared = modern ? envelope[CLIENT_CAPABILITIES_META_KEY] : mcpServer.server.getClientCapabilities();
  // An older client sets its level once; lower messages are held back where they are sent.
  const logLevel = modern ? envelope[LOG_LEVEL_META_KEY] : 'debug';
  return McpCaller.parse({
    ...(version === undefined ? {} : { protocolVersion: version }),
    capabilities: declared ?? {},
    ...(logLevel === undefined ? {} : { logLevel }),
    progress: mcpReq._meta?.progressToken !== undefined,
    ...(mcpReq.inputResponses === undefined ? {} : { inputResponses: mcpReq.inputResponses }),
    ...(typeof state === 'string' ? { requestState: state } : {}),
  });
}

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AppError) throw ourError(toPublicError(error));
    throw error;
  }
}
