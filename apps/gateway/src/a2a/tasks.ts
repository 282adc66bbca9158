import {
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import type { Bus } from '@switchyard/bus';
import {
  actorOrThrow,
  cancelRun,
  decideApproval,
  getRun,
  type InputOf,
  MAX_EVENTS_PAGE,
  type Principal,
  publicRunId,
  readRunEvents,
  RunId,
  RunSpec,
  type RunView,
  sha256,
  type startRun,
} from '@switchyard/contracts';
import type { A2aMessage, A2aSendRequest, A2aTask } from '@switchyard/contracts/http';
import { isInterrupted, isTerminal, newTask, taskAfter, type TaskFold, taskOf } from '../dialects/index.ts';
import { mintRunId } from '../runs/index.ts';
import { attach, decidedOf, type OpenRun, type Reader, type Streams } from '../streams/index.ts';
import { answerTo, readMessage, taskText, threadOf } from './message.ts';
import { taskOfView } from './task-of-view.ts';

/*
 * The operations on tasks. A task is a run: nothing is stored beside it, and the orchestrator decides who may see and
 * change which.
 *
 * - "No such task" and "not yours" are one answer.
 * - `messageId` is the idempotency key of a message for its user: the same message again is the same task.
 * - A message to a task answers its oldest open question, or the one that a data part names. An ended task takes none.
 */

export interface A2aTasksDeps {
  readonly bus: Pick<Bus, 'request' | 'follow'>;
  readonly streams: Pick<Streams, 'open' | 'read'>;
  /** How long a SendMessage waits for the end or a question. After that it answers with the task as it is. */
  readonly waitMs: number;
}

type SendRequest = ReturnType<typeof A2aSendRequest.parse>;

/** What a message is: the start of a task, or an answer that was given to one. */
export type Sent =
  | { readonly kind: 'start'; readonly request: InputOf<typeof startRun> }
  | { readonly kind: 'answer'; readonly runId: string; readonly approvalId: string | undefined };

const CANCEL_WAIT_MS = 5_000;

export class A2aTasks {
  readonly #deps: A2aTasksDeps;

  constructor(deps: A2aTasksDeps) {
    this.#deps = deps;
  }

  /** Reads the message, and gives its answer to the task that it names. */
  async take(principal: Principal, { message, tenant }: SendRequest): Promise<Sent> {
    actorOrThrow(principal);
    if (!isOwnTenant(principal, tenant)) throw new RequestMalformedError('tenant is not the one of your credentials.');
    if (message.taskId === undefined || message.taskId === '')
      return { kind: 'start', request: startOf(principal, message) };
    return this.#answer(principal, message, message.taskId);
  }

  /** SendMessage: the task when it has ended or asks something; at once if the client wants that. */
  async send(principal: Principal, request: SendRequest, gone: AbortSignal): Promise<A2aTask> {
    const { historyLength, returnImmediately = false } = request.configuration ?? {};
    const sent = await this.take(principal, request);
    const answered = sent.kind === 'answer' && sent.approvalId !== undefined ? decidedOf([sent.approvalId]) : undefined;
    const { result } = await this.#deps.streams.read(
      (reader) => this.#open(principal, sent, reader),
      async (run, hold) => {
        let task = newTask(run.runId);
        let waits = answered !== undefined;
        for await (const batch of run.feed) {
          for (const event of batch) {
            if (event.type === 'orchestrator.run.accepted') hold(principal, event.data.run);
            if (answered?.(event) === true) waits = false;
            task = taskAfter(task, event).state;
          }
          const isPresent = task.run.seq >= run.lastSeq;
          if (isTerminal(task.status) || (returnImmediately && isPresent)) break;
          // Not within the replayed history: its questions are answered.
          if (isPresent && !waits && isInterrupted(task.status)) break;
        }
        return task;
      },
      this.#deps.waitMs,
      gone,
    );
    return taskOf(result, historyLength);
  }

  async get(principal: Principal, { id, tenant, historyLength }: TaskRef & { historyLength?: number | undefined }) {
    const view = await this.view(principal, id, tenant);
    return this.#taskOf(principal, view, historyLength);
  }

  /** The run behind a task. Throws TaskNotFound. */
  async view(principal: Principal, id: string, tenant: string | undefined): Promise<RunView> {
    if (!isOwnTenant(principal, tenant) || !RunId.safeParse(id).success) throw new TaskNotFoundError();
    return this.#deps.bus.request(getRun, { principal, runId: id });
  }

  async cancel(principal: Principal, { id, tenant }: TaskRef, gone: AbortSignal): Promise<A2aTask> {
    actorOrThrow(principal);
    const before = await this.view(principal, id, tenant);
    if (before.phase === 'ended') {
      if (before.status !== 'cancelled') throw new TaskNotCancelableError('The task has ended.');
      return this.#taskOf(principal, before, undefined);
    }
    await this.#deps.bus.request(cancelRun, { principal, runId: before.runId, reason: 'asked over A2A' });
    const { result } = await this.#deps.streams.read(
      (reader) => attach(this.#deps.bus, principal, before.runId, 0, reader),
      foldToEnd,
      CANCEL_WAIT_MS,
      gone,
    );
    const { state } = result.status;
    if (isTerminal(result.status) && state !== 'TASK_STATE_CANCELED')
      throw new TaskNotCancelableError('The task has ended.');
    return taskOf(result);
  }

  /** Throws UnsupportedOperation for a task that has ended: there is nothing to follow. */
  async follow(principal: Principal, { id, tenant }: TaskRef): Promise<RunView> {
    const view = await this.view(principal, id, tenant);
    if (view.phase === 'ended') throw new UnsupportedOperationError('The task has ended; GetTask shows it.');
    return view;
  }

  #open(principal: Principal, sent: Sent, reader: Reader): Promise<OpenRun> {
    if (sent.kind === 'start') return this.#deps.streams.open(sent.request, reader);
    return attach(this.#deps.bus, principal, sent.runId, 0, reader);
  }

  async #answer(principal: Principal, message: A2aMessage, taskId: string): Promise<Sent> {
    const view = await this.view(principal, taskId, undefined);
    const said = readMessage(message);
    const { contextId } = message;
    if (contextId !== undefined && contextId !== '' && contextId !== view.threadId)
      throw new RequestMalformedError('contextId is not the one of this task.');
    const { runId } = view;
    const found = view.phase === 'ended' ? undefined : answerTo(said, view.approvals);
    if (found !== undefined) {
      await this.#deps.bus.request(decideApproval, { principal, runId, ...found });
      return { kind: 'answer', runId, approvalId: found.approvalId };
    }
    const { decisions } = await this.#read(principal, view);
    const isKnown = decisions.some(({ by, text, decision }) => {
      if (by !== principal.userId) return false;
      return said.decision === undefined
        ? text === said.text || decision === said.text
        : decision === said.decision.answer.decision;
    });
    if (isKnown) return { kind: 'answer', runId, approvalId: undefined };
    throw new UnsupportedOperationError(
      view.phase === 'ended'
        ? 'The task has ended; send the message without taskId, in the same context.'
        : 'The task asks nothing at the moment, so it takes no message.',
    );
  }

  async #taskOf(principal: Principal, view: RunView, historyLength: number | undefined): Promise<A2aTask> {
    const read = await this.#read(principal, view);
    return read.task === undefined ? taskOfView(principal, view) : taskOf(read.task, historyLength);
  }

  /** The task up to now, and the answers that it was given; no task if its events are no longer kept. */
  async #read(principal: Principal, { runId }: RunView) {
    let task: TaskFold = newTask(publicRunId(principal.tenantId, runId));
    const decisions: { by: string; text?: string | undefined; decision: string }[] = [];
    for (let after = 0; ;) {
      const page = await this.#deps.bus.request(readRunEvents, { principal, runId, after, limit: MAX_EVENTS_PAGE });
      if (page.firstSeq > after + 1) return { task: undefined, decisions };
      for (const event of page.events) {
        if (event.type === 'orchestrator.approval.decided') decisions.push(event.data);
        task = taskAfter(task, event).state;
      }
      const last = page.events.at(-1)?.seq;
      if (last === undefined || last >= page.lastSeq) return { task, decisions };
      after = last;
    }
  }
}

interface TaskRef {
  readonly id: string;
  readonly tenant?: string | undefined;
}

async function foldToEnd(run: OpenRun): Promise<TaskFold> {
  let task = newTask(run.runId);
  for await (const batch of run.feed) for (const event of batch) task = taskAfter(task, event).state;
  return task;
}

/** A client that names a tenant names its own. */
export function isOwnTenant({ tenantId }: Principal, tenant: string | undefined): boolean {
  return tenant === undefined || tenant === '' || tenant === tenantId;
}

/** The run that a message starts: the same for the same message, so that it can be sent again. */
function startOf(principal: Principal, message: A2aMessage): InputOf<typeof startRun> {
  const said = readMessage(message);
  const key = `a2a-${sha256(message.messageId)}`;
  return {
    runId: mintRunId(),
    idempotencyKey: key,
    run: RunSpec.parse({
      task: taskText(said),
      thread_id: threadOf(message) ?? `c-${sha256(`${principal.userId}/${key}`).slice(0, 32)}`,
      principal,
      interactive: true,
      ...(said.context.length === 0 ? {} : { context: said.context }),
      ...(said.images.length === 0 ? {} : { images: said.images }),
    }),
  };
}
