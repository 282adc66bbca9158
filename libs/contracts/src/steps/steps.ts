import { z } from 'zod';
import { AGENT_KINDS, AGENT_TARGETS, agentKind, type AgentTarget } from '../base/agent-kinds.ts';
import { request } from '../base/define.ts';
import { Id, RunId } from '../base/ids.ts';
import { InputRequired, McpError } from '../protocols/mcp.ts';
import { Principal } from '../base/principal.ts';
import { Usage } from '../base/usage.ts';
import { ComputerWish } from '../computer/computer.ts';

/** `user`: a question to the person on whose behalf the run works; no agent performs it. */
export const StepTarget = z.enum([...AGENT_TARGETS, 'user']);
export type StepTarget = z.infer<typeof StepTarget>;

/**
 * Which tools a run may see, and to which other agents it may delegate. `auto`: every tool of every provider that this
 * user has authorised, and every agent. `custom`: only what `providers` and `tools` name; both are allow lists, both
 * apply where both are given; a custom list that names nothing allows nothing. An agent must be named itself, in
 * `agents` by its id or in `tools` as `delegate_to_<id>`.
 */
export const ToolConstraints = z.object({
  mode: z.enum(['auto', 'custom']).default('auto'),
  providers: z.array(z.string().max(128)).max(256).default([]),
  tools: z.array(z.string().max(128)).max(1024).default([]),
  /** Absent, not empty, where none is named: what was asked before there was this field is the same request today. */
  agents: z.array(z.string().max(128)).max(256).optional(),
});
export type ToolConstraints = z.infer<typeof ToolConstraints>;

/** The remaining limits of the run, for a worker that decides by itself. */
export const StepLimits = z.object({
  /** Calls of tools, this step's own included. */
  calls: z.number().int().min(1).max(1_000),
  /** Patterns of tools that a person must approve; such a call is no worker's to decide. */
  approvalTools: z.array(z.string().max(200)).max(1_000),
  /** True once the run has read untrusted content: a person must then approve every destructive call. */
  heardStranger: z.boolean(),
});
export type StepLimits = z.infer<typeof StepLimits>;

/** One step of a run for the app that owns `target`: a direct call or a task in words. */
export const StepRequest = z.object({
  principal: Principal,
  runId: RunId,
  stepId: Id,
  threadId: Id,
  /** Same for every dispatch of the same step: `<runId>:<stepId>`. */
  idempotencyKey: z.string().min(1).max(160),
  attempt: z.number().int().min(1),
  /** An earlier dispatch may have reached a worker, and its outcome is not known. */
  mayHaveWorked: z.boolean().optional(),
  task: z.string().max(200_000),
  call: z.object({ tool: z.string().max(128), arguments: z.record(z.string(), z.unknown()) }).optional(),
  agent: z.string().max(128).optional(),
  /** The approver of this call; the approval covers exactly these arguments, or the approver wrote them. */
  approval: z.object({ approvalId: Id, by: z.string().max(256) }).optional(),
  /** The model's id of this call; for traces. */
  toolCallId: z.string().max(128).optional(),
  toolConstraints: ToolConstraints.prefault({}),
  /** For a task in words: within what its worker may act. */
  within: StepLimits.optional(),
  /** For the computer-use agent. */
  computer: ComputerWish.optional(),
});
export type StepRequest = z.infer<typeof StepRequest>;

/** The result for an MCP client, if the tool speaks MCP itself: unchanged, cut if it is too large. */
export const McpToolResult = z.object({
  content: z.array(z.record(z.string(), z.unknown())),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().optional(),
});
export type McpToolResult = z.infer<typeof McpToolResult>;

/** The source of an outcome's content; absent: ourselves. */
export const Provenance = z.object({
  tool: z.string().max(128),
  provider: z.string().max(64),
  trust: z.enum(['trusted', 'untrusted']),
});
export type Provenance = z.infer<typeof Provenance>;

/** The worker's usage of the language model; the run is charged for it. */
const StepUsage = Usage.optional();

/** A step that fails is still an answer. `in_doubt`: an effect may or may not have happened. */
export const StepResult = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('succeeded'),
    output: z.unknown(),
    mcp: McpToolResult.optional(),
    provenance: Provenance.optional(),
    usage: StepUsage,
  }),
  z.object({
    status: z.literal('failed'),
    code: z.string().max(64),
    message: z.string().max(4_000),
    /** With `input_required`: what the caller must answer before the tool goes on. Only for callers that named `mcp`. */
    inputRequired: InputRequired.optional(),
    /** The refusal in the words of MCP, where the tool speaks it. */
    mcpError: McpError.optional(),
    mcp: McpToolResult.optional(),
    provenance: Provenance.optional(),
    usage: StepUsage,
  }),
  z.object({
    status: z.literal('in_doubt'),
    code: z.string().max(64),
    message: z.string().max(4_000),
    usage: StepUsage,
  }),
]);
export type StepResult = z.infer<typeof StepResult>;

/** rpc.step.<target>, of each kind of agent: progress frames carry run events of the target's own agents. */
export const performStep = Object.fromEntries(
  AGENT_TARGETS.map((target) => [target, stepContract(target)]),
) as Readonly<Record<AgentTarget, ReturnType<typeof stepContract>>>;

function stepContract(target: AgentTarget) {
  const { app, summary } = AGENT_KINDS[target];
  return request({
    subject: `rpc.step.${target}`,
    summary,
    answeredBy: app,
    askedBy: ['orchestrator'],
    input: StepRequest,
    output: StepResult,
    timeoutMs: agentKind(target).stepTimeoutMs ?? 120_000,
  });
}
