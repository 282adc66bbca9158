import { AppError, type StepRequest, type StepResult, type ToolInfo } from '@switchyard/contracts';
import type { Checker } from './checker.ts';
import { type Party, party, type Schedule } from './schedule.ts';

/*
 * Workers that do steps, and the world that their effects happen to. A keyed tool's effect happens once per key,
 * whoever asks; that of a tool without a key happens with every call: nothing but the orchestrator keeps it from
 * happening twice.
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

export class ToolService {
  workers: Party[] = [party('tools-1'), party('tools-2')];
  /** How often the effect of each key happened. */
  readonly effects = new Map<string, number>();
  /** Keys whose fate a fault made uncertain. */
  readonly touched = new Set<string>();

  constructor(
    private readonly schedule: Schedule,
    private readonly checker: Checker,
  ) {}

  /** One dispatch, as the asking side lives through it. */
  perform(from: Party, request: StepRequest, timeoutMs: number, signal?: AbortSignal): Promise<StepResult> {
    const { schedule } = this;
    const key = request.idempotencyKey;
    const name = request.call?.tool ?? '';
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
          this.touched.add(key);
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
      const workMs = schedule.random.chance(0.05) ? schedule.random.int(3_000, 12_000) : schedule.random.int(2, 400);
      schedule.after(workMs, worker, () => {
        const failed = schedule.random.chance(0.1);
        if (!failed) this.#happen(key, name);
        const result: StepResult = failed
          ? { status: 'failed', code: 'tool_failed', message: 'no' }
          : { status: 'succeeded', output: `did ${name}` };
        const lost = schedule.random.chance(this.replyLoss);
        if (lost) schedule.after(LOST_AFTER_MS, from, () => lose('worker_lost'));
        else schedule.after(schedule.random.int(1, 5), from, () => settle(() => resolve(result)));
      });
    });
  }

  /** The part of the answers that get lost on their way. */
  replyLoss = 0;

  #happen(key: string, name: string): void {
    const times = name === 'keyed_it' || name === 'read_it' ? 1 : (this.effects.get(key) ?? 0) + 1;
    this.effects.set(key, times);
    this.schedule.note('effects', `${name} ${key} x${times}`);
    if (times > 1) this.checker.fail('effects_twice', `${name} ${key}`);
  }
}
