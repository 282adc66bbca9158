import { ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import type { Client } from '@a2a-js/sdk/client';
import type { RunFactDraft, StepRequest, StepResult } from '@switchyard/contracts';
import { BoundedMap, linkAbort } from '@switchyard/platform';
import { objectionToDelegation } from '@switchyard/run';
import { inAgentSpan } from './agent-span.ts';
import type { Directory, KnownAgent, VettedCard } from '../agents/index.ts';
import { AgentBreakers } from './breakers.ts';
import { delegate } from './delegation.ts';
import type { DelegationOutcome } from './delegation.ts';
import { Deliveries } from './deliveries.ts';
import { failed } from './remote-task.ts';

/** The parts of a bus call that a delegation needs. */
export interface StepContext {
  /** Aborted if the caller cancels or leaves. */
  signal: AbortSignal;
  /** Epoch ms by which the caller wants the answer. */
  deadline?: number | undefined;
  progress(frame: unknown): void;
}

export interface DelegatorParts {
  directory: Directory;
  /** Guarded fetch: the only way out. */
  fetch: typeof fetch;
  timeoutMs: number;
  retries: number;
  clock: { now(): number };
  backoffMs(attempt: number): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** An agent is left alone after failures in a row, or was reached again. */
  onBreaker?(agent: string, state: 'open' | 'closed'): void;
  onOutcome(agent: string, result: StepResult, sends: number, durationMs: number): void;
}

const MAX_CLIENTS = 100;
/** Delegations in a row that did not reach an agent before it is left alone, and for how long. */
const BREAKER = { failures: 5, pauseMs: 30_000 };
/** The part of the deadline that is reserved to cancel the remote task and answer. */
const ANSWER_MARGIN_MS = 750;

/**
 * Performs the delegated steps of all runs.
 * - A result is always a value; the delegator never throws for what an agent does.
 * - A step that comes again to this process follows the task that it started (`Deliveries`) and is not sent again. When
 *   it comes to another process and may have been sent, that process asks the agent for its task; it sends the message,
 *   with the same id, only to an agent that recognises a repetition.
 * - An agent that is not reached again and again is left alone for a while (`AgentBreakers`).
 * - The number of clients is bounded; the delegator forgets the oldest first.
 * - The delegator sends nothing to an agent that the tool constraints of the step, or the limits of its caller, do not
 *   name.
 */
export class Delegator {
  readonly #clients = new BoundedMap<string, { card: VettedCard; client: Promise<Client> }>(MAX_CLIENTS);
  readonly #deliveries = new Deliveries();

  readonly #breakers: AgentBreakers;

  readonly #parts: DelegatorParts;

  constructor(parts: DelegatorParts) {
    this.#parts = parts;
    this.#breakers = new AgentBreakers({ ...BREAKER, onChange: (agent, state) => parts.onBreaker?.(agent, state) });
  }

  async perform(step: StepRequest, context: StepContext): Promise<StepResult> {
    const wanted = step.agent;
    const agent = await this.#parts.directory.find(wanted);
    const objection = objectionToDelegation(agent?.id ?? wanted ?? '', step.principal, step.toolConstraints);
    if (objection !== null) return failed('forbidden', objection); // 4
    const started = (name: string): void =>
      report(context, { type: 'a2a.delegation.started', data: { step_id: step.stepId, agent: name, task: step.task } });
    if (!agent) {
      started(wanted ?? '(none named)');
      const result = this.#unknownAgent(wanted);
      this.#reportEnd(context, step, wanted ?? '(none named)', { result, remoteTaskId: undefined, sends: 0 });
      return result;
    }
    started(agent.id);
    const startedAt = this.#parts.clock.now();
    const outcome = await this.#breakers.guard(agent.id, () =>
      inAgentSpan(agent, () => this.#delegateTo(agent, step, context)),
    );
    this.#parts.onOutcome(agent.id, outcome.result, outcome.sends, this.#parts.clock.now() - startedAt);
    this.#reportEnd(context, step, agent.id, outcome);
    return outcome.result;
  }

  async #delegateTo(agent: KnownAgent, step: StepRequest, context: StepContext): Promise<DelegationOutcome> {
    const left =
      context.deadline === undefined ? Infinity : context.deadline - this.#parts.clock.now() - ANSWER_MARGIN_MS;
    const timeoutMs = Math.max(Math.min(this.#parts.timeoutMs, left), 0);
    const limited = linkAbort([context.signal], Math.ceil(timeoutMs));
    try {
      return await this.#delegateWithin(limited.signal, agent, step);
    } finally {
      limited.release();
    }
  }

  async #delegateWithin(signal: AbortSignal, agent: KnownAgent, step: StepRequest): Promise<DelegationOutcome> {
    const client = await this.#clientOf(agent);
    return this.#deliveries.once(`${agent.id} ${step.idempotencyKey}`, signal, (knownTaskId, onAccepted) =>
      delegate({
        client,
        streaming: agent.card.streaming,
        task: step.task,
        messageId: step.idempotencyKey,
        mayHaveBeenSent: step.mayHaveWorked,
        knownTaskId,
        retries: this.#parts.retries,
        deduplicates: agent.deduplicates,
        signal,
        onAccepted,
        backoffMs: this.#parts.backoffMs,
        sleep: this.#parts.sleep,
      }),
    );
  }

  #unknownAgent(wanted: string | undefined): StepResult {
    const { directory } = this.#parts;
    const refusal = wanted === undefined ? undefined : directory.refusalOf(wanted);
    if (refusal !== undefined)
      return failed('agent_not_trusted', `The card of agent "${wanted}" is not trusted: ${refusal}`);
    if (wanted !== undefined && directory.isConfigured(wanted)) {
      return failed('agent_unreachable', `The agent "${wanted}" cannot be reached; its card has never been read.`);
    }
    const known = directory.ids().join(', ') || 'none';
    return wanted === undefined
      ? failed('agent_not_found', `The step names no agent. Known: ${known}.`)
      : failed('agent_not_found', `There is no agent "${wanted.slice(0, 100)}". Known: ${known}.`);
  }

  #reportEnd(context: StepContext, step: StepRequest, agent: string, outcome: DelegationOutcome): void {
    const { result } = outcome;
    const place = { step_id: step.stepId, agent };
    report(
      context,
      result.status === 'succeeded'
        ? {
            type: 'a2a.delegation.completed',
            data: { ...place, result: result.output, remote_task_id: outcome.remoteTaskId ?? null },
          }
        : { type: 'a2a.delegation.failed', data: { ...place, error: result.message, error_code: result.code } },
    );
  }

  /** One client per agent and card; a changed card gets a new one. */
  #clientOf(agent: KnownAgent): Promise<Client> {
    const known = this.#clients.get(agent.id);
    if (known?.card === agent.card) return known.client;
    const transport = { fetchImpl: this.#parts.fetch };
    const factory = new ClientFactory({
      transports: [new JsonRpcTransportFactory(transport), new RestTransportFactory(transport)],
    });
    const client = factory.createFromAgentCard(agent.card.card);
    this.#clients.set(agent.id, { card: agent.card, client });
    return client;
  }
}

function report(context: StepContext, fact: RunFactDraft): void {
  context.progress(fact);
}
