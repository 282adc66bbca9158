import { setMaxListeners } from 'node:events';
import { AppError, type RunFactDraft, type RunSpec, type ThreadTurn, toPublicError } from '@switchyard/contracts';
import { Leaving } from '@switchyard/bus';
import { linkAbort, type Logger, withContext, withSpan } from '@switchyard/platform';
import { fold, limitOf, next, type Next, runDeadline, type RunState, type StepState } from '@switchyard/run';
import type { Journal } from '@switchyard/store';
import type { Toolbox } from './functions.ts';
import { Lease, type Moment } from './lease.ts';
import { JournalWriter, type WriterParts } from './journal-writer.ts';
import { failedPlanning } from './decide.ts';
import { inputFacts } from './inputs.ts';
import { plan, type PlanningParts } from './planning.ts';
import type { RunMetrics } from './run-metrics.ts';
import { runStep, type StepParts } from './step-runner.ts';
import type { Toolboxes } from './toolboxes.ts';

/*
 * Drives one owned run: asks `next`, does it, appends what came of it, and asks again.
 *
 * L1 Nothing is done that the committed state does not ask for.
 * L2 The loop ends in one of five ways: `ended` (terminal event committed), `fenced` (another owner; nothing
 *    more is written), `released` (drain; the lease is given back), `waiting` (for a person; the lease is given
 *    back), `broken` (a defect; the lease runs out).
 * L3 A cancel, a lost lease and a drain reach the model call and every step through one AbortSignal. A drain gives
 *    steps under way some time to answer first: what has an answer need not be repeated, or be in doubt. Only a cancel
 *    and a limit stop a worker; after the others the next owner asks for the same step and gets what comes of it.
 * L4 Every act moves the journal on. One that does not is a defect: the loop breaks instead of going round.
 */

export type LoopEnd = 'ended' | 'fenced' | 'released' | 'waiting' | 'broken';

export interface LoopParts extends PlanningParts, StepParts, WriterParts {
  readonly journal: Journal;
  readonly toolboxes: Toolboxes;
}

export interface OwnedRun {
  readonly runId: string;
  readonly tenantId: string;
  readonly epoch: number;
  readonly inboxTaken: number;
  /** Everything up to here is on the bus. */
  readonly publishedSeq: number;
  /** From before the lease was asked for. */
  readonly leasedAt: Moment;
  /** Where the journal is known already (a run accepted here); otherwise it is read. */
  readonly state?: RunState;
}

const PAGE = 500;
/** The longest time that a timer of Node takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Steps that share one signal, and what each hangs on it. Node would warn of a leak at 11. */
const MAX_LISTENERS = 1_000;
const NOTHING: Toolbox = { tools: [], agents: [] };

export class RunLoop {
  readonly lease: Lease;
  readonly #abort = new AbortController();
  #performing = false;
  #drainTimer: NodeJS.Timeout | undefined;
  #writer: JournalWriter | null = null;
  #inboxTaken: number;
  #takingInputs = false;
  #nudged = false;
  #draining = false;
  #turns: readonly ThreadTurn[] | null = null;
  #inputsWait = false;
  #fault: string | null = null;
  #begunAt = 0;
  readonly #recovered = new Set<string>();

  constructor(
    private readonly parts: LoopParts,
    readonly owned: OwnedRun,
    private readonly log: Logger,
    private readonly metrics: RunMetrics,
  ) {
    this.#inboxTaken = owned.inboxTaken;
    this.lease = new Lease(parts.clock, parts.leaseMs, owned.leasedAt);
  }

  /** The number of the newest input that this owner has taken. */
  get inboxTaken(): number {
    return this.#inboxTaken;
  }

  /** After `waiting`: an input came while the lease was given back, so the run needs an owner at once. */
  get inputsWait(): boolean {
    return this.#inputsWait;
  }

  /** After `ended`: the run of the same thread whose turn it is. */
  get nextRun(): string | null {
    return this.#writer?.nextRun ?? null;
  }

  /** True once this owner has committed an event. */
  get progressed(): boolean {
    return this.#writer !== null && this.#writer.state.seq > this.#begunAt;
  }

  /** After `broken`: what broke, as public text. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Another owner has the run: stop at once, write nothing. */
  fence(): void {
    this.#abort.abort(new Leaving());
  }

  /**
   * The process is going down: nothing new is begun, steps under way have `stepsMs` to answer. The journal tells the
   * next owner how far it came.
   */
  drain(stepsMs: number): void {
    this.#draining = true;
    if (this.#writer) this.#writer.announce = false;
    const stop = () => this.#abort.abort(new Leaving());
    if (this.#performing) this.#drainTimer ??= setTimeout(stop, stepsMs);
    else stop();
  }

  /** There may be an input (cancel, approval, message) for this run. */
  nudge(): void {
    if (!this.#writer) return;
    this.#nudged = true;
    if (this.#takingInputs) return;
    this.#takingInputs = true;
    this.#takeNudged()
      .catch((error: unknown) => this.log.warn({ err: error }, 'inputs not taken'))
      .finally(() => (this.#takingInputs = false));
  }

  run(): Promise<LoopEnd> {
    const { runId, tenantId } = this.owned;
    return withContext({ runId, tenantId }, () =>
      withSpan('invoke_workflow switchyard', { 'gen_ai.operation.name': 'invoke_workflow' }, () => this.#run()),
    );
  }

  async #run(): Promise<LoopEnd> {
    try {
      const state = this.owned.state ?? (await this.#readJournal());
      this.#begunAt = state.seq;
      for (const step of state.steps) if (step.attempt > 0 && !step.outcome) this.#recovered.add(step.act.step_id);
      this.#writer = new JournalWriter(
        this.parts,
        this.metrics,
        state,
        this.owned.epoch,
        this.#abort.signal,
        this.lease,
      );
      this.#writer.announce = !this.#draining;
      // A run that was accepted here a moment ago has no inputs that the first write would not tell of.
      if (!this.owned.state) await this.#takeInputs();
      await this.#writer.write([]);
      while (this.#writer.state.phase !== 'ended') {
        if (this.#abort.signal.aborted || this.#draining) break;
        if (this.#writer.inboxLast > this.#inboxTaken) await this.#takeInputs();
        else if (await this.#actOrPark(this.#writer)) return 'waiting';
      }
      if (this.#writer.state.phase === 'ended') return 'ended';
      await this.#writer.write([]).catch(() => undefined); // what was handed in before is out
      return this.#draining ? 'released' : 'fenced';
    } catch (error) {
      return this.#endOf(error);
    } finally {
      clearTimeout(this.#drainTimer);
    }
  }

  #endOf(error: unknown): LoopEnd {
    if (this.#writer?.state.phase === 'ended') return 'ended';
    if (this.#draining) return 'released';
    const code = error instanceof AppError ? error.code : undefined;
    if (this.#abort.signal.aborted || code === 'fenced' || code === 'run_ended') return 'fenced';
    this.log.error({ runId: this.owned.runId, err: error }, 'the loop of this run broke');
    const { code: publicCode, message } = toPublicError(error);
    this.#fault = `${publicCode}: ${message}`;
    return 'broken';
  }

  /** True where the run waits for a person and is not owned any more. */
  async #actOrPark(writer: JournalWriter): Promise<boolean> {
    const step = next(writer.state, this.parts.clock.now());
    if (step.do !== 'wait') {
      await this.#act(writer, step);
      return false;
    }
    const { inputsWait } = await writer.park(step.until, this.#inboxTaken);
    this.#inputsWait = inputsWait;
    return true;
  }

  async #act(writer: JournalWriter, step: Next): Promise<void> {
    const { seq } = writer.state;
    if (step.do === 'plan') await this.#plan(writer, step);
    else if (step.do === 'perform') await this.#perform(writer, step.steps);
    // Everything else is announced by the writer itself, together with what led to it.
    else await writer.write([]);
    if (writer.state.seq === seq && !this.#abort.signal.aborted) {
      throw new AppError('internal', undefined, { cause: new Error(`the run stands still at ${step.do}`) });
    }
  }

  async #plan(writer: JournalWriter, step: Extract<Next, { do: 'plan' }>): Promise<void> {
    const { state } = writer;
    const run = state.run;
    if (!run) throw new AppError('internal');
    await this.#withDeadline(writer, async (signal) => {
      let facts: RunFactDraft[];
      try {
        const { stepNumber, final } = step;
        const turns = await this.#threadTurns(state);
        const speaks = () => this.lease.holds;
        const toolbox = async () =>
          final ? NOTHING : this.parts.toolboxes.get(run.principal, run.tool_constraints, signal);
        facts = await plan(
          this.parts,
          { state, stepNumber, final, toolbox, turns, epoch: this.owned.epoch, speaks },
          signal,
        );
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      await writer.write(facts);
      if (writer.state.phase !== 'planning' || writer.state.plannings.length > state.plannings.length) return;
      if (writer.state.budgetAsks > state.budgetAsks) return; // a limit leaves no room; a person is asked
      // The answer fits no fact. Without an end of this planning the model would be asked for ever.
      const text = 'The language model gave an answer that cannot be recorded.';
      await writer.write([failedPlanning(step.stepNumber, this.parts.defaultModel, 'model_invalid_answer', text, 0)]);
    });
  }

  async #perform(writer: JournalWriter, steps: Extract<Next, { do: 'perform' }>['steps']): Promise<void> {
    const run = writer.state.run;
    if (!run) throw new AppError('internal');
    this.#performing = true;
    await this.#withDeadline(writer, async (signal) => {
      const toolbox = await this.#toolboxFor(run, steps, signal);
      if (toolbox === null) return;
      const done = await Promise.allSettled(
        steps.map((step) =>
          runStep(this.parts, writer, step, toolbox, this.#recovered.delete(step.act.step_id), signal),
        ),
      );
      const failed = done.find((outcome) => outcome.status === 'rejected');
      if (failed && !signal.aborted) throw failed.reason;
    }).finally(() => (this.#performing = false));
  }

  /**
   * What is known of the tools tells which step may be repeated; where it cannot be had, none may. Null: stopped, or
   * the time of the run was up before the tools were known.
   */
  async #toolboxFor(run: RunSpec, steps: readonly StepState[], signal: AbortSignal): Promise<Toolbox | null> {
    if (steps.every(({ act }) => act.target !== 'mcp')) return NOTHING;
    try {
      return await this.parts.toolboxes.get(run.principal, run.tool_constraints, signal);
    } catch (error) {
      if (signal.aborted) return null;
      this.log.warn({ runId: this.owned.runId, err: error }, 'no tools known; nothing is repeated');
      return NOTHING;
    }
  }

  /** Runs `work` until it is done, the run is stopped, or its time is up (which the next look then sees). */
  async #withDeadline(writer: JournalWriter, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const deadline = runDeadline(writer.state);
    const leftMs = deadline === null ? Infinity : Math.max(0, deadline - this.parts.clock.now());
    const limited = linkAbort([this.#abort.signal], leftMs > MAX_TIMER_MS ? undefined : leftMs);
    setMaxListeners(MAX_LISTENERS, limited.signal);
    try {
      await work(limited.signal);
    } finally {
      limited.release();
    }
    if (limited.timedOut && writer.state.phase !== 'ended' && !this.#abort.signal.aborted) {
      await this.#timeUp(writer);
    }
  }

  /** The time limit ended an act that was under way; the machine concludes from the recorded limit. */
  async #timeUp(writer: JournalWriter): Promise<void> {
    const { state } = writer;
    const limit = limitOf(state, { scope: 'run', kind: 'seconds' }) ?? 0;
    const used = Math.max(limit, (this.parts.clock.now() - state.acceptedAt) / 1_000);
    await writer.write([{ type: 'orchestrator.budget.exceeded', data: { kind: 'seconds', limit, used } }]);
  }

  async #takeNudged(): Promise<void> {
    while (this.#nudged) {
      this.#nudged = false;
      await this.#takeInputs();
    }
  }

  async #takeInputs(): Promise<void> {
    const writer = this.#writer;
    if (!writer) return;
    const inputs = await this.parts.journal.inputsAfter(this.owned.runId, this.#inboxTaken);
    const newest = inputs.at(-1);
    if (!newest) return;
    await writer.write(inputFacts(inputs, writer.state), newest.n);
    this.#inboxTaken = newest.n;
    // L3: the terminal event is committed; what is still under way for this run has no reader any more.
    if (writer.state.phase === 'ended') this.#abort.abort(new AppError('cancelled'));
  }

  async #readJournal(): Promise<RunState> {
    let state = fold([]);
    for (;;) {
      const events = await this.parts.journal.read(this.owned.runId, state.seq, PAGE);
      const before = state.seq;
      state = fold(events, state);
      // What an earlier owner committed and did not publish any more.
      this.parts.publisher.publish(events.filter((event) => event.seq > this.owned.publishedSeq));
      if (events.length > 0 && state.seq !== events.at(-1)!.seq) {
        throw new AppError('internal', undefined, {
          cause: new Error(`the journal of ${this.owned.runId} cannot be followed after ${state.seq}`),
        });
      }
      if (events.length < PAGE || state.seq === before) return state;
    }
  }

  async #threadTurns(state: RunState): Promise<readonly ThreadTurn[]> {
    const run = state.run;
    if (!run || run.history) return [];
    this.#turns ??= await this.parts.journal.threadTurns({
      tenantId: state.tenantId,
      userId: run.principal.userId,
      threadId: run.thread_id,
      before: state.acceptedAt,
      limit: 50,
    });
    return this.#turns;
  }
}
