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
 * What a tool is to the rest of this service, wherever it comes from: data, and four functions of it. Code defines one
 * with defineTool, files and the API with an HTTP endpoint, other servers by what they list.
 */

/** What a tool gets beside its arguments. */
export interface ToolContext {
  /** On whose behalf; data that belongs to a user is found by it and by nothing else. */
  readonly principal: Principal;
  /** The values of `requiredCredentials`, by name. Never to be put into the output. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Aborted by a cancel and by the tool's time limit. */
  readonly signal: AbortSignal;
  /** The same for every try of the same call; to be handed on to whatever has the effect (downstream.ts). */
  readonly idempotencyKey?: string | undefined;
  /** The run and its step, where the call belongs to one. */
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  /** The MCP client that calls, where one does. */
  readonly mcp?: McpCaller | undefined;
  /** Tells the MCP client of progress and log messages. */
  readonly tell?: ((frame: McpFrame) => void) | undefined;
  /** Asks the MCP client something in the middle of the call. Throws where there is nobody to answer. */
  readonly ask?: ((question: Question) => Promise<Record<string, unknown>>) | undefined;
}

/** A request of MCP to a client. */
export interface Question {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What goes with a ToolError, for callers that understand more than its text. */
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
 * An error whose text the model and the user may read: what is wrong and what to do. Thrown where it is certain that
 * nothing happened.
 */
export class ToolError extends Error {
  constructor(
    message: string,
    readonly words: ToolErrorWords = {},
  ) {
    super(message, words.cause === undefined ? undefined : { cause: words.cause });
  }
}

/** How far a definition and what it gives are trusted: written by the operator, or by a stranger. */
export type Trust = 'trusted' | 'untrusted';

/** Everything about a tool that is data. What callers may know of it is its ToolInfo. */
export interface ToolData extends ToolInfo {
  readonly version: string;
  readonly source: ToolSource;
  /** Names of credentials of the environment that it cannot run without. */
  readonly requiredCredentials: readonly string[];
  /** What the user's authorisation of the provider must cover. */
  readonly requiredScopes: readonly string[];
  /** Whose token of the user goes with its calls; without it the tool is not there. */
  readonly tokenOf?: TokenOf | undefined;
  /** Longest a call may take; whoever called has an answer by then. */
  readonly timeoutMs: number;
  /** Most bytes of what it gives; the rest is cut. */
  readonly maxOutputBytes: number;
  readonly trust: Trust;
}

export type Checked = { readonly ok: true; readonly value: unknown } | Refused;
/** `mcp`: what an MCP client is given in place of the output, where the tool speaks MCP itself. */
export type Judged = { readonly ok: true; readonly value: unknown; readonly mcp?: McpToolResult } | Refused;
interface Refused {
  readonly ok: false;
  /** "path: what is expected", at most 20 lines. */
  readonly issues: readonly string[];
}

export interface ToolFunctions {
  /** Whether arguments fit, as `run` takes them. */
  check(args: Readonly<Record<string, unknown>>): Checked;
  /** Gets what `check` gave, and nothing else. */
  run(value: unknown, context: ToolContext): unknown;
  /** Whether what `run` gave is what the tool promises, as callers get it. */
  judge(output: unknown): Judged;
}

export interface Tool extends ToolData, ToolFunctions {
  readonly info: ToolInfo;
  /** Length of `info` as JSON, for whoever puts many into one message. */
  readonly infoBytes: number;
  readonly infoDigest: string;
}

/** That of a step: nobody waits longer for a tool. */
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
 * A tool of its data and its functions. Throws where it is one that could not be listed or called, so that the mistake
 * is seen when it is registered.
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
