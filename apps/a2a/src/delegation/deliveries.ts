import { BoundedMap } from '@switchyard/platform';
import { endOf, unlessAborted } from './abort.ts';
import type { DelegationOutcome } from './delegation.ts';

const MAX_TASKS = 2_000;

/** Sends the message of a step, or follows its known task. */
type Deliver = (knownTaskId: string | undefined, onAccepted: (taskId: string) => void) => Promise<DelegationOutcome>;

/**
 * The messages that this process sent and their outcomes, by step.
 *
 * - One message of a step is sent at a time. A later dispatch of the step waits until the agent has accepted the task,
 *   and follows that task. If the agent answers without a task, the later dispatch gets the same answer.
 * - A later dispatch of a step does not find a task that this process cancelled.
 * - At most `MAX_TASKS` tasks are remembered; the oldest is forgotten first.
 */
export class Deliveries {
  readonly #tasks = new BoundedMap<string, string>(MAX_TASKS);
  readonly #onTheWay = new Map<string, Promise<DelegationOutcome | undefined>>();

  /** `signal` ends the work, and so the wait. */
  async once(step: string, signal: AbortSignal, deliver: Deliver): Promise<DelegationOutcome> {
    for (let earlier; !signal.aborted && (earlier = this.#onTheWay.get(step));) {
      const outcome = await unlessAborted(earlier, signal);
      if (outcome) return { ...outcome, sends: 0 };
    }
    const known = this.#tasks.get(step);
    // Who was ended while it waited has nothing on its way, and does not stand in the place of what is.
    const settle = known === undefined && !this.#onTheWay.has(step) ? this.#leave(step) : () => undefined;
    try {
      const outcome = await deliver(known, (taskId) => {
        this.#remember(step, taskId);
        settle();
      });
      if (!signal.aborted) settle(outcome);
      else if (endOf(signal) !== 'gone') this.#tasks.delete(step);
      return outcome;
    } finally {
      settle();
    }
  }

  /** Marks a message of the step as being sent until the returned function is called. */
  #leave(step: string): (outcome?: DelegationOutcome) => void {
    let tell!: (outcome: DelegationOutcome | undefined) => void;
    const arrived = new Promise<DelegationOutcome | undefined>((resolve) => (tell = resolve));
    this.#onTheWay.set(step, arrived);
    return (outcome) => {
      if (this.#onTheWay.get(step) === arrived) this.#onTheWay.delete(step);
      tell(outcome);
    };
  }

  #remember(step: string, taskId: string): void {
    this.#tasks.set(step, taskId);
  }
}
