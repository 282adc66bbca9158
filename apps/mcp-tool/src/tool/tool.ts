import {
  type ErrorCode,
  type InputRequired,
  type McpCaller,
  type McpError,
  type McpFrame,
  type McpToolResult,
  performStep,
  type Principal,
  sha256,
  ToolInfo,
  type ToolSource,
} from '@switchyard/contracts';
import { DEFAULT_OUTPUT_BYTES } from './bound-output.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * The interface of a tool, independent of its origin: data, and its functions. Code defines a tool with defineTool,
 * files and the API with an HTTP endpoint, upstreams with the tools that they list.
 */

/** The context of a call beside its arguments. */
export interface ToolContext {
  /** The principal of the call; user data is looked up by it and by nothing else. */
  readonly principal: Principal;
  /** The values of `requiredCredentials`, by name. Never to be put into the output. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Aborted by a cancel and by the tool's time limit. */
  readonly signal: AbortSignal;
  /** The same for every try of the same call; pass it on to the service that has the effect (downstream.ts). */
  readonly idempotencyKey?: string | undefined;
  /** The run and its step, where the call belongs to one. */
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  /** The calling MCP client, if there is one. */
  readonly mcp?: McpCaller | undefined;
  /** Sends progress and log messages to the MCP client. */
  readonly tell?: ((frame: McpFrame) => void) | undefined;
  /** Asks the MCP client something during the call. Throws if no caller can answer. */
  readonly ask?: ((question: Question) => Promise<Record<string, unknown>>) | undefined;
}

/** A request of MCP to a client. */
export interface Question {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Additions to a ToolError, for callers that understand more than its text. */
export interface ToolErrorWords {
  /** Default `tool_failed`. `unavailable` and `input_required`: nothing was begun, the same call may be made again. */
  readonly code?: ErrorCode;
  /** The same for an MCP client. */
  readonly mcp?: McpToolResult;
  readonly mcpError?: McpError;
  /** With `input_required`. */
  readonly inputRequired?: InputRequired;
  /** For the log. */
  readonly cause?: unknown;
}

/**
 * An error with public text for the model and the user: what is wrong and what to do. Throw it only if it is certain
 * that nothing happened.
 */
export class ToolError extends Error {
  constructor(
    message: string,
    readonly words: ToolErrorWords = {},
  ) {
    super(message, words.cause === undefined ? undefined : { cause: words.cause });
  }
}

/** How far a definition and its output are trusted: `trusted` if the operator wrote it, `untrusted` otherwise. */
export type Trust = 'trusted' | 'untrusted';

/** Everything about a tool that is data. What callers may know of it is its ToolInfo. */
export interface ToolData extends ToolInfo {
  readonly version: string;
  readonly source: ToolSource;
  /** Names of credentials of the environment that the tool requires. */
  readonly requiredCredentials: readonly string[];
  /** The scopes that the user's authorisation of the provider must cover. */
  readonly requiredScopes: readonly string[];
  /** The provider whose user token goes with the calls; without a token the tool is not visible. */
  readonly tokenOf?: TokenOf | undefined;
  /** The longest duration of a call; the caller has an answer by then. */
  readonly timeoutMs: number;
  /** Most bytes of what it gives; the rest is cut. */
  readonly maxOutputBytes: number;
  readonly trust: Trust;
}

export type Checked = { readonly ok: true; readonly value: unknown } | Refused;
/** `mcp`: the result for an MCP client in place of the output, if the tool speaks MCP itself. */
type Judged = { readonly ok: true; readonly value: unknown; readonly mcp?: McpToolResult } | Refused;
interface Refused {
  readonly ok: false;
  /** "path: what is expected", at most 20 lines. */
  readonly issues: readonly string[];
}

export interface ToolFunctions {
  /** Validates arguments, for `run`. */
  check(args: Readonly<Record<string, unknown>>): Checked;
  /** Takes the value that `check` returned, and nothing else. */
  run(value: unknown, context: ToolContext): unknown;
  /** Validates the value of `run` against the tool's promise, as callers get it. */
  judge(output: unknown): Judged;
}

export interface Tool extends ToolData, ToolFunctions {
  readonly info: ToolInfo;
  /** Length of `info` as JSON, to fit many into one message. */
  readonly infoBytes: number;
  readonly infoDigest: string;
}

/** The limit of a step, which waits no longer for a tool. */
const MAX_TIMEOUT_MS = performStep.mcp.timeoutMs;
/** Two of these (the output, and the same for MCP) and more fit one message. */
const MAX_OUTPUT_BYTES_CAP = 256 * 1024;
/** One tool must fit into one page of the list. */
const MAX_INFO_BYTES = 384 * 1024;

export type ToolOptions = Omit<
  ToolData,
  'version' | 'requiredCredentials' | 'requiredScopes' | 'maxOutputBytes' | 'trust'
> &
  Partial<Pick<ToolData, 'version' | 'requiredCredentials' | 'requiredScopes' | 'maxOutputBytes' | 'trust'>>;

/**
 * Makes a tool from its data and functions. Throws if the tool could not be listed or called, so that the mistake is
 * found at registration.
 */
export function makeTool(options: ToolOptions, { check, run, judge }: ToolFunctions): Tool {
  const data: ToolData = {
    ...options,
    version: options.version ?? '1',
    requiredCredentials: options.requiredCredentials ?? [],
    requiredScopes: options.requiredScopes ?? [],
    maxOutputBytes: options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES,
    trust: options.trust ?? (options.source === 'mcp_upstream' ? 'untrusted' : 'trusted'),
  };
  const { name, aliases = [], timeoutMs, maxOutputBytes } = data;
  for (const each of [name, ...aliases])
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(each)) throw new Error(`a tool may not be called "${each.slice(0, 100)}"`);
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS))
    throw new Error(`${name} needs a time limit of at most ${MAX_TIMEOUT_MS} ms`);
  if (!(maxOutputBytes >= 1_024 && maxOutputBytes <= MAX_OUTPUT_BYTES_CAP))
    throw new Error(`${name} may give 1024 to ${MAX_OUTPUT_BYTES_CAP} bytes`);
  // Unknown keys are dropped: no credential's name and no limit leaves with it.
  const info = ToolInfo.parse(withoutUndefined({ ...data }));
  const text = JSON.stringify(info);
  const infoBytes = Buffer.byteLength(text);
  if (infoBytes > MAX_INFO_BYTES) throw new Error(`the description of ${name} is longer than ${MAX_INFO_BYTES} bytes`);
  return Object.freeze({ ...data, check, run, judge, info: Object.freeze(info), infoBytes, infoDigest: sha256(text) });
}

function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}
