import type { McpCaller, McpFrame, Principal, StepRequest, StepResult, ToolConstraints } from '@switchyard/contracts';
import type { ToolContext } from './tool.ts';

/** The request of one tool call. */
export interface CallRequest {
  readonly principal: Principal;
  readonly constraints: ToolConstraints;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string | undefined;
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  /** The model's id of this call. */
  readonly toolCallId?: string | undefined;
  /** The approval of a person that the run's owner vouches for. */
  readonly approval?: StepRequest['approval'];
  /** The MCP client that calls; only such a caller gets the MCP form of the result. */
  readonly mcp?: McpCaller | undefined;
  readonly tell?: ((frame: McpFrame) => void) | undefined;
  /** Asks the caller during the call; and how long that may take beyond the tool's own time. */
  readonly ask?: ToolContext['ask'];
  readonly askTimeoutMs?: number | undefined;
  /** Gets the whole output for the record of the call if callers get only its beginning. */
  readonly record?: ((output: unknown) => void) | undefined;
  readonly signal: AbortSignal;
}

/** The end of a call: its answer and, if it was given up, its late result. */
export interface Performed {
  readonly result: StepResult;
  readonly late?: Promise<StepResult> | undefined;
}
