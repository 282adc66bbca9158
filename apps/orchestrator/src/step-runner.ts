import {
  AppError,
  isProgressType,
  parseFact,
  performStep,
  type PlannedAct,
  type RunEventType,
  type RunFactDraft,
  StepResult,
  type WorkerTarget,
} from '@switchyard/contracts';
import type { Bus } from '@switchyard/bus';
import { backoffMs, type Clock, type Logger, sleep } from '@switchyard/platform';
import { dispatching, stepCompleted, type StepOutcome, type StepState } from '@switchyard/run';
import type { Toolbox } from './functions.ts';
import type { JournalWriter } from './journal-writer.ts';

/*
 * Performs one announced step and commits its outcome.
 *
 * S1 The idempotency key is <runId>:<stepId>, the same for every dispatch of the step.
 * S2 A step whose worker was lost is dispatched again only where a repeat cannot do harm: it never reached a
 *    worker, or its tool is safe or keyed. Otherwise its outcome is `in_doubt`, never guessed.
 * S3 Progress is committed with the outcome, or after PROGRESS_MS where the step takes longer; it is bounded.
 * S4 A step is sent only while the lease is known to hold: an owner that stood still since the announcement was
 *    committed asks the database first.
 */

const PROGRESS_MS = 25;
const MAX_PROGRESS = 500;

export interface StepParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stepTimeoutMs: number;
  readonly stepAttempts: number;
}

/** `recovered`: the step was dispatched by an earlier owner and its fate is not known here. */
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
  const progress = new Progress(writer, act, parts.log);
  let outcome: StepOutcome;
  if (recovered && !mayRepeat(act, toolbox)) {
    outcome = doubt('The worker or its owner was lost while this step was under way.');
  } else {
    if (recovered) await writer.write([dispatching(act, step.attempt + 1)]);
    outcome = await dispatchUntilAnswered(
      parts,
      writer,
      act,
      toolbox,
      recovered ? step.attempt + 1 : step.attempt,
      progress,
      signal,
    );
  }
  await writer.write([...progress.close(), stepCompleted(act, outcome, Math.max(0, parts.clock.now() - started))]);
}

async function dispatchUntilAnswered(
  parts: StepParts,
  writer: JournalWriter,
  act: PlannedAct,
  toolbox: Toolbox,
  firstAttempt: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<StepOutcome> {
  for (let attempt = firstAttempt; ; attempt += 1) {
    try {
      return readResult(await dispatchOnce(parts, writer, act, attempt, progress, signal), act, toolbox);
    } catch (error) {
      if (signal.aborted || !(error instanceof AppError)) throw error;
      const verdict = afterFailure(error, act, toolbox, attempt - firstAttempt + 1 < parts.stepAttempts);
      parts.log.warn({ runId: writer.state.runId, stepId: act.step_id, attempt, err: error }, 'step got no answer');
      if (verdict !== 'again') return verdict;
      await sleep(backoffMs(attempt, { baseMs: 200, maxMs: 3_000 }), signal);
      await writer.write([dispatching(act, attempt + 1)]);
    }
  }
}

async function dispatchOnce(
  parts: StepParts,
  writer: JournalWriter,
  act: PlannedAct,
  attempt: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<unknown> {
  const { runId, run } = writer.state;
  const { target } = act;
  if (!run || target === 'user') throw new AppError('internal'); // a question has its outcome without a worker
  const idempotencyKey = `${runId}:${act.step_id}`;
  const ask = writer.state.steps.find((step) => step.act.step_id === act.step_id)?.ask;
  const approval =
    ask?.decision?.decision === 'approve'
      ? { approval: { approvalId: ask.request.approval_id, by: ask.decision.by } }
      : {};
  await writer.confirmOwner(); // S4
  return parts.bus.request(
    performStep[target],
    {
      principal: run.principal,
      runId,
      stepId: act.step_id,
      threadId: run.thread_id,
      idempotencyKey,
      attempt,
      task: act.task,
      ...(act.tool === undefined ? {} : { call: { tool: act.tool, arguments: act.arguments ?? {} } }),
      ...(act.agent === undefined ? {} : { agent: act.agent }),
      ...approval,
      toolConstraints: run.tool_constraints,
    },
    { signal, timeoutMs: parts.stepTimeoutMs, idempotencyKey, onProgress: (frame) => progress.take(frame) },
  );
}

/** The worker's answer, or where it is none, what that means: it may have worked before it answered nonsense. */
export function readResult(answer: unknown, act: PlannedAct, toolbox: Toolbox): StepOutcome {
  const result = StepResult.safeParse(answer);
  if (result.success) return result.data;
  return mayRepeat(act, toolbox)
    ? { status: 'failed', code: 'tool_failed', message: 'The worker gave an answer that is no result.' }
    : doubt('The worker gave an answer that is no result.');
}

/** What follows from a dispatch without an answer. Pure. */
export function afterFailure(
  error: AppError,
  act: PlannedAct,
  toolbox: Toolbox,
  attemptsLeft: boolean,
): 'again' | StepOutcome {
  const failed = (code: string): StepOutcome => ({ status: 'failed', code, message: error.message });
  switch (error.code) {
    case 'no_responders':
    case 'overloaded':
      return attemptsLeft ? 'again' : failed(error.code);
    case 'worker_lost':
    case 'unavailable':
      if (!mayRepeat(act, toolbox)) return doubt('The worker was lost while this step was under way.');
      return attemptsLeft ? 'again' : failed(error.code);
    case 'deadline_exceeded':
      return mayRepeat(act, toolbox) ? failed('tool_timeout') : doubt('The step did not answer in time.');
    default:
      return failed(error.code);
  }
}

/** True where performing the step twice does what performing it once does. */
export function mayRepeat(act: PlannedAct, toolbox: Toolbox): boolean {
  if (act.target !== 'mcp') return false;
  const tool = toolbox.tools.find((candidate) => candidate.name === act.tool);
  return tool !== undefined && (tool.kind === 'read' || tool.idempotency !== 'none');
}

function doubt(why: string): StepOutcome {
  return { status: 'in_doubt', code: 'tool_in_doubt', message: `${why} Whether its effect happened is not known.` };
}

const AGENTS: Readonly<Record<WorkerTarget, readonly string[]>> = {
  mcp: ['mcp'],
  a2a: ['a2a'],
  computer_use: ['computer_use', 'worker', 'code_agent', 'grounding'],
};

/** A worker tells of its own agents and of nobody else's. */
function mayReport(target: PlannedAct['target'], type: RunEventType): boolean {
  return target !== 'user' && isProgressType(type) && AGENTS[target].includes(type.split('.')[0] ?? '');
}

/** Gathers the facts that a worker reports; commits them when the step takes its time. */
class Progress {
  #facts: RunFactDraft[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly writer: JournalWriter,
    private readonly act: PlannedAct,
    private readonly log: Logger,
  ) {}

  take(frame: unknown): void {
    const fact = parseFact(frame);
    const ofThisStep = fact && (!('step_id' in fact.data) || fact.data.step_id === this.act.step_id);
    if (!fact || !ofThisStep || !mayReport(this.act.target, fact.type) || this.#count >= MAX_PROGRESS) {
      this.log.warn({ stepId: this.act.step_id, type: fact?.type ?? 'unknown' }, 'progress dropped');
      return;
    }
    this.#count += 1;
    this.#facts.push(fact);
    this.#timer ??= setTimeout(() => this.#flush(), PROGRESS_MS);
  }

  close(): RunFactDraft[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#facts.splice(0);
  }

  #flush(): void {
    const facts = this.close();
    // A refused write ends the run's loop by the writer's next caller; here it needs no second report.
    this.writer.write(facts).catch(() => undefined);
  }
}
