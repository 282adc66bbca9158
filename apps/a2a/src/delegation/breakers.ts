import { type CircuitBreakerPolicy, circuitBreaker, ConsecutiveBreaker, handleType } from 'cockatiel';
import { BoundedMap } from '@switchyard/platform';
import type { DelegationOutcome } from './delegation.ts';
import { failed } from './remote-task.ts';

/** An agent that was not reached; a task that it failed is no fault of the way to it. */
class Unreached extends Error {
  readonly outcome: DelegationOutcome;

  constructor(outcome: DelegationOutcome) {
    super('the agent was not reached');
    this.outcome = outcome;
  }
}

export interface BreakerOptions {
  /** Delegations in a row that did not reach the agent before it is left alone. */
  readonly failures: number;
  /** How long it is left alone; then one delegation tries. */
  readonly pauseMs: number;
  onChange(agent: string, state: 'open' | 'closed'): void;
}

const MAX_BREAKERS = 100;

/** A circuit breaker for each agent: one that is not reached again and again is left alone for a while. */
export class AgentBreakers {
  readonly #breakers = new BoundedMap<string, CircuitBreakerPolicy>(MAX_BREAKERS);
  readonly #options: BreakerOptions;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  async guard(agent: string, delegate: () => Promise<DelegationOutcome>): Promise<DelegationOutcome> {
    try {
      return await this.#breakerOf(agent).execute(async () => {
        const outcome = await delegate();
        const { result } = outcome;
        if (result.status !== 'succeeded' && result.code === 'agent_unreachable') throw new Unreached(outcome);
        return outcome;
      });
    } catch (error) {
      if (error instanceof Unreached) return error.outcome;
      if ((error as { isBrokenCircuitError?: unknown }).isBrokenCircuitError === true) return this.#leftAlone();
      throw error;
    }
  }

  #breakerOf(agent: string): CircuitBreakerPolicy {
    const known = this.#breakers.get(agent);
    if (known) return known;
    const { failures, pauseMs, onChange } = this.#options;
    const made = circuitBreaker(handleType(Unreached), {
      halfOpenAfter: pauseMs,
      breaker: new ConsecutiveBreaker(failures),
    });
    made.onBreak(() => onChange(agent, 'open'));
    made.onReset(() => onChange(agent, 'closed'));
    this.#breakers.set(agent, made);
    return made;
  }

  #leftAlone(): DelegationOutcome {
    const { failures, pauseMs } = this.#options;
    const result = failed(
      'agent_unreachable',
      `The agent was not reached ${failures} times in a row; it is tried again within ${Math.ceil(pauseMs / 1_000)} s.`,
    );
    return { result, remoteTaskId: undefined, sends: 0 };
  }
}
