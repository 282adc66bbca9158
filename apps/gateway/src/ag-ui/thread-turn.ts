import type { Bus } from '@switchyard/bus';
import {
  type ApprovalDecision,
  AppError,
  decideApproval,
  getRun,
  MAX_EVENTS_PAGE,
  type OpenApproval,
  type Principal,
  readRunEvents,
  type RunEvent,
  type RunView,
} from '@switchyard/contracts';
import { decidedOf } from '../streams/index.ts';
import { type Answer, decisionOf, type Resumption } from './resume.ts';

/*
 * A turn of a conversation whose earlier run may be waiting for a person.
 *
 * - Answering is idempotent: the first answer to a question stands, and the same answer again changes nothing.
 * - A caller answers only questions of its own conversations.
 */

type Asker = Pick<Bus, 'request'>;

export function isBusy(error: unknown): error is AppError & { runId: string } {
  return error instanceof AppError && error.code === 'thread_busy' && error.runId !== undefined;
}

/** The run that keeps the thread busy because it waits for a person. Otherwise throws `error`. */
export async function waitingRun(bus: Asker, principal: Principal, error: unknown): Promise<RunView> {
  if (!isBusy(error)) throw error;
  const view = await bus.request(getRun, { principal, runId: error.runId });
  if (view.phase === 'ended' || view.approvals.length === 0) throw error;
  return view;
}

/** Gives the answers; returns where the events that follow begin. */
export async function giveAnswers(
  bus: Asker,
  principal: Principal,
  threadId: string,
  { runId, answers }: Resumption,
): Promise<(event: RunEvent) => boolean> {
  const asked = await questionsOf(bus, principal, runId);
  if (asked.threadId !== threadId) throw new AppError('not_found', 'This thread asks no such question.');
  const given = answers.map((answer): [Answer, ApprovalDecision] => {
    const kind = asked.kinds.get(answer.approvalId);
    if (kind === undefined) throw new AppError('not_found', 'This run asks no such question.');
    return [answer, decisionOf(kind, answer)];
  });
  for (const [{ approvalId }, answer] of given)
    await bus.request(decideApproval, { principal, runId, approvalId, answer });
  return decidedOf(answers.map(({ approvalId }) => approvalId));
}

/** Every question that the run ever asked, the answered ones included. */
async function questionsOf(bus: Asker, principal: Principal, runId: string) {
  const kinds = new Map<string, OpenApproval['kind']>();
  let threadId = '';
  for (let after = 0; ;) {
    const page = await bus.request(readRunEvents, { principal, runId, after, limit: MAX_EVENTS_PAGE });
    for (const { type, data } of page.events) {
      if (type === 'orchestrator.run.accepted') threadId = data.run.thread_id;
      if (type === 'orchestrator.approval.requested') kinds.set(data.approval_id, data.kind);
    }
    const last = page.events.at(-1)?.seq;
    if (last === undefined || last >= page.lastSeq) return { threadId, kinds };
    after = last;
  }
}
