import { randomUUID } from 'node:crypto';
import { type Bus, type Call, CallerLost, Detached } from '@switchyard/bus';
import { AppError, safeParse, type StepRequest, StepResult } from '@switchyard/contracts';
import { type Logger, sleep } from '@switchyard/platform';
import type { ComputerSessions, Frames, HeldSession } from '@switchyard/store';
import type { Computer, ComputerBackend } from '../computer/index.ts';
import { logEvent } from '../log-events.ts';
import type { Coordinates } from './coordinates.ts';
import { StepLedger } from './ledger.ts';
import type { StepEnd } from './machine.ts';
import { StepModel } from './model.ts';
import { StepWork } from './step-work.ts';

/*
 * Performs steps of runs, each on a screen of its own.
 *
 * - A step has one worker at a time and one outcome (the ledger, libs/store). A step that comes again while it is under
 *   way waits for that outcome; one that has ended is answered with it.
 * - A cancel stops model and hands at once, and the answer does not wait for the screen to be taken down.
 * - Where the owner of the run, or this process, goes away, a step on a sealed screen is given back: it left nothing behind,
 *   so whoever is asked next begins anew.
 * - What was seen on a screen is untrusted content.
 */

export interface StepAgentParts {
  readonly bus: Pick<Bus, 'request'>;
  readonly sessions: ComputerSessions;
  readonly frames: Frames;
  readonly backend: ComputerBackend;
  readonly log: Logger;
  readonly onEnd: (outcome: string, turns: number, seconds: number) => void;
  readonly settings: StepSettings;
}

interface StepSettings {
  readonly maxTurns: number;
  readonly size: { readonly width: number; readonly height: number };
  readonly coordinates: Coordinates;
  readonly apps: readonly string[];
  /** Opened on each screen before the first look. */
  readonly startApp: string | undefined;
  readonly leaseMs: number;
}

const NETWORK = 'sealed';
const ASK_AGAIN_MS = 300;
const MAX_MESSAGE_CHARS = 4_000;

export class StepAgent {
  readonly #parts: StepAgentParts;
  readonly #leaving = new AbortController();
  readonly #open = new Set<Promise<unknown>>();

  constructor(parts: StepAgentParts) {
    this.#parts = parts;
  }

  async perform(step: StepRequest, call: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const refused = this.#refusal(step);
    if (refused) return refused;
    const { sessions, backend, settings } = this.#parts;
    const { principal, idempotencyKey: stepKey, runId, stepId } = step;
    const of = { tenantId: principal.tenantId, userId: principal.userId, stepKey, runId, stepId };
    const holder = randomUUID();
    for (;;) {
      if (this.#leaving.signal.aborted) throw new AppError('unavailable', 'This worker is going down.');
      const at = { backend: backend.name, network: NETWORK, holder, leaseMs: settings.leaseMs } as const;
      const begun = await sessions.begin(of, at);
      if (begun.outcome === 'known') return readResult(begun.result);
      if (begun.outcome === 'mine') {
        const work = this.#performHeld(step, { step: of, generation: begun.generation, holder }, call);
        this.#open.add(work);
        return await work.finally(() => this.#open.delete(work));
      }
      await sleep(ASK_AGAIN_MS, call.signal);
      call.signal.throwIfAborted();
    }
  }

  /** Gives every step back and waits until the hands are still. */
  async stop(): Promise<void> {
    this.#leaving.abort(new AppError('unavailable', 'This worker is going down.'));
    await Promise.allSettled([...this.#open]);
  }

  /** The outcome of a request that no screen is opened for. */
  #refusal({ call, computer }: StepRequest): StepResult | undefined {
    const { backend } = this.#parts;
    if (call) return failed('not_supported', 'The computer-use agent takes tasks in words, not calls of tools.');
    if (computer?.backend === undefined || computer.backend === backend.name) return undefined;
    return failed('invalid_input', `There is no screen "${computer.backend}" here; there is: ${backend.name}.`);
  }

  async #performHeld(
    step: StepRequest,
    session: HeldSession,
    { signal: asked, progress }: Pick<Call, 'signal' | 'progress'>,
  ): Promise<StepResult> {
    const { sessions, frames, log, settings } = this.#parts;
    const started = Date.now();
    const { stepId: step_id, task } = step;
    progress({ type: 'computer_use.task.started', data: { step_id, task, controller: this.#parts.backend.name } });
    const ledger = new StepLedger({ sessions, frames, leaseMs: settings.leaseMs }, session);
    const signal = AbortSignal.any([asked, ledger.lost, this.#leaving.signal]);
    const model = new StepModel(this.#parts.bus, step, signal);
    const ending: Ending = { turns: 0, acts: 0, lastFrame: null };
    let result: StepResult;
    try {
      const end = await this.#onScreen(step, { ledger, model, signal, progress, ending });
      result = resultOf(end, ending);
    } catch (error) {
      const gone = asked.reason instanceof CallerLost || asked.reason instanceof Detached;
      if (ledger.lost.aborted || this.#leaving.signal.aborted || (asked.aborted && gone)) {
        if (!ledger.lost.aborted) await this.#leave(session);
        ledger.close();
        throw this.#leaving.signal.aborted ? new AppError('unavailable', 'This worker is going down.') : error;
      }
      result = failureOf(error, asked);
    }
    ledger.close();
    const usage = model.used.input_tokens + model.used.output_tokens === 0 ? {} : { usage: model.used };
    const told = { ...result, ...usage };
    if (!(await sessions.end(session, JSON.stringify(told))))
      throw new AppError('worker_lost', 'Another worker performs this step now.');
    const success = told.status === 'succeeded';
    const outcome = success ? 'succeeded' : told.code;
    progress({ type: 'computer_use.session.closed', data: { step_id, turns: ending.turns, reason: outcome } });
    progress({
      type: 'computer_use.task.completed',
      data: { step_id, success, result: success ? told.output : told.message },
    });
    this.#parts.onEnd(outcome, ending.turns, (Date.now() - started) / 1_000);
    if (!success) logEvent(log, 'step_failed', { runId: step.runId, stepId: step_id, code: told.code });
    return told;
  }

  async #onScreen(step: StepRequest, { ledger, model, signal, progress, ending }: Execution): Promise<StepEnd> {
    const { backend, settings } = this.#parts;
    const { maxTurns, size, apps, startApp, coordinates } = settings;
    const { tenantId } = step.principal;
    const request = { id: `${step.runId}-${step.stepId}`, tenantId, network: NETWORK, size } as const;
    const computer = await backend.open(request, signal);
    try {
      progress({
        type: 'computer_use.session.opened',
        data: { step_id: step.stepId, backend: backend.name, session: NETWORK, ...computer.size },
      });
      if (startApp !== undefined) await computer.act({ kind: 'open_app', app: startApp }, signal);
      const limits = {
        maxTurns: Math.min(step.computer?.maxTurns ?? maxTurns, maxTurns),
        reflection: step.computer?.reflection ?? true,
      };
      const work = new StepWork(step, { computer, model, ledger, limits, coordinates, apps, signal, tell: progress });
      try {
        return await work.run();
      } finally {
        const { turn, acts, frame } = work.state;
        Object.assign(ending, { turns: turn - 1, acts, lastFrame: frame?.sha256 ?? null });
      }
    } finally {
      // The answer does not wait for the screen to be taken down.
      void this.#closed(computer);
    }
  }

  async #closed(computer: Computer): Promise<void> {
    try {
      await computer.close();
    } catch (error) {
      logEvent(this.#parts.log, 'screen_not_closed', { err: error });
    }
  }

  async #leave(session: HeldSession): Promise<void> {
    try {
      await this.#parts.sessions.leave(session);
    } catch (error) {
      // Its lease runs out by itself.
      logEvent(this.#parts.log, 'step_not_left', { runId: session.step.runId, err: error });
    }
  }
}

interface Ending {
  turns: number;
  acts: number;
  lastFrame: string | null;
}

interface Execution {
  readonly ledger: StepLedger;
  readonly model: StepModel;
  readonly signal: AbortSignal;
  readonly progress: Call['progress'];
  readonly ending: Ending;
}

const PROVENANCE = { tool: 'computer_use', provider: 'screen', trust: 'untrusted' } as const;

function resultOf(end: StepEnd, { turns, acts, lastFrame }: Ending): StepResult {
  if (!end.done) return { ...failed(end.code, end.message), provenance: PROVENANCE };
  const output = { answer: end.answer, turns, actions: acts, session: NETWORK, last_frame: lastFrame };
  return { status: 'succeeded', output, provenance: PROVENANCE };
}

function failureOf(error: unknown, asked: AbortSignal): StepResult {
  if (asked.aborted) {
    const late = asked.reason instanceof AppError && asked.reason.code === 'deadline_exceeded';
    return late
      ? failed('deadline_exceeded', 'The task was not done within the time of its step.')
      : failed('cancelled', 'The step was cancelled.');
  }
  if (!(error instanceof AppError)) throw error;
  return failed(error.code, error.message);
}

function failed(code: string, message: string): Extract<StepResult, { status: 'failed' }> {
  return { status: 'failed', code, message: message.slice(0, MAX_MESSAGE_CHARS) };
}

function readResult(text: string): StepResult {
  try {
    const parsed = safeParse(StepResult, JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // as below
  }
  return { status: 'in_doubt', code: 'tool_in_doubt', message: 'The kept outcome of this step cannot be read.' };
}
