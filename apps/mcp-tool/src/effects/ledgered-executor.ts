import { randomUUID } from 'node:crypto';
import type { SystemEventPublisher } from '@switchyard/bus';
import { AppError, type StepResult } from '@switchyard/contracts';
import { type Metrics, sleep } from '@switchyard/platform';
import type { Begun, Completion, EffectCall, EffectRequest } from '@switchyard/store';
import { digestOf, shownArguments } from '../common/index.ts';
import { logEvent } from '../log-events.ts';
import { type CallRequest, failed, notBegun, type Performed, type Tool } from '../tool/index.ts';
import { effectInDoubt, type EffectIdentity, effectLate, effectSettled } from './facts.ts';
import { EffectLedger, type EffectLedgerParts, SOON_MS } from './ledger.ts';
import { DuplicateWaiter } from './duplicate-waiter.ts';

/*
 * Performs a call that may change the world, under the ledger (ledger.ts): at most once per idempotency key.
 *
 * - The executor commits intent and dispatch before the tool runs, and the outcome before it answers the caller.
 * - Without the ledger the executor performs nothing: the caller gets `unavailable`, which means that nothing was done.
 * - A call with the key of a call that is under way waits for that call and gets its answer. A doubt is an answer, too.
 * - The executor retries the write of an outcome for a while, and holds the lease meanwhile. If the write fails for
 *   good, the caller gets `worker_lost` and the lease expires: the ledger then reports the call as in doubt.
 * - The executor records and publishes an outcome that arrives after the call was given up.
 */

export interface LedgeredExecutorParts extends EffectLedgerParts {
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly metrics: Metrics;
  /** The id of this process. */
  readonly instance: string;
}

const PATIENT_PAUSE_MS = 250;

const NOT_PERFORMED = failed('unavailable', 'The ledger of effects does not answer at the moment; nothing was done.');
const CANCELLED = failed('cancelled', 'The call was cancelled.');
const CONFLICT = failed('conflict', 'This idempotency key belongs to another call: another tool, or other arguments.');

export class LedgeredExecutor {
  readonly #ledger: EffectLedger;
  readonly #room: DuplicateWaiter;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #outcomes;
  #count = 0;

  readonly #parts: LedgeredExecutorParts;

  constructor(parts: LedgeredExecutorParts) {
    this.#parts = parts;
    this.#ledger = new EffectLedger(parts);
    this.#room = new DuplicateWaiter((effectId) => this.#ledger.isRunning(effectId));
    const { metrics } = parts;
    this.#outcomes = metrics.counter('tool_effects_total', 'Effects by what came of asking for one', [
      'tool',
      'outcome',
    ]);
    metrics.gauge('tool_effects_running', 'Effects that this process performs', [], () => this.#ledger.size);
    metrics.gauge('tool_effects_awaited', 'Effects that duplicates wait for', [], () => this.#room.size);
  }

  start(): void {
    this.#ledger.start();
  }

  /** Writes the outcomes under way within the remaining time. */
  async stop(leftMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([Promise.allSettled(this.#pending), sleep(leftMs, limit.signal).catch(() => undefined)]);
    limit.abort();
    this.#ledger.stop();
  }

  /** False right after an outage of the ledger. */
  mayTakeOver(): boolean {
    return this.#ledger.mayTakeOver();
  }

  /** Throws AppError `worker_lost` if the outcome could not be recorded; every other end is an answer. */
  perform(tool: Tool, request: CallRequest, run: (key: string) => Promise<Performed>): Promise<StepResult> {
    return this.#tracked(this.#perform(tool, request, run));
  }

  async #perform(tool: Tool, request: CallRequest, run: (key: string) => Promise<Performed>): Promise<StepResult> {
    const asked = this.#requestOf(tool, request);
    for (let waited = false; ; waited = true) {
      const takeOver = this.mayTakeOver();
      const begun = await this.#ledger.begin({ ...asked, waited, takeOver });
      if (!begun) return this.#told(tool, 'unavailable', NOT_PERFORMED);
      const effect: EffectIdentity = { ...asked, effectId: begun.effectId };
      switch (begun.kind) {
        case 'conflict':
          return this.#told(tool, 'conflict', CONFLICT);
        case 'known':
          if (begun.doubted) this.#tellDoubt(effect, begun.result);
          return this.#told(tool, 'known', begun.result);
        case 'mine': {
          const result = await this.#own(tool, request, {
            begun,
            effect,
            key: asked.idempotencyKey,
            holder: asked.holder,
            run,
          });
          if (result) return result;
          break; // another worker has it: wait for its outcome
        }
        case 'running':
          await this.#room.wait(begun.effectId, request.signal); // its answer is the answer of this call
          if (!takeOver) await sleep(PATIENT_PAUSE_MS, request.signal).catch(() => undefined);
          break;
      }
      if (request.signal.aborted) return this.#told(tool, 'cancelled', CANCELLED);
    }
  }

  /** Performs a call that this process holds. Undefined if another process took it over. */
  async #own(
    tool: Tool,
    { signal }: CallRequest,
    mine: {
      readonly begun: Extract<Begun, { kind: 'mine' }>;
      readonly effect: EffectIdentity;
      readonly key: string;
      readonly holder: string;
      readonly run: (key: string) => Promise<Performed>;
    },
  ): Promise<StepResult | undefined> {
    const { begun, effect, key, holder, run } = mine;
    const call: EffectCall = { effectId: begun.effectId, attempt: begun.attempt };
    this.#ledger.hold(holder, call);
    try {
      const dispatched = signal.aborted ? undefined : await this.#ledger.dispatch(call);
      if (dispatched === false) return undefined;
      if (dispatched === undefined || signal.aborted) {
        this.#ledger.release(holder);
        void this.#tracked(this.#ledger.withdraw(call));
        return signal.aborted
          ? this.#told(tool, 'cancelled', CANCELLED)
          : this.#told(tool, 'unavailable', NOT_PERFORMED);
      }
      const { result, late } = await run(key);
      if (notBegun(result)) {
        this.#ledger.release(holder);
        await this.#ledger.withdraw(call, SOON_MS);
        return this.#told(tool, result.status, result);
      }
      const completion = await this.#ledger.complete(call, result); // before the caller is answered
      if (late) void this.#tracked(this.#noteLate(tool, effect, call, late));
      if (!completion) {
        logEvent(this.#parts.log, 'effect_outcome_not_recorded', { ...effect, status: result.status });
        this.#told(tool, 'unrecorded', result);
        throw new AppError('worker_lost', 'The outcome of the call could not be recorded.');
      }
      if (completion.kind === 'refused') {
        this.#tellLate(effect, result, completion);
        return undefined;
      }
      if (completion.kind === 'late') this.#tellLate(effect, result, completion);
      else if (result.status === 'in_doubt') this.#tellDoubt(effect, result);
      else if (begun.again)
        this.#parts.systemEvents.publish(
          effectSettled(effect, result.status, 'repeat', 'The call was repeated with the same key.'),
        );
      return this.#told(tool, result.status, result);
    } finally {
      this.#ledger.release(holder);
      this.#room.call(call.effectId);
    }
  }

  /** Records and publishes an outcome that arrives after the call was given up. */
  async #noteLate(tool: Tool, effect: EffectIdentity, call: EffectCall, late: Promise<StepResult>): Promise<void> {
    const result = await late;
    if (result.status === 'in_doubt') return;
    const completion = await this.#ledger.complete(call, result);
    if (!completion) {
      logEvent(this.#parts.log, 'effect_late_outcome_not_recorded', { ...effect, status: result.status });
      return;
    }
    this.#told(tool, 'late', result);
    this.#tellLate(effect, result, completion);
  }

  #requestOf(tool: Tool, { principal, idempotencyKey, runId, stepId, arguments: given }: CallRequest) {
    const effectId = randomUUID();
    const { tenantId, userId } = principal;
    const { name, kind, idempotency } = tool;
    const call = { tool: name, kind, idempotency, argsHash: digestOf(given), args: shownArguments(given) };
    // A caller without a key cannot repeat the call; the ledger has it all the same.
    const key = idempotencyKey ?? `call:${effectId}`;
    const holder = `${this.#parts.instance}:${(this.#count += 1)}`;
    return {
      effectId,
      tenantId,
      userId,
      idempotencyKey: key,
      runId,
      stepId,
      ...call,
      holder,
      leaseMs: this.#parts.leaseMs,
    } satisfies Omit<EffectRequest, 'waited' | 'takeOver'>;
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    const done = () => this.#pending.delete(work);
    work.then(done, done);
    return work;
  }

  #told(tool: Tool, outcome: string, result: StepResult): StepResult {
    this.#outcomes.inc({ tool: tool.name, outcome });
    return result;
  }

  #tellDoubt(effect: EffectIdentity, result: StepResult): void {
    if (result.status === 'in_doubt') this.#parts.systemEvents.publish(effectInDoubt(effect, result.message));
  }

  #tellLate(effect: EffectIdentity, { status }: StepResult, { kind, noted }: Completion): void {
    if (noted && status !== 'in_doubt') this.#parts.systemEvents.publish(effectLate(effect, status, kind === 'late'));
  }
}
