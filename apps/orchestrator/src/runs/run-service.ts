import {
  actorOrThrow,
  AppError,
  type cancelRun,
  type decideApproval,
  ENGINE_VERSION,
  fitEvent,
  type HistoryLimits,
  type InputOf,
  type OutputOf,
  type Principal,
  publicRunId,
  type readRunEvents,
  type RunEvent,
  runIdsFor,
  type RunSpec,
  type RunView,
  sha256,
  type startRun,
} from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { type Clock, injectTrace, type Logger } from '@switchyard/platform';
import { fold } from '@switchyard/run';
import type { Accept, Accepted, Journal, Retention, RunHead } from '@switchyard/store';
import canonicalizeModule from 'canonicalize';
import { decisionBody, momentOf, objectionToAnswer, type Publisher } from '../execution/index.ts';
import { logEvent } from '../log-events.ts';
import { readWhole } from './journal-pages.ts';
import { initialFactsOf } from './initial-facts.ts';
import type { Admission, RunPool } from '../scheduling/index.ts';
import type { BudgetService } from '../budgets/index.ts';
import { fitView, fromSnapshot, toRunView, viewOfHead } from './run-view.ts';
import { headFor, keptRunId, noSuchRun } from './visible-run.ts';

/*
 * Starts, shows, cancels and answers runs.
 *
 * - `start` answers only after the commit; from then on the run cannot be lost.
 * - The same key with the same request gives the same run. The same key with another request is a conflict.
 * - A run that the caller may not see answers exactly like a run that does not exist.
 * - If too many runs wait already, a new run is refused before anything is written, with a pause for the caller. A
 *   request that was accepted before is answered all the same.
 */

/** No event begins beyond this offset of a page, so that even the longest event fits one message. */
const MAX_PAGE_BYTES = 300_000;

interface RunServiceParts {
  readonly journal: Journal;
  readonly retention: Retention;
  readonly bus: Bus;
  readonly pool: RunPool;
  readonly budgets: BudgetService;
  readonly admission: Admission;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly log: Logger;
  readonly maxIterations: number;
  readonly history: HistoryLimits;
  readonly useOrchestrator: boolean;
  readonly checkTask: (task: string) => string | null;
}

export class RunService {
  readonly #parts: RunServiceParts;

  constructor(parts: RunServiceParts) {
    this.#parts = parts;
  }

  async start(input: InputOf<typeof startRun>): Promise<OutputOf<typeof startRun>> {
    const { pool, publisher, clock, checkTask } = this.#parts;
    actorOrThrow(input.run.principal);
    const run = {
      ...input.run,
      use_orchestrator: input.run.use_orchestrator && this.#parts.useOrchestrator,
      budget: { ...input.run.budget, max_iterations: input.run.budget.max_iterations ?? this.#parts.maxIterations },
    };
    this.#parts.budgets.checkPrice(run);
    const { tenantId } = run.principal;
    const { owner, leaseMs } = pool.settings;
    const runId = await keptRunId(this.#parts.journal, tenantId, input.runId);
    const slot = pool.reserve(tenantId);
    const { traceparent } = injectTrace();
    const request: Accept = {
      runId,
      run,
      idempotencyKey: input.idempotencyKey,
      requestHash: hashOf(asked(input.run)),
      engineVersion: ENGINE_VERSION,
      history: this.#parts.history,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(slot ? { lease: { owner, leaseMs } } : {}),
    };
    const leasedAt = momentOf(clock);
    const initialFacts = slot ? initialFactsOf(request, clock.now(), checkTask) : [];
    const accepted = await this.#accept({ ...request, initialFacts }).catch((error: unknown) => {
      slot?.free();
      throw error;
    });
    if (slot && accepted.kind === 'created' && accepted.epoch > 0) {
      pool.metrics.created.inc();
      const { epoch, events, ts } = accepted;
      for (const event of events) pool.metrics.committed(event, ts);
      publisher.publish(events);
      pool.adopt({ runId, tenantId, epoch, inboxTaken: 0, publishedSeq: 0, leasedAt, state: fold(events) }, slot);
    } else {
      slot?.free();
      this.#acceptedWithoutOwner(accepted, tenantId);
    }
    if (accepted.kind === 'conflict')
      throw new AppError('conflict', 'This id or idempotency key belongs to another request.');
    if (accepted.kind === 'thread_busy') {
      const activeRun = publicRunId(tenantId, accepted.activeRun);
      throw new AppError(
        'thread_busy',
        `Run ${activeRun} of this thread is under way: wait for its end, or cancel it.`,
        { runId: activeRun },
      );
    }
    const { lastSeq, ended } = accepted;
    return { runId: accepted.runId, created: accepted.kind === 'created', lastSeq, ended };
  }

  /** Accepts the run. If too many wait already, refuses it before anything is written, unless it was accepted before. */
  async #accept(request: Accept): Promise<Accepted> {
    const { admission, journal, pool } = this.#parts;
    const { thread_concurrency: concurrency, principal } = request.run;
    const mayWait = !request.lease || concurrency === 'queue' || concurrency === 'cancel_previous';
    const refusal = admission.refusal(principal.tenantId, mayWait);
    if (refusal) {
      const known = await journal.acceptedBefore(request);
      if (known) return known;
      pool.metrics.refusals.inc({ limit: refusal.limit });
      throw new AppError('rate_limited', refusal.message, { retryAfterMs: refusal.retryAfterMs });
    }
    if (!mayWait) return journal.accept(request);
    // Counted before the commit, so that of many concurrent requests none slips through.
    admission.queued(principal.tenantId);
    let waits = false;
    try {
      const accepted = await journal.accept(request);
      waits = accepted.kind === 'created' && accepted.epoch === 0;
      return accepted;
    } finally {
      if (!waits) admission.begun(principal.tenantId);
    }
  }

  #acceptedWithoutOwner(accepted: Accepted, tenantId: string): void {
    if (accepted.kind !== 'created') return;
    const { pool, publisher } = this.#parts;
    pool.metrics.created.inc();
    publisher.announce(accepted.events[0]);
    for (const runId of accepted.cancelled) void this.#end(tenantId, runId);
    if (accepted.afterRun === null) pool.hand(accepted.runId, tenantId);
  }

  async get(principal: Principal, runId: string): Promise<RunView> {
    const head = await headFor(this.#parts.journal, principal, runId);
    const events = head.expired ? [] : await this.#eventsOf(head);
    if (events === 'unreadable') return viewOfHead(head);
    if (events.length > 0) return fitView(toRunView(events, head.phase));
    // Its events have expired, perhaps just now.
    const snapshot = await this.#parts.retention.snapshot(head.runId);
    if (snapshot === undefined) throw noSuchRun();
    return fromSnapshot(head, snapshot);
  }

  /** The events of a run; `unreadable` for a run that was given up because its journal cannot be read. */
  async #eventsOf({ runId, phase }: RunHead): Promise<RunEvent[] | 'unreadable'> {
    try {
      return await readWhole(this.#parts.journal, runId);
    } catch (error) {
      if (phase !== 'ended' || (error instanceof AppError && error.code === 'unavailable')) throw error;
      logEvent(this.#parts.log, 'journal_unreadable', { runId, err: error });
      return 'unreadable';
    }
  }

  async events(input: InputOf<typeof readRunEvents>): Promise<OutputOf<typeof readRunEvents>> {
    const { principal, runId: asked, after, limit } = input;
    const [likely] = runIdsFor(principal.tenantId, asked);
    const read = (runId: string) => this.#parts.journal.read(runId, after, limit, MAX_PAGE_BYTES);
    const [head, likelyPage] = await Promise.all([headFor(this.#parts.journal, principal, asked), read(likely)]);
    const page = head.runId === likely ? likelyPage : await read(head.runId);
    const events = page.map(fitEvent); // cut as on the bus: every reader sees the same
    return {
      events,
      lastSeq: Math.max(head.lastSeq, events.at(-1)?.seq ?? 0),
      ended: head.phase === 'ended',
      firstSeq: head.expired ? head.lastSeq + 1 : 1,
      runId: head.runId,
    };
  }

  /**
   * Cancels a run. Idempotent. The owner learns of it at once. A run without an owner is ended here, even if no slot is
   * free; if the owner is dead, the replica that takes the run over ends it.
   */
  async cancel(input: InputOf<typeof cancelRun>): Promise<OutputOf<typeof cancelRun>> {
    const { principal, reason } = input;
    actorOrThrow(principal);
    const head = await headFor(this.#parts.journal, principal, input.runId);
    const { runId } = head;
    if (head.phase === 'ended') return { runId, phase: 'ended', accepted: false };
    const put = await this.#parts.journal.putInput(runId, {
      kind: 'cancel',
      dedupKey: 'cancel',
      body: { by: principal.userId, reason },
    });
    if (!put || put.ended) return { runId, phase: 'ended', accepted: false };
    await this.tellOfCancel(head.tenantId, runId, head.leaseOwner !== null);
    return { runId, phase: head.phase, accepted: true };
  }

  /** Tells the owner of a stored cancel; if the run has no owner, ends it here. */
  async tellOfCancel(tenantId: string, runId: string, owned: boolean): Promise<void> {
    if (this.#parts.pool.nudge(runId)) return;
    if (owned) await this.#wake(tenantId, runId);
    else await this.#end(tenantId, runId);
  }

  /** The first answer to a question stands; the same answer again is accepted again. */
  async decide(input: InputOf<typeof decideApproval>): Promise<OutputOf<typeof decideApproval>> {
    const { principal, approvalId, answer } = input;
    actorOrThrow(principal);
    const head = await headFor(this.#parts.journal, principal, input.runId);
    const { runId } = head;
    const state = fold(await readWhole(this.#parts.journal, runId));
    const refusal = objectionToAnswer({ state, owner: head.userId, principal, approvalId, answer });
    if (refusal === 'answered already') return { runId, approvalId, phase: head.phase, accepted: true };
    if (refusal) throw refusal;
    const body = decisionBody(state, approvalId, answer, principal.userId);
    const put = await this.#parts.journal.putInput(runId, { kind: 'approval', dedupKey: approvalId, body });
    if (!put || put.ended) throw new AppError('approval_closed', 'The run has ended.');
    if (!put.created && !(await this.#sameInput(runId, put.n, body)))
      throw new AppError('approval_closed', 'This question has another answer already.');
    if (!this.#parts.pool.nudge(runId)) await this.#wake(head.tenantId, runId);
    return { runId, approvalId, phase: head.phase, accepted: true };
  }

  async #sameInput(runId: string, n: number, body: unknown): Promise<boolean> {
    const [earlier] = await this.#parts.journal.inputsAfter(runId, n - 1, 1);
    return canonicalize(earlier?.body) === canonicalize(body);
  }

  /** Ends a run that was asked to stop: here if nobody owns it, otherwise through its owner. */
  async #end(tenantId: string, runId: string): Promise<void> {
    try {
      if ((await this.#parts.pool.end(runId, tenantId)) === 'taken') return;
    } catch (error) {
      logEvent(this.#parts.log, 'run_not_claimed', { runId, err: error });
    }
    await this.#wake(tenantId, runId);
  }

  /** A wake-up is an optimisation: if the bus does not take it, the sweeper finds the run. */
  async #wake(tenantId: string, runId: string): Promise<void> {
    try {
      await this.#parts.bus.wakeUp(tenantId, runId);
    } catch (error) {
      logEvent(this.#parts.log, 'wake_up_not_sent', { runId, err: error });
    }
  }
}

// The package's types describe an ES module; what Node loads is the function itself.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** The request without the parts that depend on the state of the thread: a repeated request may meet another state. */
function asked(run: RunSpec): RunSpec {
  return run.thread_concurrency === undefined ? run : { ...run, thread_concurrency: 'reject' };
}

/** The hash of the canonical JSON (RFC 8785): equal requests have equal hashes. */
function hashOf(run: unknown): string {
  return sha256(canonicalize(run) ?? '');
}
