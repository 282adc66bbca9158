import { randomUUID } from 'node:crypto';
import { AppError, type StepResult } from '@switchyard/contracts';
import { backoffMs, type Logger, type Metrics, sleep } from '@switchyard/platform';
import type { Begun, Completion, EffectCall, EffectRequest, Effects } from '@switchyard/store';
import { digestOf, shownArguments } from './call-digest.ts';
import { effectInDoubt, type EffectIdentity, effectLate, effectSettled } from './effect-facts.ts';
import type { CallRequest } from './executor.ts';
import { failed, notBegun } from './outcome.ts';
import type { Teller } from './teller.ts';
import type { Tool } from './tool.ts';
import { WaitingRoom } from './waiting-room.ts';

/*
 * Performs a call that may change the world, under the ledger.
 *
 * L1 Intent and dispatch are committed before the tool runs, the outcome before the answer.
 * L2 Without the ledger nothing is performed: the caller hears `unavailable`, and nothing was done.
 * L3 Calls with the same key wait for the one that is under way and get its answer; a doubt is an answer, too.
 * L4 An outcome that cannot be written is tried for WRITE_LIMIT_MS, and its lease held meanwhile. Then its caller
 *    hears `worker_lost`, and the lease runs out: the ledger itself will say that it is in doubt.
 * L5 For a lease after the ledger did not answer nobody's call is taken over: its holder may have been cut off, too.
 * L6 An outcome that comes after the call was given up is recorded, and told.
 */

/** What a tool did: its answer, and where it was given up, what it ends with in the dark. */
export interface Performed {
  readonly result: StepResult;
  readonly late?: Promise<StepResult> | undefined;
}

export interface EffectDeskParts {
  readonly effects: Effects;
  readonly teller: Pick<Teller, 'tell'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** This process. */
  readonly instance: string;
  readonly leaseMs: number;
  /** L4 */
  readonly writeLimitMs?: number;
}

const WRITE_LIMIT_MS = 30_000;
/** A lost connection is made up for within this time; the orchestrator asks again anyhow. */
const BEGIN_LIMIT_MS = 1_000;
const PATIENT_PAUSE_MS = 250;

const NOT_PERFORMED = failed('unavailable', 'The ledger of effects does not answer at the moment; nothing was done.');
const CANCELLED = failed('cancelled', 'The call was cancelled.');
const CONFLICT = failed('conflict', 'This idempotency key belongs to another call: another tool, or other arguments.');

export class EffectDesk {
  readonly #running = new Map<string, EffectCall>();
  readonly #room: WaitingRoom;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #outcomes;
  #timer: NodeJS.Timeout | undefined;
  #renewing = false;
  #patientUntil = 0;
  #count = 0;

  constructor(private readonly parts: EffectDeskParts) {
    this.#room = new WaitingRoom((effectId) => this.#watched(() => parts.effects.isRunning(effectId)));
    const { metrics } = parts;
    this.#outcomes = metrics.counter('tool_effects_total', 'Effects by what came of asking for one', [
      'tool',
      'outcome',
    ]);
    metrics.gauge('tool_effects_running', 'Effects that this process performs', [], () => this.#running.size);
    metrics.gauge('tool_effects_awaited', 'Effects that duplicates wait for', [], () => this.#room.size);
  }

  start(): void {
    this.#timer = setInterval(() => void this.#renew(), Math.max(50, Math.floor(this.parts.leaseMs / 3))).unref();
  }

  /** Outcomes under way are written in the time that is left. */
  async stop(leftMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([Promise.allSettled(this.#pending), sleep(leftMs, limit.signal).catch(() => undefined)]);
    limit.abort();
    clearInterval(this.#timer);
  }

  /** L5 */
  mayTakeOver(): boolean {
    return performance.now() >= this.#patientUntil;
  }

  /** Throws AppError `worker_lost` (L4); else every end is an answer. */
  perform(tool: Tool, request: CallRequest, run: (key: string) => Promise<Performed>): Promise<StepResult> {
    return this.#tracked(this.#perform(tool, request, run));
  }

  async #perform(tool: Tool, request: CallRequest, run: (key: string) => Promise<Performed>): Promise<StepResult> {
    const asked = this.#requestOf(tool, request);
    for (let waited = false; ; waited = true) {
      const takeOver = this.mayTakeOver();
      const begun = await this.#persist(() => this.parts.effects.begin({ ...asked, waited, takeOver }), BEGIN_LIMIT_MS);
      if (!begun) return this.#told(tool, 'unavailable', NOT_PERFORMED); // L2
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
          break; // another has it: wait for that
        }
        case 'running':
          await this.#room.wait(begun.effectId, request.signal); // L3
          if (!takeOver) await sleep(PATIENT_PAUSE_MS, request.signal).catch(() => undefined);
          break;
      }
      if (request.signal.aborted) return this.#told(tool, 'cancelled', CANCELLED);
    }
  }

  /** The call is this process's to perform. Undefined where it was taken over on the way. */
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
    this.#running.set(holder, call);
    try {
      const dispatched = signal.aborted ? undefined : await this.#dispatch(call);
      if (dispatched === false) return undefined;
      if (dispatched === undefined || signal.aborted) {
        this.#running.delete(holder);
        void this.#tracked(this.#persist(() => this.parts.effects.withdraw(call)));
        return signal.aborted
          ? this.#told(tool, 'cancelled', CANCELLED)
          : this.#told(tool, 'unavailable', NOT_PERFORMED);
      }
      const { result, late } = await run(key);
      if (notBegun(result)) {
        this.#running.delete(holder);
        await this.#persist(() => this.parts.effects.withdraw(call), BEGIN_LIMIT_MS);
        return this.#told(tool, result.status, result);
      }
      const completion = await this.#persist(() => this.parts.effects.complete(call, result)); // L1
      if (late) void this.#tracked(this.#noteLate(tool, effect, call, late));
      if (!completion) {
        this.parts.log.error({ ...effect, status: result.status }, 'the outcome of an effect could not be recorded');
        this.#told(tool, 'unrecorded', result);
        throw new AppError('worker_lost', 'The outcome of the call could not be recorded.'); // L4
      }
      if (completion.kind === 'refused') {
        this.#tellLate(effect, result, completion);
        return undefined;
      }
      if (completion.kind === 'late') this.#tellLate(effect, result, completion);
      else if (result.status === 'in_doubt') this.#tellDoubt(effect, result);
      else if (begun.again)
        this.parts.teller.tell(
          effectSettled(effect, result.status, 'repeat', 'The call was repeated with the same key.'),
        );
      return this.#told(tool, result.status, result);
    } finally {
      this.#running.delete(holder);
      this.#room.call(call.effectId);
    }
  }

  /** True where the effect may happen now, undefined where that cannot be found out. */
  async #dispatch(call: EffectCall): Promise<boolean | undefined> {
    const { effects, leaseMs } = this.parts;
    for (;;) {
      const asked = performance.now();
      const dispatched = await this.#persist(() => effects.dispatch(call, leaseMs), leaseMs);
      // A process that stood still may have lost the row since.
      if (dispatched !== true || performance.now() - asked < leaseMs / 2) return dispatched;
    }
  }

  /** L6 */
  async #noteLate(tool: Tool, effect: EffectIdentity, call: EffectCall, late: Promise<StepResult>): Promise<void> {
    const result = await late;
    if (result.status === 'in_doubt') return;
    const completion = await this.#persist(() => this.parts.effects.complete(call, result));
    if (!completion) {
      this.parts.log.error({ ...effect, status: result.status }, 'a late outcome could not be recorded');
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
    // Who gives no key cannot repeat the call; it is in the ledger all the same.
    const key = idempotencyKey ?? `call:${effectId}`;
    const holder = `${this.parts.instance}:${(this.#count += 1)}`;
    return {
      effectId,
      tenantId,
      userId,
      idempotencyKey: key,
      runId,
      stepId,
      ...call,
      holder,
      leaseMs: this.parts.leaseMs,
    } satisfies Omit<EffectRequest, 'waited' | 'takeOver'>;
  }

  async #renew(): Promise<void> {
    if (this.#renewing || this.#running.size === 0) return;
    this.#renewing = true;
    try {
      await this.#watched(() => this.parts.effects.renew([...this.#running.values()], this.parts.leaseMs));
    } catch (error) {
      this.parts.log.warn({ err: error }, 'the leases of running effects were not renewed');
    } finally {
      this.#renewing = false;
    }
  }

  /** L5 */
  async #watched<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#patientUntil = performance.now() + this.parts.leaseMs;
      throw error;
    }
  }

  /** L4: asks again while the ledger is away. Undefined where the limit passed or it refuses for good. */
  async #persist<T>(
    write: () => Promise<T>,
    limitMs = this.parts.writeLimitMs ?? WRITE_LIMIT_MS,
  ): Promise<T | undefined> {
    const until = performance.now() + limitMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#watched(write);
      } catch (error) {
        const away = error instanceof AppError && error.code === 'unavailable';
        if (!away || performance.now() >= until) {
          this.parts.log.warn({ err: error, attempt }, 'the ledger of effects did not take a write');
          return undefined;
        }
      }
      await sleep(25 + backoffMs(attempt, { baseMs: 50, maxMs: 1_000 }));
    }
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
    if (result.status === 'in_doubt') this.parts.teller.tell(effectInDoubt(effect, result.message));
  }

  #tellLate(effect: EffectIdentity, { status }: StepResult, { kind, noted }: Completion): void {
    if (noted && status !== 'in_doubt') this.parts.teller.tell(effectLate(effect, status, kind === 'late'));
  }
}
