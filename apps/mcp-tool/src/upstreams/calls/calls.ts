import type { CallToolResult, InputRequiredResult, ProtocolError } from '@modelcontextprotocol/client';
import { AppError, type InputRequired, type McpCaller, type McpError, type Principal } from '@switchyard/contracts';
import { injectTrace } from '@switchyard/platform';
import { stripControlChars, stripControlCharsIn, type InputStates, mcpSdk } from '../../common/index.ts';
import type { ToolContext } from '../../tool/index.ts';
import type { ActiveTool } from '../definitions/index.ts';
import type { UpstreamConfig } from '../connections/config.ts';
import { type Ask, faultOf } from '../connections/index.ts';
import type { Link } from '../connections/link.ts';

/*
 * The data that accompany a request to an upstream, and its result.
 *
 * - `_meta` carries the key of the call, its trace and the capabilities of the caller, and no other data of the caller.
 * - An upstream may ask only what the caller said that it can answer, and only while the caller is there to answer.
 * - The state that an upstream wants back is sealed while the caller holds it (input-state.ts).
 * - An error repeats of an upstream only what the upstream itself said in an answer of the protocol.
 */

/** Thrown if the upstream asks something before it continues. */
export class InputNeeded extends Error {
  constructor(readonly required: InputRequired) {
    super('The tool needs an answer that only an interactive MCP client can give.');
  }
}

/** Thrown if the upstream refused, or could not be reached: nothing was done. */
export class NotDone extends Error {
  constructor(
    message: string,
    readonly mcpError?: McpError,
    options?: ErrorOptions & { away?: boolean },
  ) {
    super(message, options);
    this.away = options?.away === true;
  }

  /** True if it could not be reached, so that a later try may succeed. */
  readonly away: boolean;
}

/** Capabilities that can be passed on; tasks and what else a client may say are between it and us. */
const PASSED = ['elicitation', 'sampling', 'roots'];

/** The `_meta` of a request: `more`, the trace, and those capabilities of the caller that can be passed on. */
export function metaOf(mcp: McpCaller | undefined, more: Record<string, unknown>): Record<string, unknown> {
  const { CLIENT_CAPABILITIES_META_KEY, LOG_LEVEL_META_KEY, TRACEPARENT_META_KEY } = mcpSdk();
  const trace = injectTrace();
  const capabilities = Object.fromEntries(
    Object.entries(mcp?.capabilities ?? {}).filter(([name]) => PASSED.includes(name)),
  );
  return {
    ...more,
    [CLIENT_CAPABILITIES_META_KEY]: capabilities,
    ...(mcp?.logLevel === undefined ? {} : { [LOG_LEVEL_META_KEY]: mcp.logLevel }),
    ...(trace === undefined ? {} : { [TRACEPARENT_META_KEY]: trace }),
  };
}

export interface CallOrigin {
  readonly principal: Principal;
  readonly upstream: UpstreamConfig;
  readonly method: string;
  readonly name: string;
}

/** The answers of the caller, and the unsealed state as the upstream gave it. */
export function answersOf(states: InputStates, mcp: McpCaller | undefined, place: CallOrigin): Record<string, unknown> {
  const { inputResponses, requestState } = mcp ?? {};
  return {
    ...(inputResponses === undefined ? {} : { inputResponses }),
    ...(requestState === undefined ? {} : { requestState: states.open(requestState, boundTo(place)) }),
  };
}

/**
 * The result as it is. Throws InputNeeded, with the state sealed, where the upstream asks for input; NotDone where this
 * caller did not say that it can answer that.
 */
export function completeOr<T extends object>(
  states: InputStates,
  result: T | InputRequiredResult,
  mcp: McpCaller | undefined,
  place: CallOrigin,
): T {
  if (!mcpSdk().isInputRequiredResult(result)) return result as T;
  const { inputRequests, requestState } = result;
  const allowed = Object.values(inputRequests ?? {}).every((asked) => mayAsk(asked.method, mcp));
  if (!mcp || !allowed)
    throw new NotDone(`${place.upstream.name} asks for something that this caller cannot answer.`, {
      code: -32_021,
      message: 'The upstream asks for input that the client did not say it can give.',
    });
  throw new InputNeeded({
    ...(inputRequests === undefined
      ? {}
      : { inputRequests: stripControlCharsIn(inputRequests) as Record<string, unknown> }),
    ...(requestState === undefined ? {} : { requestState: states.seal(requestState, boundTo(place)) }),
  });
}

function mayAsk(method: string, mcp: McpCaller | undefined): boolean {
  const needed = { 'elicitation/create': 'elicitation', 'sampling/createMessage': 'sampling', 'roots/list': 'roots' };
  const capability = needed[method as keyof typeof needed];
  return capability !== undefined && mcp?.capabilities[capability] !== undefined;
}

function boundTo({ principal, upstream, method, name }: CallOrigin) {
  return { principal, upstream: upstream.name, method, name };
}

export interface ToolAsk {
  readonly principal: Principal;
  readonly arguments: Record<string, unknown>;
  readonly mcp?: McpCaller | undefined;
  readonly meta: Record<string, unknown>;
  readonly signal: AbortSignal;
  readonly onProgress?: Ask['onProgress'];
  readonly onLog?: Ask['onLog'];
  /** Where the upstream may ask in the middle of the call. */
  readonly ask?: ToolContext['ask'];
}

type Use = <T>(
  upstream: UpstreamConfig,
  who: Principal | undefined,
  work: (link: Link) => Promise<T>,
  signal?: AbortSignal,
) => Promise<T>;

/** One call of a tool of an upstream. Throws InputNeeded, NotDone where nothing was done, AppError or anything else. */
export async function callUpstreamTool(
  parts: { readonly use: Use; readonly states: InputStates },
  { upstream, definition, policy }: ActiveTool,
  ask: ToolAsk,
): Promise<CallToolResult> {
  const { principal, mcp, signal, onProgress, onLog } = ask;
  const onQuestion = questionsTo(ask);
  const place = { principal, upstream, method: 'tools/call', name: definition.name };
  const answers = answersOf(parts.states, mcp, place);
  const params = { name: definition.name, arguments: ask.arguments, _meta: metaOf(mcp, ask.meta), ...answers };
  const timeoutMs = policy.timeout_ms ?? upstream.timeout_ms;
  const maxTimeoutMs = Math.max(timeoutMs, upstream.max_timeout_ms);
  try {
    const result = await parts.use(
      upstream,
      principal,
      (link) => link.callTool(params, definition, { signal, timeoutMs, maxTimeoutMs, onProgress, onLog, onQuestion }),
      signal,
    );
    return completeOr(parts.states, result, mcp, place);
  } catch (error) {
    throw asNotDone(upstream, error, signal);
  }
}

/** Passes on the questions of an upstream of the older protocol, where the caller said that it can answer them. */
function questionsTo({ mcp, ask }: ToolAsk): Ask['onQuestion'] {
  if (!ask) return undefined;
  return ({ method, params }) => {
    if (!mayAsk(method, mcp)) throw new AppError('forbidden', 'The client did not say that it can answer this.');
    return ask({ method, params: stripControlCharsIn(params) as Record<string, unknown> });
  };
}

/** The error for our caller: NotDone where the request is known to have had no effect. */
export function asNotDone(upstream: UpstreamConfig, error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof InputNeeded || error instanceof NotDone) return error;
  const { ProtocolError, SdkError, SdkErrorCode } = mcpSdk();
  switch (faultOf(error, signal)) {
    case 'refused':
      if (!(error instanceof ProtocolError))
        return new NotDone(`${upstream.name} did not take the request.`, undefined, { cause: error });
      return new NotDone(`${upstream.name} did not take the request: ${shortText(error.message)}`, wordsOf(error), {
        cause: error,
      });
    case 'unauthorised':
      if (error instanceof AppError) return error;
      return new AppError(
        'credentials_missing',
        `${upstream.provider} rejected the access token; connect the account again under /api/mcp/auth.`,
        { cause: error },
      );
    case 'session':
    case 'away':
      return new NotDone(
        error instanceof AppError ? error.message : `${upstream.name} cannot be reached at the moment.`,
        undefined,
        { cause: error, away: true },
      );
    default:
      return error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout
        ? new AppError('tool_timeout', `${upstream.name} did not answer in time.`, { cause: error })
        : error;
  }
}

function wordsOf(error: ProtocolError): McpError {
  const { code, data } = error;
  const small = data !== undefined && JSON.stringify(data).length <= 4_000;
  return { code, message: shortText(error.message), ...(small ? { data: stripControlCharsIn(data) } : {}) };
}

function shortText(text: string): string {
  return stripControlChars(text).slice(0, 1_000);
}
