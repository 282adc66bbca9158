import type { McpCaller, McpFrame, Principal, StepRequest, StepResult, ToolConstraints } from '@switchyard/contracts';
import type { ToolContext } from './tool.ts';

/** One call of a tool, as it is asked for. */
export interface CallRequest {
  readonly principal: Principal;
  readonly constraints: ToolConstraints;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string | undefined;
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  /** What the model calls this call. */
  readonly toolCallId?: string | undefined;
  /** The approval of a person that the run's owner vouches for. */
  readonly approval?: StepRequest['approval'];
  /** The MCP client that calls; only such a caller is given what is in the words of MCP. */
  readonly mcp?: McpCaller | undefined;
  readonly tell?: ((frame: McpFrame) => void) | undefined;
  /** Asks whoever calls, in the middle of the call, and how long that may take beside the time of the tool. */
  readonly ask?: ToolContext['ask'];
  readonly askTimeoutMs?: number | undefined;
  /** Told the output for the record of the call, where callers get only its beginning. */
  readonly record?: ((output: unknown) => void) | undefined;
  readonly signal: AbortSignal;
}

/** What a tool did: its answer, and where it was given up, what it ends with in the dark. */
export interface Performed {
  readonly result: StepResult;
  readonly late?: Promise<StepResult> | undefined;
}
