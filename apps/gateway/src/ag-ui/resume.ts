import { type ApprovalDecision, AppError, type OpenApproval, RunId } from '@switchyard/contracts';
import type { AgUiInput } from '@switchyard/contracts/http';

/*
 * Converts `resume` of a RunAgentInput to answers to the questions of one run. Pure.
 *
 * - Every entry names its own question. Entries for several runs are refused, since one stream shows one run.
 * - A person approves only explicitly: `resolved` without a payload that approves is refused, never guessed.
 */

type Entry = NonNullable<AgUiInput['resume']>[number];

export interface Answer {
  readonly approvalId: string;
  /** Undefined: cancelled, whatever was asked. */
  readonly payload: unknown;
  readonly cancelled: boolean;
}

export interface Resumption {
  readonly runId: string;
  readonly answers: readonly Answer[];
}

/** The run and its questions that are answered. */
export function resumptionOf(entries: readonly Entry[]): Resumption {
  const answers: Answer[] = [];
  let runId: string | undefined;
  for (const { interruptId, status, payload } of entries) {
    const colon = interruptId.indexOf(':');
    const run = RunId.safeParse(interruptId.slice(0, Math.max(0, colon)));
    if (!run.success) throw invalid('an interruptId is none of ours');
    if (runId !== undefined && runId !== run.data) throw invalid('answer the questions of one run at a time');
    runId = run.data;
    answers.push({ approvalId: interruptId.slice(colon + 1), payload, cancelled: status === 'cancelled' });
  }
  if (runId === undefined) throw invalid('expected at least one answer');
  return { runId, answers };
}

/** The answer in the form of the question's kind. */
export function decisionOf(kind: OpenApproval['kind'], { payload, cancelled }: Answer): ApprovalDecision {
  if (cancelled) return { decision: 'deny' };
  const fields = typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>) : {};
  const text = textIn(typeof payload === 'string' ? payload : (fields['text'] ?? fields['answer'] ?? fields['reason']));
  const remark = text === undefined ? {} : { text };
  const verdict = typeof payload === 'boolean' ? payload : verdictIn(fields);
  if (verdict === false) return { decision: 'deny', ...remark };
  if (kind === 'question') {
    if (text === undefined) throw invalid('a question is answered with the payload {"text": "..."}');
    return { decision: 'answer', text };
  }
  if (verdict === undefined) throw invalid('an approval needs the payload {"approved": true} or {"approved": false}');
  if (kind === 'budget') {
    const limit = fields['limit'];
    return { decision: 'approve', ...remark, ...(typeof limit === 'number' ? { arguments: { limit } } : {}) };
  }
  const edited = fields['editedArgs'] ?? fields['arguments'];
  if (edited === undefined || edited === null) return { decision: 'approve', ...remark };
  if (typeof edited !== 'object' || Array.isArray(edited)) throw invalid('editedArgs must be an object');
  return { decision: 'approve', ...remark, arguments: edited as Record<string, unknown> };
}

function verdictIn(fields: Readonly<Record<string, unknown>>): boolean | undefined {
  if (typeof fields['approved'] === 'boolean') return fields['approved'];
  if (fields['decision'] === 'approve') return true;
  return fields['decision'] === 'deny' ? false : undefined;
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

function invalid(what: string): AppError {
  return new AppError('invalid_input', `resume: ${what}.`);
}
