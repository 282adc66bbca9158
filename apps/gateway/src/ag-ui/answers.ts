import {
  AppError,
  type ApprovalDecision,
  encodeId,
  MAX_ANSWER_CHARS,
  RunId,
  type RunView,
} from '@switchyard/contracts';
import type { AgUiInput } from '@switchyard/contracts/http';
import { isClientCall } from '../dialects/index.ts';
import { partsOf, resultText } from './content-parts.ts';
import type { Resumption } from './resume.ts';
import { spokenAnswer } from '../runs/index.ts';

/*
 * Reads the messages of an input as answers to a waiting run: results of the client's own tools and, from clients
 * without `resume`, answers in words. Pure.
 *
 * - Only messages after the last one of the assistant are new. The messages before it answered an earlier question.
 * - Words answer only a question that this client was shown.
 */

type Messages = AgUiInput['messages'];

const CALL = /^(.+)-(step-ask-[0-9]+)$/;

/** The results that came with this input, and the run that asked for them; undefined if there are none. */
export function clientResults(messages: Messages): Resumption | undefined {
  const results = sinceAssistant(messages).flatMap((message) => {
    const { role, toolCallId } = message as { role: string; toolCallId?: unknown };
    const [, run, step] = (role === 'tool' && typeof toolCallId === 'string' && CALL.exec(toolCallId)) || [];
    if (step === undefined || !RunId.safeParse(run).success) return [];
    return [{ runId: run!, approvalId: `ask-${step}`, text: textOf(message) }];
  });
  const runId = results.at(-1)?.runId;
  if (runId === undefined) return undefined;
  const answers = results
    .filter((result) => result.runId === runId)
    .map(({ approvalId, text }) => ({ approvalId, payload: { text }, cancelled: false }));
  return { runId, answers };
}

function textOf(message: Messages[number]): string {
  const { error } = message as { error?: unknown };
  const said = resultText(message.content);
  const text = typeof error === 'string' && error !== '' ? JSON.stringify({ error, content: said }) : said;
  if (text.length > MAX_ANSWER_CHARS)
    throw new AppError(
      'invalid_input',
      `The result of a tool may have ${MAX_ANSWER_CHARS} characters; this one has ${text.length}.`,
    );
  return text.trim() === '' ? '(The tool gave no text.)' : text;
}

/** The user's words in this input; undefined if its last message is not the user's. */
export function lastWords(messages: Messages): string | undefined {
  const words = sinceAssistant(messages).findLast(({ role }) => role === 'user');
  const text = words === undefined ? '' : partsOf(words.content).text;
  return text.trim() === '' ? undefined : text;
}

/**
 * The user's words as answer to the oldest open question. Undefined: the question must be asked again, because the
 * words do not answer it or this client was not shown it.
 */
export function answerInWords(
  { runId, approvals }: Pick<RunView, 'runId' | 'approvals'>,
  messages: Messages,
): { readonly approvalId: string; readonly answer: ApprovalDecision } | undefined {
  const words = lastWords(messages);
  const asked = approvals.find((approval) => !isClientCall(approval));
  if (words === undefined || asked === undefined || !hasSeen(messages, runId, asked.step_id)) return undefined;
  const answer = spokenAnswer(asked, words);
  return answer === undefined ? undefined : { approvalId: asked.approval_id, answer };
}

function hasSeen(messages: Messages, runId: string, stepId: string | null): boolean {
  const shown = stepId === null ? `${runId}-` : `${runId}-${stepId}`;
  const isShown = (id: unknown) => typeof id === 'string' && (stepId === null ? id.startsWith(shown) : id === shown);
  return messages.some(({ id, ...fields }) => {
    const calls: unknown = fields['toolCalls'];
    const ids = Array.isArray(calls) ? calls.map((call) => (call as { id?: unknown } | null)?.id) : [];
    return isShown(id) || ids.some(isShown);
  });
}

/** The messages after the last one of the assistant, without activities and reasoning, which are the client's own. */
function sinceAssistant(messages: Messages): Messages {
  return messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
}

/** True if the run waits only for results that this client has given up on: its words are about something else. */
export function isAbandoned(view: Pick<RunView, 'approvals'>, messages: Messages): boolean {
  return view.approvals.every(isClientCall) && lastWords(messages) !== undefined;
}

/** The internal ids of an input. */
export function idsOf({ threadId, runId }: Pick<AgUiInput, 'threadId' | 'runId'>) {
  return { threadId: encodeId(threadId), runId: encodeId(runId) };
}
