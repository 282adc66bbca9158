import { AppError, toPublicError } from '@switchyard/contracts';
import { Detached } from '@switchyard/bus';
import { type Logger, onBehalfOf } from '@switchyard/platform';
import { fold, next, type Next, type RunState } from '@switchyard/run';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { JournalWriter, type WriterParts } from './journal-writer.ts';
import { Lease } from './lease.ts';
import { type ActParts, RunActs } from './run-acts.ts';
import { RunInputs } from './run-inputs.ts';
import type { RunMetrics } from './run-metrics.ts';
import type { LoopEnd, OwnedRun } from './owned-run.ts';
import { stretchOfWork } from './run-span.ts';

/*
 * Drives one owned run: asks `next` for the next action, performs it, appends the outcome, and repeats.
 *
 * - The loop does only what the committed state asks for.
 * - The loop ends in one of five ways: `ended` (terminal event committed), `fenced` (another owner; nothing more is
 *   written), `released` (drain; the lease is released), `waiting` (for a person; the lease is released), `broken` (a
 *   defect; the lease expires).
 * - A cancel, a lost lease and a drain reach the model call and every step through one AbortSignal. A drain first gives
 *   steps under way some time to answer: a step with an answer need not be repeated, or be in doubt. Only a cancel and
 *   a limit stop a worker. After a drain or a lost lease the next owner dispatches the same step again and gets its
 *   outcome.
 * - Every action adds to the journal. An action that does not is a defect: the loop breaks instead of spinning.
 */

export interface LoopParts extends ActParts, WriterParts {
  readonly journal: Journal;
}

const PAGE = 500;

/** The objects that an owner works with once it has read the journal. */
interface Work {
  readonly writer: JournalWriter;
  readonly inputs: RunInputs;
  readonly acts: RunActs;
}

export class RunLoop {
  readonly lease: Lease;
  readonly #abort = new AbortController();
  #work: Work | null = null;
  #drainTimer: NodeJS.Timeout | undefined;
  #draining = false;
  #inputsWait = false;
  #fault: string | null = null;
  #begunAt = 0;
  #acceptedIn: string | undefined;

  readonly #parts: LoopParts;
  readonly #log: Logger;

  readonly #metrics: RunMetrics;

  constructor(
    parts: LoopParts,
    readonly owned: OwnedRun,
    log: Logger,
    metrics: RunMetrics,
  ) {
    this.#metrics = metrics;
    this.#log = log.child({ tenantId: owned.tenantId });
    this.#parts = { ...parts, log: this.#log };
    this.lease = new Lease(parts.clock, parts.leaseMs, owned.leasedAt);
  }

  /** The number of the newest input that this owner has taken. */
  get inboxTaken(): number {
    return this.#work?.inputs.taken ?? this.owned.inboxTaken;
  }

  /** After `waiting`: an input arrived while the lease was released, so the run needs an owner at once. */
  get inputsWait(): boolean {
    return this.#inputsWait;
  }

  /** After `ended`: the id of the next run of the same thread. */
  get nextRun(): string | null {
    return this.#work?.writer.nextRun ?? null;
  }

  /** True once this owner has committed an event. */
  get progressed(): boolean {
    return this.#work !== null && this.#work.writer.state.seq > this.#begunAt;
  }

  /** After `broken`: the fault, as public text. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Another owner has the run: stops at once and writes nothing. */
  fence(): void {
    this.#abort.abort(new Detached());
  }

  /**
   * The process is shutting down: the loop begins nothing new, and steps under way have `stepsMs` to answer. The next
   * owner continues from the journal.
   */
  drain(stepsMs: number): void {
    this.#draining = true;
    if (this.#work) this.#work.writer.announce = false;
    const stop = () => this.#abort.abort(new Detached());
    if (this.#work?.acts.performing) this.#drainTimer ??= setTimeout(stop, stepsMs);
    else stop();
  }

  /** Tells the loop that there may be an input (cancel, approval, message) for this run. */
  nudge(): void {
    this.#work?.inputs.nudge();
  }

  async run(): Promise<LoopEnd> {
    try {
      const { state = await this.#readJournal(), epoch } = this.owned;
      const stretch = { epoch, adopted: this.owned.state !== undefined, acceptedIn: this.#acceptedIn };
      return await stretchOfWork(stretch, state, async () => {
        const work = this.#begin(state);
        const end = await this.#drive(work);
        return { end, state: work.writer.state };
      });
    } catch (error) {
      return this.#endOf(error);
    } finally {
      clearTimeout(this.#drainTimer);
    }
  }

  async #drive(work: Work): Promise<LoopEnd> {
    const { writer, inputs } = work;
    // A run that was accepted here a moment ago has no inputs yet; its first write reports any that arrive.
    if (!this.owned.state) await inputs.take();
    await writer.write([]);
    while (writer.state.phase !== 'ended') {
      if (this.#abort.signal.aborted || this.#draining) break;
      if (inputs.waiting) await inputs.take();
      else if (await this.#actOrPark(work)) return 'waiting';
    }
    if (writer.state.phase === 'ended') return 'ended';
    await writer.write([]).catch(() => undefined); // what was handed in before is out
    return this.#draining ? 'released' : 'fenced';
  }

  #begin(state: RunState): Work {
    const { owned } = this;
    const parts = this.#parts;
    const { signal } = this.#abort;
    this.#begunAt = state.seq;
    const writer = new JournalWriter(parts, this.#metrics, state, owned.epoch, signal, this.lease);
    writer.announce = !this.#draining;
    // The terminal event is committed, so the results of work still under way have no reader.
    const onEnd = () => this.#abort.abort(new AppError('cancelled'));
    const inputs = new RunInputs(parts.journal, owned.runId, owned.inboxTaken, writer, this.#log, onEnd);
    this.#work = { writer, inputs, acts: new RunActs(parts, writer, signal) };
    return this.#work;
  }

  #endOf(error: unknown): LoopEnd {
    if (this.#work?.writer.state.phase === 'ended') return 'ended';
    if (this.#draining) return 'released';
    const code = error instanceof AppError ? error.code : undefined;
    if (this.#abort.signal.aborted || code === 'fenced' || code === 'run_ended') return 'fenced';
    logEvent(this.#log, 'run_loop_failed', { runId: this.owned.runId, err: error });
    const { code: publicCode, message } = toPublicError(error);
    this.#fault = `${publicCode}: ${message}`;
    return 'broken';
  }

  /** Performs the next action. Returns true if the run now waits for a person and is no longer owned. */
  async #actOrPark({ writer, inputs, acts }: Work): Promise<boolean> {
    const step = next(writer.state, this.#parts.clock.now());
    if (step.do !== 'wait') {
      await this.#act(writer, acts, step);
      return false;
    }
    const { inputsWait } = await writer.park(step.until, inputs.taken);
    this.#inputsWait = inputsWait;
    return true;
  }

  async #act(writer: JournalWriter, acts: RunActs, step: Next): Promise<void> {
    const { seq } = writer.state;
    if (step.do === 'plan') await this.#forUser(writer, () => acts.plan(step));
    else if (step.do === 'perform') await this.#forUser(writer, () => acts.perform(step.steps));
    // The writer itself adds every other announcement, in the same commit as its cause.
    else await writer.write([]);
    if (writer.state.seq === seq && !this.#abort.signal.aborted) {
      throw new AppError('internal', undefined, { cause: new Error(`the run stands still at ${step.do}`) });
    }
  }

  /** Runs `work` with the user's identity, so that exchanges over XMPP are recorded as the user's. */
  #forUser(writer: JournalWriter, work: () => Promise<void>): Promise<void> {
    const { run, runId } = writer.state;
    if (run === null) return work();
    const { tenantId, userId } = run.principal;
    return onBehalfOf({ tenantId, userId, runId }, work);
  }

  async #readJournal(): Promise<RunState> {
    let state = fold([]);
    for (;;) {
      const events = await this.#parts.journal.read(this.owned.runId, state.seq, PAGE);
      const before = state.seq;
      const [first] = events;
      if (first?.type === 'orchestrator.run.accepted') this.#acceptedIn = first.data.traceparent;
      state = fold(events, state);
      // Publishes events that an earlier owner committed but did not publish.
      this.#parts.publisher.publish(events.filter((event) => event.seq > this.owned.publishedSeq));
      if (events.length > 0 && state.seq !== events.at(-1)!.seq) {
        throw new AppError('internal', undefined, {
          cause: new Error(`the journal of ${this.owned.runId} cannot be followed after ${state.seq}`),
        });
      }
      if (events.length < PAGE || state.seq === before) return state;
    }
  }
}
