import type { Bus } from '@switchyard/bus';
import {
  AppError,
  decideApproval,
  getRun,
  type Principal,
  publicRunId,
  type RunView,
  type ThreadConcurrency,
} from '@switchyard/contracts';
import type { AgUiInput } from '@switchyard/contracts/http';
import { sleep } from '@switchyard/platform';
import type { FastifyReply } from 'fastify';
import { answerInWords, clientResults, idsOf, isAbandoned, lastWords } from './answers.ts';
import { agUiToStartRun, type AgUiTurn } from './input.ts';
import { type DialectContext, isClientCall } from '../dialects/index.ts';
import { type Resumption, resumptionOf } from './resume.ts';
import { type Attachment, decidedOf, type Streams, type Viewer } from '../streams/index.ts';
import { giveAnswers, isBusy } from './thread-turn.ts';

/*
 * Serves one POST /ag-ui: a new run, or the answers to the thread's waiting run.
 *
 * - A run that waits for people is shown again until they have answered; no other run is started meanwhile.
 * - A run whose client has gone gives way to the next turn, because a stop button only closes the stream. A run that
 *   this replica still shows to a client does not give way, unless `thread_concurrency` says so.
 */

/** How long this replica may take to see that a client closed its stream. */
const LEAVING_MS = 500;
const LOOK_AGAIN_MS = 25;
const FROM_NOW: Attachment = { after: 'now', snapshot: true };

export class AgUiTurns {
  readonly #streams: Streams;
  readonly #bus: Pick<Bus, 'request'>;

  constructor(streams: Streams, bus: Pick<Bus, 'request'>) {
    this.#streams = streams;
    this.#bus = bus;
  }

  async take(reply: FastifyReply, viewer: Viewer, input: AgUiInput, earlier?: { runId: string; seq: number }) {
    const turn = new Turn(this.#streams, this.#bus, reply, viewer, input);
    if (earlier !== undefined) return turn.show(earlier.runId, { after: earlier.seq, snapshot: true });
    const answers = await turn.answers();
    if (answers !== undefined) return turn.resume(answers);
    try {
      return await turn.start();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return await turn.orElse(error);
    }
  }
}

type More = Pick<DialectContext, 'answered' | 'notices'>;

class Turn {
  readonly #principal: Principal;
  readonly #threadId: string;

  readonly #streams: Streams;
  readonly #bus: Pick<Bus, 'request'>;
  readonly #reply: FastifyReply;
  readonly #viewer: Viewer;
  readonly #input: AgUiInput;

  constructor(streams: Streams, bus: Pick<Bus, 'request'>, reply: FastifyReply, viewer: Viewer, input: AgUiInput) {
    this.#streams = streams;
    this.#bus = bus;
    this.#reply = reply;
    this.#viewer = viewer;
    this.#input = input;
    this.#principal = viewer.principal;
    this.#threadId = idsOf(input).threadId;
  }

  start(concurrency?: ThreadConcurrency): Promise<void> {
    const { request, notices }: AgUiTurn = agUiToStartRun(this.#input, this.#principal, concurrency);
    return this.#streams.start(this.#reply, this.#as(idsOf(this.#input).runId, { notices }), request);
  }

  show(runId: string, place: Attachment, more: More = {}): Promise<void> {
    return this.#streams.attach(this.#reply, this.#as(runId, more), runId, place);
  }

  /** The answers of this input to the questions of one run: from `resume`, and as results of the client's tools. */
  async answers(): Promise<Resumption | undefined> {
    const { resume = [], messages } = this.#input;
    const results = await this.#resultsThatCount(clientResults(messages), resume.length > 0);
    if (resume.length === 0) return results;
    const resumption = resumptionOf(resume);
    if (results?.runId !== resumption.runId) return resumption;
    return { ...resumption, answers: [...resumption.answers, ...results.answers] };
  }

  async resume(resumption: Resumption): Promise<void> {
    const { runId } = resumption;
    const from = await giveAnswers(this.#bus, this.#principal, this.#threadId, resumption);
    const unheard = this.#input.resume === undefined && lastWords(this.#input.messages) !== undefined;
    const answered = resumption.answers.map(({ approvalId }) => approvalId);
    return this.show(runId, { after: 0, from, snapshot: true }, { answered, notices: unheard ? [UNHEARD] : [] });
  }

  /** The thread is busy: with a run that waits for people, or with a working one. */
  async orElse(busy: AppError & { readonly runId: string }): Promise<void> {
    const { messages, forwardedProps } = this.#input;
    const view = await this.#bus.request(getRun, { principal: this.#principal, runId: busy.runId });
    const runId = publicRunId(this.#principal.tenantId, view.runId);
    if (view.phase !== 'ended' && view.approvals.length > 0 && !isAbandoned(view, messages)) {
      const said = answerInWords({ ...view, runId }, messages);
      // The words answer no question: the client is shown the questions of the waiting run again.
      if (said === undefined) return this.show(runId, FROM_NOW);
      const { approvalId, answer } = said;
      await this.#bus.request(decideApproval, { principal: this.#principal, runId: view.runId, approvalId, answer });
      return this.show(runId, { after: 0, from: decidedOf([approvalId]), snapshot: true });
    }
    if (forwardedProps?.thread_concurrency != null || !(await this.#hasGone(runId))) throw busy;
    return this.start('cancel_previous');
  }

  /** True if no client is shown the run any more, after half a second for a client that is leaving. */
  async #hasGone(runId: string): Promise<boolean> {
    for (let waitedMs = 0; this.#streams.shows(this.#principal, runId); waitedMs += LOOK_AGAIN_MS) {
      if (waitedMs >= LEAVING_MS) return false;
      await sleep(LOOK_AGAIN_MS);
    }
    return true;
  }

  /** Drops results for another thread's run, and results of an earlier turn if the user has gone on to the next. */
  async #resultsThatCount(results: Resumption | undefined, resumes: boolean): Promise<Resumption | undefined> {
    if (results === undefined) return undefined;
    const view = await this.#runOf(results.runId);
    if (view === undefined || view.threadId !== this.#threadId) return undefined;
    const open = new Set(view.approvals.filter(isClientCall).map(({ approval_id: id }) => id));
    const answers = results.answers.filter(({ approvalId }) => open.has(approvalId));
    if (answers.length > 0) return { ...results, answers };
    // The same results again, or late ones: shown again or refused, as any other answer.
    return resumes || lastWords(this.#input.messages) !== undefined ? undefined : results;
  }

  async #runOf(runId: string): Promise<RunView | undefined> {
    try {
      return await this.#bus.request(getRun, { principal: this.#principal, runId });
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return undefined;
      throw error;
    }
  }

  /** The viewer of a run: an AG-UI peer sees the ids that it chose. */
  #as(runId: string, more: More): Viewer {
    const peer = runId === this.#input.runId ? {} : { peerRunId: this.#input.runId };
    return { ...this.#viewer, context: { ...this.#viewer.context, ...peer, ...more } };
  }
}

const UNHEARD = 'The run goes on with the result of the tool; what the user said with it was not used.';
