import type { Bus } from '@switchyard/bus';
import {
  AppError,
  cancelRun,
  decideApproval,
  getRun,
  type InputOf,
  listRuns,
  type OutputOf,
  type Principal,
  publicRunId,
  queryAudit,
  readRunEvents,
  runIdsFor,
  type RunEvent,
  type RunFactDraft,
  startRun,
  TERMINAL_TYPE,
  watchRun,
} from '@switchyard/contracts';
import { fold, isWaiting, openAsks } from '@switchyard/run';
import { deltas, ended, journal, SCENARIOS, type Scenario } from './scenarios.ts';

/**
 * Answers what the gateway asks, over the real contracts: journals in memory, committed before they are
 * published. The task `play <scenario> [pause ms]` plays a scenario; `hang` waits to be cancelled.
 */
export class FakeOrchestrator {
  #bus: Bus;
  readonly #runs = new Map<string, { principal: Principal; key: string; hash: string; events: RunEvent[] }>();
  /** Every request to start that came, in order. */
  readonly starts: InputOf<typeof startRun>[] = [];
  /** Events that are committed and not published: what a lost message looks like. */
  loseEvery = 0;
  /** Runs whose events are no longer kept. */
  readonly expired = new Set<string>();
  /** What was said of who watches, in order. */
  readonly watched: InputOf<typeof watchRun>[] = [];
  /** Answers that were taken, in order; the same one again is not. */
  readonly decisions: InputOf<typeof decideApproval>[] = [];

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Its process ended, and another goes on with its journals on this connection, once it listens. */
  async leave(next: Bus): Promise<void> {
    await this.#bus.close();
    this.#bus = next;
  }

  async listen(): Promise<void> {
    const bus = this.#bus;
    await bus.answer(startRun, async (input) => {
      this.starts.push(input);
      const { principal } = input.run;
      const hash = JSON.stringify({ ...input.run, thread_concurrency: undefined });
      const mine = `${principal.tenantId}/${principal.userId}/${input.idempotencyKey}`;
      for (const [runId, run] of this.#runs) {
        if (run.key !== mine) continue;
        if (run.hash !== hash) throw new AppError('conflict');
        return { runId, created: false, lastSeq: run.events.length, ended: hasEnded(run.events) };
      }
      if (this.#runs.has(input.runId)) throw new AppError('conflict');
      for (const [runId, run] of this.#runs) {
        const { thread_concurrency: concurrency, thread_id: thread } = input.run;
        if ((concurrency !== 'reject' && concurrency !== 'cancel_previous') || hasEnded(run.events)) continue;
        if (threadOf(run) !== `${principal.tenantId}/${principal.userId}/${thread}`) continue;
        if (concurrency === 'cancel_previous')
          await this.#append(runId, [
            { type: 'orchestrator.cancel.requested', data: { by: principal.userId, reason: 'a new turn' } },
            ended('cancelled', [0, 0, 0], null, ['The run was cancelled.', 'cancelled']),
          ]);
        else
          throw new AppError('thread_busy', 'Another run of this thread is under way.', {
            runId: publicRunId(principal.tenantId, runId),
          });
      }
      const accepted: RunFactDraft = { type: 'orchestrator.run.accepted', data: { run: input.run, engine_version: 1 } };
      const events = place(input.runId, principal.tenantId, [accepted], 0);
      this.#runs.set(input.runId, { principal, key: mine, hash, events });
      // A bus that was closed under a run ends the play.
      this.#play(input).catch(() => undefined);
      return { runId: input.runId, created: true, lastSeq: 1, ended: false };
    });
    await bus.answer(readRunEvents, async ({ principal, runId: asked, after, limit }) => {
      const { events, runId } = this.#mine(principal, asked);
      const expired = this.expired.has(publicRunId(principal.tenantId, runId));
      const page = expired ? [] : events.slice(after, after + limit);
      return {
        events: page,
        lastSeq: events.length,
        ended: hasEnded(events),
        firstSeq: expired ? events.length + 1 : 1,
        runId,
      };
    });
    await bus.answer(getRun, async ({ principal, runId: asked }): Promise<OutputOf<typeof getRun>> => {
      const { events, runId } = this.#mine(principal, asked);
      const first = events[0];
      if (first?.type !== 'orchestrator.run.accepted') throw new AppError('internal');
      const state = fold(events);
      const last = events.find((event) => event.type === TERMINAL_TYPE);
      const terminal = last?.type === TERMINAL_TYPE ? last.data : null;
      return {
        runId,
        threadId: first.data.run.thread_id,
        tenantId: first.tenantId,
        userId: first.data.run.principal.userId,
        task: first.data.run.task,
        phase: terminal !== null ? 'ended' : isWaiting(state) ? 'waiting' : 'running',
        lastSeq: events.length,
        createdAt: first.ts,
        endedAt: last?.ts ?? null,
        status: terminal?.status ?? null,
        completionReason: terminal?.completion_reason ?? null,
        answer: terminal?.answer ?? null,
        error: terminal?.error ?? null,
        errorCode: terminal?.error_code ?? null,
        steps: [],
        usage: { input_tokens: 0, output_tokens: 0 },
        approvals: openAsks(state).map(({ request }) => request),
      };
    });
    await bus.answer(decideApproval, async (input): Promise<OutputOf<typeof decideApproval>> => {
      const { principal, approvalId, answer } = input;
      const { events, runId: kept } = this.#mine(principal, input.runId);
      const runId = publicRunId(principal.tenantId, kept);
      const given = this.decisions.find((known) => known.runId === runId && known.approvalId === approvalId);
      if (given !== undefined) {
        if (JSON.stringify(given.answer) !== JSON.stringify(answer)) throw new AppError('approval_closed');
        return { runId, approvalId, phase: 'running', accepted: true };
      }
      if (!openAsks(fold(events)).some(({ request }) => request.approval_id === approvalId))
        throw new AppError('not_found');
      this.decisions.push({ ...input, runId });
      return { runId, approvalId, phase: 'waiting', accepted: true };
    });
    await bus.answer(watchRun, async (input) => {
      this.watched.push(input);
      return { runId: input.runId, watched: true };
    });
    await bus.answer(cancelRun, async ({ principal, runId: asked, reason }): Promise<OutputOf<typeof cancelRun>> => {
      const { events, runId } = this.#mine(principal, asked);
      if (hasEnded(events)) return { runId, phase: 'ended', accepted: false };
      await this.#append(runId, [
        { type: 'orchestrator.cancel.requested', data: { by: principal.userId, reason } },
        ended('cancelled', [0, 0, 0], null, ['The run was cancelled.', 'cancelled']),
      ]);
      return { runId, phase: 'ended', accepted: true };
    });
  }

  async listenAsAudit(): Promise<void> {
    await this.#bus.answer(listRuns, async ({ principal }) => ({
      runs: [...this.#runs].flatMap(([runId, { principal: owner, events }]) =>
        owner.tenantId === principal.tenantId && owner.userId === principal.userId
          ? [
              {
                runId,
                threadId: 't',
                userId: owner.userId,
                task: 'x',
                phase: 'ended' as const,
                status: null,
                completionReason: null,
                totalSteps: events.length,
                createdAt: 1,
                endedAt: null,
              },
            ]
          : [],
      ),
      nextCursor: null,
    }));
    await this.#bus.answer(queryAudit, async ({ principal, runId }) => {
      if (principal.role === 'user') throw new AppError('forbidden');
      return {
        records: [
          {
            id: '1',
            ts: 1,
            type: 'x',
            source: 's',
            tenantId: principal.tenantId,
            userId: null,
            runId: runId ?? null,
            seq: 1,
            data: {},
          },
        ],
        nextCursor: 'next',
      };
    });
  }

  count(): number {
    return this.#runs.size;
  }

  #mine(principal: Principal, asked: string) {
    const runId = runIdsFor(principal.tenantId, asked).find((id) => this.#runs.has(id)) ?? asked;
    const run = this.#runs.get(runId);
    const { tenantId, userId } = run?.principal ?? {};
    const sees = principal.tenantId === tenantId && (principal.userId === userId || principal.role !== 'user');
    if (run === undefined || !sees) throw new AppError('not_found');
    return { ...run, runId };
  }

  async #play({ runId, run }: InputOf<typeof startRun>): Promise<void> {
    await this.#publish(this.#runs.get(runId)!.events);
    const [verb, name, pause] = run.task.split(' ');
    if (verb === 'hang') return;
    const drafts: readonly RunFactDraft[] = SCENARIOS[name as Scenario] ?? SCENARIOS.success;
    const asks = drafts.some(({ type }) => type === 'orchestrator.approval.requested');
    if (pause === undefined && !asks) return this.#append(runId, drafts.slice(1));
    for (let draft of drafts.slice(1)) {
      if (pause !== undefined) await new Promise((resolve) => setTimeout(resolve, Number(pause) || 1));
      if (hasEnded(this.#runs.get(runId)!.events)) return;
      if (draft.type === 'orchestrator.planning.completed' && draft.data.decision.kind === 'answer') {
        for (const delta of deltas(runId, 'msg-answer', draft.data.step_number, draft.data.decision.text))
          this.#bus.publishLive(run.principal.tenantId, delta);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (draft.type === 'orchestrator.approval.decided') draft = await this.#decided(runId, draft);
      if (hasEnded(this.#runs.get(runId)!.events)) return;
      await this.#append(runId, [draft]);
    }
  }

  /** Waits for the answer to the question; what follows in the scenario follows whatever it is. */
  async #decided(
    runId: string,
    draft: Extract<RunFactDraft, { type: 'orchestrator.approval.decided' }>,
  ): Promise<RunFactDraft> {
    const shown = publicRunId(this.#runs.get(runId)!.principal.tenantId, runId);
    for (;;) {
      const given = this.decisions.find(
        (known) => known.runId === shown && known.approvalId === draft.data.approval_id,
      );
      if (given !== undefined)
        return { ...draft, data: { ...draft.data, ...given.answer, by: given.principal.userId } } as RunFactDraft;
      if (hasEnded(this.#runs.get(runId)!.events)) return draft;
      // A run that nobody ever answers keeps no test process alive.
      await new Promise((resolve) => setTimeout(resolve, 5).unref());
    }
  }

  async #append(runId: string, drafts: readonly RunFactDraft[]): Promise<void> {
    const { events, principal } = this.#runs.get(runId)!;
    const added = place(runId, principal.tenantId, drafts, events.length);
    events.push(...added);
    await this.#publish(added.filter((event) => this.loseEvery === 0 || event.seq % this.loseEvery !== 0));
  }

  async #publish(events: readonly RunEvent[]): Promise<void> {
    if (events.length > 0) await this.#bus.publishEvents(events);
  }
}

function place(runId: string, tenantId: string, drafts: readonly RunFactDraft[], after: number): RunEvent[] {
  return journal(runId, drafts).map((event) => ({ ...event, tenantId, seq: event.seq + after }));
}

function hasEnded(events: readonly RunEvent[]): boolean {
  return events.at(-1)?.type === TERMINAL_TYPE;
}

function threadOf({ principal, events }: { principal: Principal; events: RunEvent[] }): string {
  const first = events[0];
  const thread = first?.type === 'orchestrator.run.accepted' ? first.data.run.thread_id : '';
  return `${principal.tenantId}/${principal.userId}/${thread}`;
}
