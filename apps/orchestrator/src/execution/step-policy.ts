import { agentKind, AppError, type PlannedAct, safeParse, StepResult } from '@switchyard/contracts';
import type { StepOutcome } from '@switchyard/run';
import type { Toolbox } from '../planner/index.ts';

/*
 * Decides what happens to a dispatched step after an answer, a failure or a takeover. Pure.
 *
 * - A step for a tool may always be dispatched again: the ledger of mcp-tool performs its effect once per key, and
 *   answers with the known outcome or with a doubt. So the ledger decides whether to repeat. The same holds for a task
 *   in words for the tool agent: its decisions are stored, so a repeat makes the same calls.
 * - A step for another agent may be dispatched again as well: a2a asks that agent for the task, and says in doubt where it
 *   does not find out. A kind of agent without such means is in doubt at once if it may have worked.
 * - Attempts are limited by number. If no worker is connected, they are limited by time instead, because a restarted
 *   service takes the step. When the attempts are used up and a dispatch may have reached a worker, the step is in
 *   doubt, unless its tool only reads.
 */

export interface Tries {
  readonly left: boolean;
  /** True while the caller may still wait for a missing worker. */
  readonly patient: boolean;
  /** True if an earlier dispatch may have reached a worker and its outcome is not known. */
  readonly mayHaveWorked: boolean;
}

export type Verdict =
  { readonly again: true; readonly mayHaveWorked: boolean } | { readonly again: false; readonly outcome: StepOutcome };

/** Answers of mcp-tool that say nothing about an earlier dispatch: this one failed before the ledger. */
const BEFORE_LEDGER: ReadonlySet<string> = new Set([
  'unavailable',
  'overloaded',
  'tool_not_found',
  'credentials_missing',
  'approval_required',
  'cancelled',
]);

/** The worker answered. */
export function afterAnswer(answer: unknown, act: PlannedAct, toolbox: Toolbox, tries: Tries): Verdict {
  const parsed = safeParse(StepResult, answer);
  if (!parsed.success) {
    const why = 'The worker gave an answer that is no result.';
    return end(onlyReads(act, toolbox) ? { status: 'failed', code: 'tool_failed', message: why } : doubt(why));
  }
  const result = parsed.data;
  if (!hasLedger(act) || result.status === 'succeeded') return end(result);
  if (result.status === 'in_doubt')
    return honoursKey(act, toolbox) && tries.left ? { again: true, mayHaveWorked: true } : end(result);
  if (!saysNothing(result.code, act)) return end(result);
  if (isAway(result.code) && (tries.left || tries.patient)) return { again: true, mayHaveWorked: tries.mayHaveWorked };
  return end(unlessItWorked(result, act, toolbox, tries));
}

/** Nobody answered, or the request was refused. */
export function afterFailure(error: AppError, act: PlannedAct, toolbox: Toolbox, tries: Tries): Verdict {
  const failed = (code: string): StepOutcome => ({ status: 'failed', code, message: error.message });
  switch (error.code) {
    case 'no_responders':
    case 'overloaded':
      if (tries.left || (error.code === 'no_responders' && tries.patient))
        return { again: true, mayHaveWorked: tries.mayHaveWorked };
      return end(unlessItWorked(unanswered(error, act), act, toolbox, tries));
    case 'worker_lost':
    case 'unavailable':
    case 'internal':
    case 'deadline_exceeded': {
      if (!hasLedger(act) && error.code === 'internal') return end(failed(error.code));
      if (hasLedger(act) && (tries.left || (error.code === 'unavailable' && tries.patient)))
        return { again: true, mayHaveWorked: true };
      const late = error.code === 'deadline_exceeded';
      if (onlyReads(act, toolbox)) return end(failed(late ? 'tool_timeout' : error.code));
      return end(
        doubt(late ? 'The step did not answer in time.' : 'The worker was lost while this step was under way.'),
      );
    }
    default:
      return end(unlessItWorked(failed(error.code), act, toolbox, tries));
  }
}

function unanswered({ code, message }: AppError, { target }: PlannedAct): StepOutcome {
  return { status: 'failed', code, message: code === 'no_responders' ? absent(target) : message };
}

/** Who is missing where a step finds nobody, and what can be done. */
function absent(target: PlannedAct['target']): string {
  return target === 'user' ? 'Nobody answers.' : agentKind(target).absent;
}

/** True if no worker took the step; the caller waits for one. */
export function isAway(code: string): boolean {
  return code === 'no_responders' || code === 'unavailable';
}

/** The outcome of a step that an earlier owner dispatched and that is not dispatched again; undefined if it is. */
export function afterTakeover(act: PlannedAct): StepOutcome | undefined {
  return hasLedger(act) ? undefined : doubt('The worker or its owner was lost while this step was under way.');
}

function hasLedger({ target }: PlannedAct): boolean {
  return target !== 'user' && agentKind(target).ledger;
}

/** True if the answer concerns this dispatch alone. The tool agent replays its earlier decisions, unless it cannot. */
function saysNothing(code: string, act: PlannedAct): boolean {
  return act.tool === undefined ? isAway(code) : BEFORE_LEDGER.has(code);
}

/** Undefined for a task in words: it may stand for any number of calls. */
function toolOf(act: PlannedAct, toolbox: Toolbox) {
  return hasLedger(act) ? toolbox.tools.find((candidate) => candidate.name === act.tool) : undefined;
}

function onlyReads(act: PlannedAct, toolbox: Toolbox): boolean {
  return toolOf(act, toolbox)?.kind === 'read';
}

/** True if performing the call twice under one key has the effect of performing it once. */
function honoursKey(act: PlannedAct, toolbox: Toolbox): boolean {
  return (toolOf(act, toolbox)?.idempotency ?? 'none') !== 'none';
}

function unlessItWorked(outcome: StepOutcome, act: PlannedAct, toolbox: Toolbox, tries: Tries): StepOutcome {
  if (!tries.mayHaveWorked || onlyReads(act, toolbox)) return outcome;
  return doubt('The worker was lost while this step was under way, and could not be asked again.');
}

function doubt(why: string): StepOutcome {
  return { status: 'in_doubt', code: 'tool_in_doubt', message: `${why} Whether its effect happened is not known.` };
}

function end(outcome: StepOutcome): Verdict {
  return { again: false, outcome };
}
