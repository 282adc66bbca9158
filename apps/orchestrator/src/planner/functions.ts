import type { OfferedAgent } from '@switchyard/bus';
import { type AgentInfo, type ClientTool, type PlannedAct, safeParse, type ToolInfo } from '@switchyard/contracts';
import {
  argumentsOf,
  ASK_USER,
  callInWords,
  DELEGATE,
  type ModelFunction,
  numberActs,
  taking,
  TOOL_AGENT,
  toolFunction,
} from '@switchyard/run';
import { z } from 'zod';
import { approvalOf, type ApprovalRules, needsApproval } from './approvals.ts';

/*
 * Builds the functions that the model is offered, and turns the calls of its answer into steps. Pure.
 *
 * - A name in the model's answer is looked up among the tools and agents of this run and nowhere else.
 * - A call that cannot be performed becomes a step marked invalid. Its failure goes back to the model as the answer to
 *   the call; it never ends the run.
 * - If the tool agent replaces the tools, the tools that need an approval are offered all the same: the agent may not
 *   call them.
 */

/** The tools and agents of one run, read anew by each owner. */
export interface Toolbox {
  readonly tools: readonly ToolInfo[];
  readonly agents: readonly OfferedAgent[];
  /** Whether a task in words may be given to our own agent for tools: beside the tools, or in their place. */
  readonly toolAgent?: 'beside' | 'instead' | undefined;
  /** Tools that the client of the run performs; a call of one becomes a question to the client. */
  readonly client?: readonly ClientTool[];
}

/** The toolbox with the client's tools added; each replaces another tool of the same name. */
export function withClientTools(toolbox: Toolbox, client: readonly ClientTool[] = []): Toolbox {
  if (client.length === 0) return toolbox;
  const names = new Set(client.map(({ name }) => name));
  return { ...toolbox, tools: toolbox.tools.filter(({ name }) => !names.has(name)), client };
}

/** One function call of a model's answer; `arguments` is the JSON text that it wrote. */
export interface ModelCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  /** An opaque value that the model server expects back with this call. */
  readonly signature?: string;
}

const SUBMIT_PLAN = 'submit_plan';
const MAX_ACTS = 64;
const MAX_CALL_CHARS = 200;
/** The value that Gemini accepts for a call that it did not sign, from histories of other models. */
const UNSIGNED = 'skip_thought_signature_validator';

const DelegateArguments = z.object({ task: z.string().min(1) });
const AskArguments = z.object({ question: z.string().trim().min(1).max(4_000) });
const PlanArguments = z.object({
  steps: z
    .array(
      z.object({
        tool: z.string().optional(),
        arguments: z.record(z.string(), z.unknown()).optional(),
        agent: z.string().optional(),
        task: z.string().optional(),
      }),
    )
    .min(1)
    .max(MAX_ACTS),
});

/**
 * The caller's visible tools, one delegate function per agent, `submit_plan`, and `ask_user` if a person is present.
 */
export function functionsFor(toolbox: Toolbox, interactive = false, rules?: ApprovalRules): ModelFunction[] {
  const direct = directTools(toolbox, rules);
  const tools = direct.map(toolFunction);
  const agents = agentsOf(toolbox).map((agent) => ({
    name: `${DELEGATE}${agent.id}`,
    description: `Delegate a task, in words, to the agent "${agent.name}": ${agent.description}${skillList(agent)}`,
    parameters: taking({ task: { type: 'string', description: 'The whole task, in words that stand for themselves' } }),
  }));
  const asking = [...(toolbox.client ?? []).map(clientFunction), ...(interactive ? [ASK_USER_FUNCTION] : [])];
  if (tools.length + agents.length === 0) return asking;
  return [...tools, ...agents, submitPlan(direct, agentsOf(toolbox)), ...asking];
}

/** The most tools that are offered beside the agent that replaces the others. */
const MAX_DIRECT = 40;

function clientFunction({ name, description, parameters }: ClientTool): ModelFunction {
  return { name, description, parameters: parameters ?? { type: 'object', properties: {} } };
}

/** The tools that are offered by name: all, or only those that need an approval if the tool agent replaces them. */
function directTools({ tools, toolAgent }: Toolbox, rules?: ApprovalRules): readonly ToolInfo[] {
  if (toolAgent !== 'instead') return tools;
  return tools
    .filter((tool) => (rules ? needsApproval(tool, rules) : tool.requiresApproval === true))
    .slice(0, MAX_DIRECT);
}

/** The agents of this run; ours first, and no other under its name. */
function agentsOf({ tools, agents, toolAgent }: Toolbox): readonly OfferedAgent[] {
  if (!toolAgent || tools.length === 0) return agents;
  const providers = [...new Set(tools.map(({ provider }) => provider))].sort().slice(0, 100).join(', ');
  const description =
    `Uses ${tools.length} tools by itself until the task is done (providers: ${providers}). ` +
    'Give it a whole task that needs several of them, or one whose tool you do not see.';
  const ours = {
    id: TOOL_AGENT,
    name: 'tool agent',
    description: description.slice(0, 4_000),
    skills: [],
    reachable: true,
    target: 'mcp' as const,
  };
  return [ours, ...agents.filter(({ id }) => id !== TOOL_AGENT)];
}

interface ActLimits {
  /** Steps are numbered from here. */
  readonly plannedBefore: number;
  readonly stepsLeft: number;
  readonly rules: ApprovalRules;
}

/** Turns the calls of one answer into steps. */
export function toActs(
  calls: readonly ModelCall[],
  toolbox: Toolbox,
  { plannedBefore, stepsLeft, rules }: ActLimits,
): { order: 'parallel' | 'sequence'; acts: PlannedAct[] } {
  const plan = calls.length === 1 && calls[0]?.name === SUBMIT_PLAN ? parsePlan(calls[0]) : undefined;
  const wanted = plan?.kind === 'steps' ? plan.calls : calls.slice(0, MAX_ACTS);
  const acts = wanted.map((call) => ({
    ...(plan?.kind === 'invalid' ? invalid(call, plan.code, plan.message) : toAct(call, toolbox, rules)),
    ...(call.signature === undefined ? {} : { signature: call.signature }),
  }));
  const order = plan?.kind === 'steps' ? 'sequence' : 'parallel';
  return { order, acts: numberActs(acts, plannedBefore, stepsLeft) };
}

type Draft = Omit<PlannedAct, 'step_id'>;

function toAct(call: ModelCall, toolbox: Toolbox, rules: ApprovalRules): Draft {
  const parsed = argumentsOf(call.arguments);
  if (call.name === ASK_USER && rules.interactive) return questionOf(call, parsed, rules);
  if (call.name.startsWith(DELEGATE)) {
    const agent = agentsOf(toolbox).find((candidate) => candidate.id === call.name.slice(DELEGATE.length));
    if (!agent) return invalid(call, 'agent_not_found', unknownName(call.name, toolbox));
    const input = safeParse(DelegateArguments, parsed);
    if (!input.success) return invalid(call, 'tool_invalid_arguments', `${call.name} takes {"task": "..."}.`);
    return { tool_call_id: call.id, target: agent.target, task: input.data.task, agent: agent.id };
  }
  if (toolbox.client?.some(({ name }) => name === call.name) === true) return clientCall(call, parsed, rules);
  const tool = toolNamed(call.name, toolbox.tools);
  if (!tool) return invalid(call, 'tool_not_found', unknownName(call.name, toolbox));
  if (!parsed) {
    return invalid(call, 'tool_invalid_arguments', NOT_AN_OBJECT(call.name));
  }
  return {
    tool_call_id: call.id,
    target: 'mcp',
    task: callInWords(tool.name, parsed, MAX_CALL_CHARS),
    tool: tool.name,
    arguments: parsed,
    ...(needsApproval(tool, rules) ? { approval: approvalOf(tool, parsed, rules) } : {}),
  };
}

/** The tool with this name, or else the tool with this alias. */
function toolNamed(wanted: string, tools: readonly ToolInfo[]): ToolInfo | undefined {
  return tools.find(({ name }) => name === wanted) ?? tools.find(({ aliases }) => aliases?.includes(wanted));
}

/** A question to the person: no worker performs this step, and its result is the answer. */
function questionOf(call: ModelCall, parsed: Record<string, unknown> | undefined, rules: ApprovalRules): Draft {
  const input = safeParse(AskArguments, parsed);
  if (!input.success) return invalid(call, 'tool_invalid_arguments', `${ASK_USER} takes {"question": "..."}.`);
  const { question } = input.data;
  const approval = { question, timeout_seconds: rules.timeoutSeconds };
  return { tool_call_id: call.id, target: 'user', task: question, approval };
}

/** A call that the client performs: its result comes from the client. */
function clientCall(call: ModelCall, parsed: Record<string, unknown> | undefined, rules: ApprovalRules): Draft {
  if (!parsed) return invalid(call, 'tool_invalid_arguments', NOT_AN_OBJECT(call.name));
  const task = callInWords(call.name, parsed, MAX_CALL_CHARS);
  const approval = { question: `The client performs ${task}`.slice(0, 4_000), timeout_seconds: rules.timeoutSeconds };
  return { tool_call_id: call.id, target: 'user', task, tool: call.name, arguments: parsed, approval };
}

const NOT_AN_OBJECT = (name: string) => `The arguments of ${name} are not a JSON object. Send them again.`;

type Plan = { kind: 'steps'; calls: ModelCall[] } | { kind: 'invalid'; code: string; message: string };

function parsePlan(call: ModelCall): Plan {
  const plan = safeParse(PlanArguments, argumentsOf(call.arguments));
  if (!plan.success) {
    return {
      kind: 'invalid',
      code: 'tool_invalid_arguments',
      message: 'submit_plan takes {"steps": [{"tool", "arguments"} or {"agent", "task"}]}.',
    };
  }
  return {
    kind: 'steps',
    calls: plan.data.steps.map((step, index) => ({
      id: planCallId(call.id, index),
      name: step.agent === undefined ? (step.tool ?? '') : `${DELEGATE}${step.agent.replace(DELEGATE, '')}`,
      arguments: JSON.stringify(step.agent === undefined ? (step.arguments ?? {}) : { task: step.task ?? '' }),
      // The model sees the steps as calls of its own, but it signed the call of submit_plan.
      ...(index === 0 && call.signature !== undefined ? { signature: UNSIGNED } : {}),
    })),
  };
}

/** The id of step `index` of a plan; what stands before the last "#" is the id of the submit_plan call. */
function planCallId(callId: string, index: number): string {
  return `${callId.slice(0, 120)}#${index + 1}`;
}

function invalid(call: ModelCall, code: string, message: string): Draft {
  const delegated = call.name.startsWith(DELEGATE);
  return {
    tool_call_id: call.id,
    target: delegated ? 'a2a' : 'mcp',
    task: `call ${call.name.slice(0, 100)}`,
    ...(delegated
      ? { agent: call.name.slice(DELEGATE.length, 128) }
      : { tool: call.name.slice(0, 128), arguments: {} }),
    invalid: { code, message },
  };
}

function unknownName(name: string, toolbox: Toolbox): string {
  const own = (toolbox.client ?? []).map(({ name: known }) => known);
  const known = [
    ...own,
    ...toolbox.tools.map((tool) => tool.name),
    ...agentsOf(toolbox).map((agent) => DELEGATE + agent.id),
  ];
  return `There is no function "${name.slice(0, 100)}". Known: ${known.slice(0, 50).join(', ') || 'none'}.`;
}

function skillList(agent: AgentInfo): string {
  const skills = agent.skills.slice(0, 10).map((skill) => skill.name);
  return skills.length === 0 ? '' : ` Skills: ${skills.join(', ')}.`;
}

const ASK_USER_FUNCTION: ModelFunction = {
  name: ASK_USER,
  description:
    'Ask the person on whose behalf you work one question and wait for the answer. ' +
    'Use it only where the task cannot be done without something that only this person knows or may decide.',
  parameters: taking({ question: { type: 'string', description: 'One clear question' } }),
};

function submitPlan(tools: readonly ToolInfo[], agents: readonly AgentInfo[]): ModelFunction {
  const step: Record<string, unknown> = {
    ...(tools.length === 0
      ? {}
      : {
          tool: { type: 'string', enum: tools.map((tool) => tool.name), description: 'A tool to call' },
          arguments: { type: 'object', description: 'Its arguments' },
        }),
    ...(agents.length === 0
      ? {}
      : {
          agent: {
            type: 'string',
            enum: agents.map((agent) => agent.id),
            description: 'An agent to delegate to',
          },
          task: { type: 'string', description: 'The task for that agent, in words' },
        }),
  };
  return {
    name: SUBMIT_PLAN,
    description:
      'Submit a list of steps that are performed in order, each after the one before has succeeded. ' +
      'Use it only where the order matters and no step needs the result of an earlier one in its arguments.',
    parameters: taking({ steps: { type: 'array', minItems: 1, items: { type: 'object', properties: step } } }),
  };
}
