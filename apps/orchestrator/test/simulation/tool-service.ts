import { AppError, type StepRequest, type StepResult, type ToolInfo } from '@switchyard/contracts';
import type { Checker } from './checker.ts';
import { type Party, party, type Schedule } from './schedule.ts';

/*
 * Workers that do steps, the ledger that they share, and the world that their effects happen to. A call is performed
 * once per key: another worker that is asked waits for the first one's result; where that one is gone, a tool that
 * honours keys is called again (its effect happens once whoever asks), and of any other the outcome is in doubt.
 */

const tool = (name: string, kind: ToolInfo['kind'], idempotency: ToolInfo['idempotency']): ToolInfo => ({
  name,
  description: name,
  provider: 'test',
  inputSchema: { type: 'object' },
  kind,
  idempotency,
  ...(name === 'ask_first' ? { requiresApproval: true } : {}),
});

export const TOOLS = [
  tool('read_it', 'read', 'safe'),
  tool('keyed_it', 'write', 'key'),
  tool('write_it', 'write', 'none'),
  tool('ask_first', 'write', 'none'),
];

/** How long without a frame until the asking side gives a worker up. */
const LOST_AFTER_MS = 6_000;
const FRAME_MS = 2_000;
/** How long a worker that stands still keeps a call to itself. */
const HOLD_MS = 6_000;
const LOOK_AGAIN_MS = 300;

interface Entry {
  holder: Party;
  until: number;
  result: StepResult | null;
}

export class ToolService {
  workers: Party[] = [party('tools-1'), party('tools-2')];
  /** False: a mutant, each dispatch is performed. */
  ledgerIsAsked = true;
  readonly #ledger = new Map<string, Entry>();
  /** How often the effect of each step happened. */
  readonly #effects = new Map<string, number>();
  /** Steps whose fate a fault made uncertain. */
  readonly touched = new Set<string>();

  readonly #schedule: Schedule;
  readonly #checker: Checker;

  constructor(schedule: Schedule, checker: Checker) {
    this.#schedule = schedule;
    this.#checker = checker;
  }

  /** One dispatch, as the asking side lives through it. */
  perform(from: Party, request: StepRequest, timeoutMs: number, signal?: AbortSignal): Promise<StepResult> {
    const schedule = this.#schedule;
    const step = `${request.runId}:${request.stepId}`;
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (then: () => void) => {
        if (settled) return;
        settled = true;
        limit.cancelled = true;
        signal?.removeEventListener('abort', stop);
        then();
      };
      const lose = (code: 'cancelled' | 'deadline_exceeded' | 'worker_lost') =>
        settle(() => {
          this.touched.add(step);
          reject(new AppError(code));
        });
      const stop = () => lose('cancelled');
      const limit = schedule.after(timeoutMs, from, () => lose('deadline_exceeded'));
      if (signal?.aborted) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      const worker = schedule.random.of(this.workers);
      if (worker.state === 'dead') {
        schedule.after(2, from, () => settle(() => reject(new AppError('no_responders'))));
        return;
      }
      let quietMs = 0;
      const look = () => {
        if (settled) return;
        quietMs = worker.state === 'running' ? 0 : quietMs + FRAME_MS;
        if (quietMs >= LOST_AFTER_MS) lose('worker_lost');
        else schedule.after(FRAME_MS, from, look);
      };
      schedule.after(FRAME_MS, from, look);
      const answer = (result: StepResult) => {
        if (result.status === 'in_doubt') this.touched.add(step);
        const lost = schedule.random.chance(this.replyLoss);
        if (lost) schedule.after(LOST_AFTER_MS, from, () => lose('worker_lost'));
        else schedule.after(schedule.random.int(1, 5), from, () => settle(() => resolve(result)));
      };
      schedule.after(schedule.random.int(1, 5), worker, () => this.#take(worker, request, answer));
    });
  }

  /** A worker was asked: it looks into the ledger first. */
  #take(worker: Party, request: StepRequest, answer: (result: StepResult) => void): void {
    const schedule = this.#schedule;
    const { idempotencyKey: key, call } = request;
    const known = this.ledgerIsAsked ? this.#ledger.get(key) : undefined;
    if (known?.result) return answer(known.result);
    if (known && known.holder.state === 'running') known.until = schedule.now + HOLD_MS;
    if (known && known.until > schedule.now) {
      schedule.after(LOOK_AGAIN_MS, worker, () => this.#take(worker, request, answer));
      return;
    }
    if (known && !honoursKeys(call?.tool)) {
      known.result = { status: 'in_doubt', code: 'tool_in_doubt', message: 'The worker was lost.' };
      return answer(known.result);
    }
    const entry: Entry = { holder: worker, until: schedule.now + HOLD_MS, result: null };
    this.#ledger.set(key, entry);
    const workMs = schedule.random.chance(0.05) ? schedule.random.int(3_000, 12_000) : schedule.random.int(2, 400);
    schedule.after(workMs, worker, () => {
      const failed = schedule.random.chance(0.1);
      if (!failed) this.#happen(request);
      entry.result ??= failed
        ? { status: 'failed', code: 'tool_failed', message: 'no' }
        : { status: 'succeeded', output: `did ${call?.tool}` };
      answer(entry.result);
    });
  }

  /** The part of the answers that get lost on their way. */
  replyLoss = 0;

  #happen({ runId, stepId, call }: StepRequest): void {
    const step = `${runId}:${stepId}`;
    const times = honoursKeys(call?.tool) ? 1 : (this.#effects.get(step) ?? 0) + 1;
    this.#effects.set(step, times);
    this.#schedule.note('effects', `${call?.tool} ${step} x${times}`);
    if (times > 1) this.#checker.fail('effects_twice', `${call?.tool} ${step}`);
  }
}

function honoursKeys(name: string | undefined): boolean {
  return TOOLS.find((known) => known.name === name)?.idempotency !== 'none';
}
