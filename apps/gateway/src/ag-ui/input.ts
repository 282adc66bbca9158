import {
  AppError,
  encodeId,
  type InputOf,
  issueLines,
  type Principal,
  RunSpec,
  safeParse,
  scopedRunId,
  type startRun,
  type ThreadConcurrency,
} from '@switchyard/contracts';
import type { AgUiInput } from '@switchyard/contracts/http';
import { clientToolsOf, contextOf } from './offers.ts';
import { partsOf } from './content-parts.ts';
import { budgetOf, constraintsOf, given } from '../runs/index.ts';

/*
 * Converts a RunAgentInput to the request to start a run. Pure.
 *
 * - No part of the input is dropped silently: it reaches the run, is refused, or is named in a notice.
 * - The client's history is never refused, because the client would send it again with each turn.
 */

const MAX_HISTORY_MESSAGES = 1_000;
const NO_WORDS = '(The user sent images without words.)';

export interface AgUiTurn {
  readonly request: InputOf<typeof startRun>;
  /** The unused parts, in sentences for the client. */
  readonly notices: readonly string[];
}

/** One turn of a thread: the last message of the user is the task, what comes before it the history. */
export function agUiToStartRun(input: AgUiInput, principal: Principal, concurrency?: ThreadConcurrency): AgUiTurn {
  const notices = new Set<string>();
  const spoken = input.messages.flatMap(({ role, content }) => {
    if (role === 'system' || role === 'developer') notices.add(INSTRUCTIONS);
    if (role !== 'user' && role !== 'assistant') return [];
    const parts = partsOf(content);
    const empty = parts.text.trim() === '' && parts.images.length === 0 && parts.others.length === 0;
    return empty ? [] : [{ role, parts } as const];
  });
  const last = spoken.findLastIndex(({ role }) => role === 'user');
  if (last < 0) throw new AppError('invalid_input', 'messages must hold a message of the user with text.');
  const { text, images, others } = spoken[last]!.parts;
  if (others[0] !== undefined) throw new AppError('invalid_input', others[0]);

  const earlier = spoken.slice(0, last);
  if (earlier.length > MAX_HISTORY_MESSAGES) notices.add(LONG_HISTORY);
  if (earlier.some(({ parts }) => parts.images.length + parts.others.length > 0)) notices.add(EARLIER_PARTS);
  if (!isEmpty(input.state)) notices.add(STATE);

  const props = input.forwardedProps;
  const parsed = safeParse(RunSpec, {
    task: text.trim() === '' ? NO_WORDS : text,
    thread_id: encodeId(input.threadId),
    principal,
    tool_constraints: constraintsOf(props?.tool_constraints),
    budget: budgetOf(props?.budget, undefined),
    history: earlier
      .filter(({ parts }) => parts.text.trim() !== '')
      .slice(-MAX_HISTORY_MESSAGES)
      .map(({ role, parts }) => ({ role, text: parts.text })),
    thread_concurrency: props?.thread_concurrency ?? concurrency ?? 'reject',
    ...given('interactive', props?.interactive),
    ...given('approvals', props?.approvals),
    ...given('on_disconnect', props?.on_disconnect),
    ...given('client_tools', clientToolsOf(input.tools)),
    ...given('context', contextOf(input.context)),
    ...given('images', images.length === 0 ? undefined : images.map((url) => ({ url }))),
  });
  if (!parsed.success) {
    const tooLong = parsed.error.issues.some(({ path }) => path[0] === 'task');
    const sentence = 'The last message of the user is longer than 200000 characters.';
    throw new AppError('invalid_input', tooLong ? sentence : `The input makes no run: ${issueLines(parsed.error)[0]}`);
  }
  const runId = encodeId(input.runId);
  return {
    request: { runId: scopedRunId(principal.tenantId, runId), idempotencyKey: runId, run: parsed.data },
    notices: [...notices],
  };
}

const INSTRUCTIONS = 'Messages of the roles system and developer are not used; tell the planner by `context`.';
const EARLIER_PARTS = 'Images and files of earlier messages are not shown to the model again.';
const LONG_HISTORY = `Of the messages before the last one the newest ${MAX_HISTORY_MESSAGES} are used.`;
const STATE = '`state` is not used: this agent has no shared state. Tell the planner by `context`.';

function isEmpty(state: unknown): boolean {
  return state === undefined || state === null || (typeof state === 'object' && Object.keys(state).length === 0);
}
