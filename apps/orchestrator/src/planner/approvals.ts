import type { PlannedAct, RunSpec, ToolInfo } from '@switchyard/contracts';
import { matchesTool, type StepState } from '@switchyard/run';

/*
 * Decides which calls need a person's approval. Pure.
 *
 * - A call needs an approval if the tool, the deployment or the run asks for one: nobody can take an approval away.
 * - Once a run has read untrusted content, every call that destroys something needs an approval: the content may have
 *   talked the model into it.
 */

/** The approvals that the deployment requires. */
export interface ApprovalDefaults {
  readonly tools: readonly string[];
  readonly timeoutSeconds: number;
}

export interface ApprovalRules extends ApprovalDefaults {
  /** The planner may ask the person a question. */
  readonly interactive: boolean;
  /** The source of untrusted content that the run has read; from then on every destructive call needs an approval. */
  readonly heard?: string;
}

/** The rules for one run: the patterns of the deployment and of the run together. */
export function rulesFor(run: RunSpec, defaults: ApprovalDefaults, untrusted?: StepState): ApprovalRules {
  const heard = untrusted && (untrusted.act.tool ?? untrusted.act.agent ?? untrusted.act.target);
  return {
    ...(heard === undefined ? {} : { heard }),
    tools: [...defaults.tools, ...(run.approvals?.tools ?? [])],
    timeoutSeconds: run.approvals?.timeout_seconds ?? defaults.timeoutSeconds,
    interactive: run.interactive ?? false,
  };
}

export function needsApproval(tool: ToolInfo, rules: ApprovalRules): boolean {
  if (rules.heard !== undefined && tool.kind === 'destructive') return true; // untrusted content may have caused it
  return tool.requiresApproval === true || rules.tools.some((pattern) => matchesTool(pattern, tool));
}

const MAX_SHOWN = 400;

/** The question for a call of this tool. */
export function approvalOf(tool: ToolInfo, input: object, rules: ApprovalRules): NonNullable<PlannedAct['approval']> {
  const text = JSON.stringify(input);
  const shown = text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
  const warning =
    rules.heard === undefined ? '' : ` This run has read what ${rules.heard} said, which may be behind it.`;
  return { question: `May ${tool.name} be called with ${shown}?${warning}`, timeout_seconds: rules.timeoutSeconds };
}
