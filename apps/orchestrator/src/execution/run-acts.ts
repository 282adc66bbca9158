import { setMaxListeners } from 'node:events';
import { AppError, type RunFactDraft, type RunSpec, type ThreadTurn } from '@switchyard/contracts';
import { linkAbort, MAX_TIMER_MS } from '@switchyard/platform';
import { limitOf, type Next, runDeadline, type RunState, type StepState } from '@switchyard/run';
import type { Journal } from '@switchyard/store';
import { logEvent } from '../log-events.ts';
import { failedPlanning, plan, type PlanningParts } from '../planning/index.ts';
import type { Toolbox } from '../planner/index.ts';
import type { JournalWriter } from './journal-writer.ts';
import { runStep, type StepParts } from './step-runner.ts';
import type { Toolboxes } from './toolboxes.ts';

/*
 * Performs actions for an owned run: plans, and runs the steps that are due.
 *
 * - An action ends when the time of the run is up; the owner then records which limit was reached.
 * - Every planning ends in a fact. Without one, the owner would ask the model for ever.
 * - The tool descriptions say which step may be repeated. If they cannot be fetched, no step is repeated.
 */

export interface ActParts extends PlanningParts, StepParts {
  readonly journal: Pick<Journal, 'threadTurns'>;
  readonly toolboxes: Toolboxes;
}

type Planning = Extract<Next, { do: 'plan' }>;

/** Many steps share one signal, and each adds listeners. Node warns of a leak at 11. */
const MAX_LISTENERS = 1_000;
const MAX_TURNS = 50;
const NOTHING: Toolbox = { tools: [], agents: [] };

export class RunActs {
  #performing = false;
  #turns: readonly ThreadTurn[] | null = null;
  /** Steps that an earlier owner dispatched without recording an outcome. */
  readonly #recovered: Set<string>;

  readonly #parts: ActParts;
  readonly #writer: JournalWriter;
  readonly #stop: AbortSignal;

  /** `stop` aborts the work under way. */
  constructor(parts: ActParts, writer: JournalWriter, stop: AbortSignal) {
    this.#parts = parts;
    this.#writer = writer;
    this.#stop = stop;
    const begun = writer.state.steps.filter(
      (step) => step.attempt > 0 && step.epoch < writer.epoch && step.outcome === null,
    );
    this.#recovered = new Set(begun.map(({ act }) => act.step_id));
  }

  /** True while steps are under way. */
  get performing(): boolean {
    return this.#performing;
  }

  async plan(step: Planning): Promise<void> {
    await this.#withinTime(async (signal) => {
      const { state } = this.#writer;
      const facts = await this.#planned(step, state, signal);
      if (facts === null) return;
      await this.#writer.write(facts);
      const now = this.#writer.state;
      if (now.phase !== 'planning' || now.plannings.length > state.plannings.length) return;
      if (now.budgetAsks > state.budgetAsks) return; // a limit leaves no room; a person is asked
      // The answer fits no fact. Without an end of this planning the owner would ask the model for ever.
      const text = 'The language model gave an answer that cannot be recorded.';
      const { defaultModel } = this.#parts;
      await this.#writer.write([failedPlanning(step.stepNumber, defaultModel, 'model_invalid_answer', text, 0)]);
    });
  }

  async perform(steps: readonly StepState[]): Promise<void> {
    const run = runOf(this.#writer.state);
    this.#performing = true;
    await this.#withinTime(async (signal) => {
      const toolbox = await this.#toolboxFor(run, steps, signal);
      if (toolbox === null) return;
      const done = await Promise.allSettled(
        steps.map((step) =>
          runStep(this.#parts, this.#writer, step, toolbox, this.#recovered.delete(step.act.step_id), signal),
        ),
      );
      const failed = done.find((outcome) => outcome.status === 'rejected');
      if (failed && !signal.aborted) throw failed.reason;
    }).finally(() => (this.#performing = false));
  }

  /** Null: the run was stopped, or its time was up first. */
  async #planned(
    { stepNumber, final }: Planning,
    state: RunState,
    signal: AbortSignal,
  ): Promise<RunFactDraft[] | null> {
    const { principal, tool_constraints } = runOf(state);
    const { epoch, lease } = this.#writer;
    try {
      const turns = await this.#threadTurns(state);
      const speaks = () => lease.holds;
      const tell = (fact: RunFactDraft) =>
        void this.#writer.write([fact]).catch((error: unknown) => {
          this.#parts.log.debug({ runId: state.runId, err: error }, 'an event of the planning was not written');
        });
      const toolbox = async () =>
        final ? NOTHING : this.#parts.toolboxes.awaited(principal, tool_constraints, signal);
      return await plan(this.#parts, { state, stepNumber, final, toolbox, turns, epoch, speaks, tell }, signal);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  /**
   * The tools of the run; none if they cannot be fetched, so that no step is repeated. Null: the run was stopped, or
   * its time was up first.
   */
  async #toolboxFor(run: RunSpec, steps: readonly StepState[], signal: AbortSignal): Promise<Toolbox | null> {
    if (steps.every(({ act }) => act.target !== 'mcp')) return NOTHING;
    try {
      return await this.#parts.toolboxes.get(run.principal, run.tool_constraints, signal);
    } catch (error) {
      if (signal.aborted) return null;
      logEvent(this.#parts.log, 'tools_unknown', { runId: this.#writer.state.runId, err: error });
      return NOTHING;
    }
  }

  async #threadTurns({ run, tenantId, acceptedAt }: RunState): Promise<readonly ThreadTurn[]> {
    if (!run || run.history) return [];
    this.#turns ??= await this.#parts.journal.threadTurns({
      tenantId,
      userId: run.principal.userId,
      threadId: run.thread_id,
      before: acceptedAt,
      limit: MAX_TURNS,
    });
    return this.#turns;
  }

  /** Runs `work` until it ends, the run is stopped, or the run's time is up; then records the limit. */
  async #withinTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const deadline = runDeadline(this.#writer.state);
    const leftMs = deadline === null ? Infinity : Math.max(0, deadline - this.#parts.clock.now());
    const limited = linkAbort([this.#stop], leftMs > MAX_TIMER_MS ? undefined : leftMs);
    setMaxListeners(MAX_LISTENERS, limited.signal);
    try {
      await work(limited.signal);
    } finally {
      limited.release();
    }
    if (limited.timedOut && this.#writer.state.phase !== 'ended' && !this.#stop.aborted) await this.#timeUp();
  }

  /** The time limit ended the action under way; the state machine acts on the recorded limit. */
  async #timeUp(): Promise<void> {
    const { state } = this.#writer;
    const limit = limitOf(state, { scope: 'run', kind: 'seconds' }) ?? 0;
    const used = Math.max(limit, (this.#parts.clock.now() - state.acceptedAt) / 1_000);
    await this.#writer.write([{ type: 'orchestrator.budget.exceeded', data: { kind: 'seconds', limit, used } }]);
  }
}

function runOf({ run }: RunState): RunSpec {
  if (!run) throw new AppError('internal');
  return run;
}
