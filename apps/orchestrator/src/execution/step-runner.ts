import {
  agentKind,
  AppError,
  type ComputerWish,
  isProgressType,
  MAX_COMPUTER_TURNS,
  parseFact,
  performStep,
  type PlannedAct,
  reporterOf,
  type RunEventType,
  type RunFactDraft,
  type RunSpec,
  type StepLimits,
} from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { backoffMs, type Clock, type Logger, sleep } from '@switchyard/platform';
import {
  dispatching,
  firstUntrusted,
  isDecidedByWorker,
  objectionToDelegation,
  type RunState,
  stepCompleted,
  type StepOutcome,
  stepsLeft,
  type StepState,
} from '@switchyard/run';
import { logEvent } from '../log-events.ts';
import { type ApprovalDefaults, rulesFor, type Toolbox } from '../planner/index.ts';
import { checkedFact, checkedOutcome, type Guardrail, withheldFact } from '../planning/index.ts';
import type { JournalWriter } from './journal-writer.ts';
import { afterAnswer, afterFailure, afterTakeover, isAway, type Tries, type Verdict } from './step-policy.ts';

/*
 * Performs one announced step and commits its outcome.
 *
 * - The idempotency key is <runId>:<stepId>, the same for every dispatch of the step.
 * - A step with an unknown outcome is dispatched again under the same key if its worker finds out what became of it: the
 *   ledger of mcp-tool, or the agent that a2a asks (step-policy.ts). Otherwise, and when the attempts are used up, its outcome is `in_doubt`; the owner never
 *   guesses. If no worker is connected, the owner waits for one.
 * - Progress is committed with the outcome, or after PROGRESS_MS if the step takes longer. Its size is limited.
 * - The owner sends a step only while it knows that its lease holds. If the process paused after committing the
 *   announcement, the owner asks the database first.
 * - A part of a result or of a worker's progress that a guardrail refuses becomes part of no fact. The planner is told
 *   that it was withheld, and the run goes on.
 * - The owner sends nothing to an agent that the constraints of the run do not name, whatever was planned.
 */

const PROGRESS_MS = 25;

export interface StepParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly guardrail: Guardrail;
  readonly stepTimeoutMs: number;
  /** Longest time of a step for the computer-use agent. */
  readonly computerStepTimeoutMs: number;
  readonly approvals: ApprovalDefaults;
  readonly stepAttempts: number;
  /** How long a step waits for a worker if none is connected. */
  readonly workerAbsenceMs: number;
}

/** `recovered`: an earlier owner dispatched the step and its outcome is not known here. */
export async function runStep(
  parts: StepParts,
  writer: JournalWriter,
  step: StepState,
  toolbox: Toolbox,
  recovered: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { act } = step;
  const started = parts.clock.now();
  const progress = new Progress(writer, act, parts);
  let outcome = recovered ? afterTakeover(act) : notAllowed(act, writer.state);
  if (outcome === undefined) {
    const attempt = recovered ? step.attempt + 1 : step.attempt;
    if (recovered) await writer.write([dispatching(act, attempt)]);
    outcome = await dispatchUntilAnswered(parts, writer, { act, toolbox, attempt, recovered }, progress, signal);
  }
  const checked = checkedOutcome(outcome, parts.guardrail);
  progress.tellOf(checked.rule);
  const durationMs = Math.max(0, parts.clock.now() - started);
  await writer.write([...progress.close(), stepCompleted(act, checked.outcome, durationMs)]);
}

/** The failure of a step for an agent that the constraints of the run do not name; undefined: the step may leave. */
function notAllowed(act: PlannedAct, { run }: RunState): StepOutcome | undefined {
  if (!run || !isDelegation(act)) return undefined;
  const objection = objectionToDelegation(act.agent ?? '', run.principal, run.tool_constraints);
  return objection === null ? undefined : { status: 'failed', code: 'forbidden', message: objection };
}

/** A task for an agent that the planner chose by its name; not one for our agent for tools, which keeps to the constraints. */
function isDelegation({ target, agent }: PlannedAct): boolean {
  if (target === 'user') return false;
  const { offer } = agentKind(target);
  return offer === 'agents' || (offer === 'itself' && agent !== undefined);
}

async function dispatchUntilAnswered(
  parts: StepParts,
  writer: JournalWriter,
  step: { readonly act: PlannedAct; readonly toolbox: Toolbox; readonly attempt: number; readonly recovered: boolean },
  progress: Progress,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { act, toolbox, attempt: firstAttempt } = step;
  let mayHaveWorked = step.recovered;
  const absence = new Absence(parts);
  for (let attempt = firstAttempt; ; attempt += 1) {
    const left = attempt - firstAttempt + 1 < parts.stepAttempts;
    const triesAfter = (code: string): Tries => ({ left, mayHaveWorked, patient: absence.mayGoOn(code) });
    let verdict: Verdict;
    try {
      const answer = await dispatchOnce(parts, writer, { act, attempt, mayHaveWorked }, progress, signal);
      verdict = afterAnswer(answer, act, toolbox, triesAfter(codeOf(answer)));
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      logEvent(parts.log, 'step_unanswered', { runId: writer.state.runId, stepId: act.step_id, attempt, err: error });
      verdict = afterFailure(error, act, toolbox, triesAfter(error.code));
    }
    if (!verdict.again) return verdict.outcome;
    ({ mayHaveWorked } = verdict);
    await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 3_000 }), signal);
    await writer.write([dispatching(act, attempt + 1)]);
  }
}

async function dispatchOnce(
  parts: StepParts,
  writer: JournalWriter,
  {
    act,
    attempt,
    mayHaveWorked,
  }: { readonly act: PlannedAct; readonly attempt: number; readonly mayHaveWorked: boolean },
  progress: Progress,
  signal: AbortSignal,
): Promise<unknown> {
  const { runId, run } = writer.state;
  const { target } = act;
  if (!run || target === 'user') throw new AppError('internal'); // a person answers a question, not a worker
  const idempotencyKey = `${runId}:${act.step_id}`;
  const ask = writer.state.steps.find((step) => step.act.step_id === act.step_id)?.ask;
  const approval =
    ask?.decision?.decision === 'approve'
      ? { approval: { approvalId: ask.request.approval_id, by: ask.decision.by } }
      : {};
  await writer.confirmOwner(); // this process may have paused since the announcement
  return parts.bus.request(
    performStep[target],
    {
      principal: run.principal,
      runId,
      stepId: act.step_id,
      threadId: run.thread_id,
      idempotencyKey,
      attempt,
      ...(mayHaveWorked ? { mayHaveWorked } : {}),
      task: act.task,
      toolCallId: act.tool_call_id,
      ...(act.tool === undefined ? {} : { call: { tool: act.tool, arguments: act.arguments ?? {} } }),
      ...(act.agent === undefined ? {} : { agent: act.agent }),
      ...approval,
      toolConstraints: run.tool_constraints,
      ...(isDecidedByWorker(act) ? { within: limitsOf(writer.state, run, parts.approvals) } : {}),
      ...(target === 'computer_use' ? { computer: wishOf(run) } : {}),
    },
    { signal, timeoutMs: timeoutOf(target, parts), idempotencyKey, onProgress: (frame) => progress.take(frame) },
  );
}

function timeoutOf(target: PlannedAct['target'], { stepTimeoutMs, computerStepTimeoutMs }: StepParts): number {
  return target === 'computer_use' ? computerStepTimeoutMs : stepTimeoutMs;
}

/** Where no planner takes part, the limit of the run's steps is the limit of the agent's turns. */
function wishOf(run: RunSpec): ComputerWish {
  return { reflection: run.enable_reflection, ...(run.use_orchestrator ? {} : { maxTurns: turnsOf(run) }) };
}

function turnsOf({ budget }: RunSpec): number {
  return Math.min(budget.max_steps, MAX_COMPUTER_TURNS);
}

/** The limits that remain for a worker that decides by itself. */
function limitsOf(state: RunState, run: RunSpec, approvals: ApprovalDefaults): StepLimits {
  const { tools, heard } = rulesFor(run, approvals, firstUntrusted(state));
  return { calls: 1 + stepsLeft(state), approvalTools: tools.slice(0, 1_000), heardStranger: heard !== undefined };
}

/** Measures how long no worker has been connected, from the outcome of each try. */
class Absence {
  #since: number | undefined;

  readonly #parts: Pick<StepParts, 'clock' | 'workerAbsenceMs'>;

  constructor(parts: Pick<StepParts, 'clock' | 'workerAbsenceMs'>) {
    this.#parts = parts;
  }

  /** True if no worker answered this time and the limit of the absence is not reached. */
  mayGoOn(code: string): boolean {
    const now = this.#parts.clock.now();
    this.#since = isAway(code) ? (this.#since ?? now) : undefined;
    return this.#since !== undefined && now - this.#since < this.#parts.workerAbsenceMs;
  }
}

function codeOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'code' in answer ? String(answer.code) : '';
}

/** A worker tells of its own agents and of nobody else's. */
function mayReport(target: PlannedAct['target'], type: RunEventType): boolean {
  return isProgressType(type) && reporterOf(type)?.target === target;
}

/** Collects the facts that a worker reports; commits them while the step still runs if it takes long. */
class Progress {
  #facts: RunFactDraft[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #withheld = false;

  readonly #writer: JournalWriter;
  readonly #act: PlannedAct;
  readonly #parts: Pick<StepParts, 'log' | 'guardrail'>;

  constructor(writer: JournalWriter, act: PlannedAct, parts: Pick<StepParts, 'log' | 'guardrail'>) {
    this.#writer = writer;
    this.#act = act;
    this.#parts = parts;
  }

  take(frame: unknown): void {
    const fact = parseFact(frame);
    const ofThisStep = fact && (!('step_id' in fact.data) || fact.data.step_id === this.#act.step_id);
    if (!fact || !ofThisStep || !mayReport(this.#act.target, fact.type) || !this.#hasRoom(fact)) {
      const { runId } = this.#writer.state;
      logEvent(this.#parts.log, 'step_progress_dropped', {
        runId,
        stepId: this.#act.step_id,
        type: fact?.type ?? 'unknown',
      });
      return;
    }
    this.#count += 1;
    const checked = checkedFact(fact, this.#parts.guardrail);
    this.tellOf(checked.rule);
    this.#facts.push(checked.fact);
    this.#timer ??= setTimeout(() => this.#flush(), PROGRESS_MS);
  }

  /** What ends something is taken beyond the limit of facts, so that no turn stays open for those who look on. */
  #hasRoom({ type }: RunFactDraft): boolean {
    const { target } = this.#act;
    const most = target === 'user' ? 0 : agentKind(target).maxProgress;
    return this.#count < (type.endsWith('.completed') ? most * 2 : most);
  }

  /** Records once per step that a guardrail rule withheld something. Replicas of version 1 would end the run by it. */
  tellOf(rule: string | null): void {
    if (rule === null || this.#withheld || this.#writer.state.engineVersion < 2) return;
    this.#withheld = true;
    this.#facts.push(withheldFact(this.#act, rule));
  }

  close(): RunFactDraft[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#facts.splice(0);
  }

  #flush(): void {
    const facts = this.close();
    // A refused write makes the next call of the writer throw and so ends the loop; it needs no second report here.
    this.#writer.write(facts).catch(() => undefined);
  }
}
