import {
  AppError,
  type ApprovalDecision,
  type FactOf,
  type Principal,
  type RunFactDraft,
  roleSuffices,
} from '@switchyard/contracts';
import { openAsks, type RunState } from '@switchyard/run';
import type { RunInput } from '@switchyard/store';

/*
 * Turns inputs of people (a cancel, an answer to a question) into facts of the run. Pure.
 *
 * - A question is answered once: the first answer stands, later answers change nothing.
 * - An answer that comes too late, or to a question that the run never asked, becomes no fact.
 */

type DecisionBody = Pick<
  FactOf<'orchestrator.approval.decided'>['data'],
  'approval_id' | 'step_id' | 'decision' | 'by' | 'arguments' | 'text'
>;

/** The facts that these inputs produce, in their order, for a run in this state. */
export function inputFacts(inputs: readonly RunInput[], state: RunState): RunFactDraft[] {
  let cancelled = state.cancel !== null;
  const open = new Set(openAsks(state).map(({ request }) => request.approval_id));
  return inputs.flatMap(({ kind, body }): RunFactDraft[] => {
    if (kind === 'cancel' && !cancelled) {
      cancelled = true;
      return [cancelFact(body)];
    }
    const answer = kind === 'approval' ? (body as DecisionBody) : undefined;
    if (!answer || cancelled || !open.delete(answer.approval_id)) return []; // answered already, too late, or never asked
    return [{ type: 'orchestrator.approval.decided', data: answer }];
  });
}

export interface Answering {
  readonly state: RunState;
  /** The user who started the run. */
  readonly owner: string;
  readonly principal: Principal;
  readonly approvalId: string;
  readonly answer: ApprovalDecision;
}

/** Why this answer is refused; null if it is accepted. */
export function objectionToAnswer(input: Answering): AppError | 'answered already' | null {
  const { state, owner, principal, approvalId, answer } = input;
  const ask = askOf(state, approvalId);
  if (!ask) return new AppError('not_found', 'This run asks no such question.');
  const { request, decision } = ask;
  const mayAnswer = request.required_role
    ? roleSuffices(principal.role, request.required_role)
    : principal.userId === owner || principal.role === 'admin';
  if (!mayAnswer) return new AppError('forbidden', 'This question is for somebody else to answer.');
  if (decision?.decision === 'expired') return new AppError('approval_expired');
  if (decision) {
    const same = decision.decision === answer.decision && decision.text === answer.text;
    return same ? 'answered already' : new AppError('approval_closed', 'This question has another answer already.');
  }
  if (state.phase === 'ended') return new AppError('approval_closed', 'The run has ended.');
  if (request.kind === 'question' && answer.decision === 'approve')
    return new AppError('invalid_input', 'This is a question: send {"decision": "answer", "text": "..."} or "deny".');
  if (request.kind === 'budget' && answer.decision === 'answer')
    return new AppError('invalid_input', 'A limit is raised with {"decision": "approve"} or left with "deny".');
  return null;
}

/** The body of the input that is stored for the run's owner. */
export function decisionBody(state: RunState, approvalId: string, answer: ApprovalDecision, by: string): DecisionBody {
  return {
    approval_id: approvalId,
    step_id: askOf(state, approvalId)?.request.step_id ?? null,
    decision: answer.decision,
    by,
    ...(answer.decision === 'approve' && answer.arguments ? { arguments: answer.arguments } : {}),
    ...(answer.text === undefined ? {} : { text: answer.text }),
  };
}

function askOf(state: RunState, approvalId: string) {
  const asks = [...state.steps.map(({ ask }) => ask), state.budgetAsk];
  return asks.find((ask) => ask?.request.approval_id === approvalId);
}

function cancelFact(body: unknown): RunFactDraft {
  const { by, reason } = (body ?? {}) as { by?: unknown; reason?: unknown };
  return {
    type: 'orchestrator.cancel.requested',
    data: { by: typeof by === 'string' ? by : 'unknown', reason: typeof reason === 'string' ? reason : '' },
  };
}
