import { AppError, listTools, type Principal, type ToolConstraints, type ToolInfo } from '@switchyard/contracts';
import { type Bus, offeredAgents } from '@switchyard/bus';
import { objectionToDelegation } from '@switchyard/run';
import { backoffMs, type Clock, type Logger, sleep } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { Toolbox } from '../planner/index.ts';
import { isAway } from './step-policy.ts';

const TTL_MS = 2_000;
const MAX_ENTRIES = 500;
const TRIES = 8;
/** No model is offered more tools than this. */
const MAX_TOOLS = 2_000;

interface ToolboxesParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a planning waits for the tools if no service answers; the same time that a step waits for its worker. */
  readonly workerAbsenceMs: number;
  /** Absent: the tool agent is never offered. */
  readonly toolAgent?: ToolAgentOffer;
}

/** When the tool agent is offered. `above`: with more tools than this it replaces them. */
interface ToolAgentOffer {
  readonly offer: 'never' | 'auto' | 'always';
  readonly above: number;
}

interface ListedTools {
  readonly tools: Toolbox['tools'];
  readonly etag: string | undefined;
}
type Listed = Toolbox & ListedTools;

/**
 * The tools and agents that a run may use, fetched from the services that own them and cached for two seconds. The
 * services check again on every call, so a stale list may show too much or too little but never grants anything.
 */
export class Toolboxes {
  readonly #kept = new Map<string, { until: number; toolbox: Promise<Listed> }>();

  readonly #parts: ToolboxesParts;

  constructor(parts: ToolboxesParts) {
    this.#parts = parts;
  }

  async get(principal: Principal, constraints: ToolConstraints, signal: AbortSignal): Promise<Toolbox> {
    const key = JSON.stringify([principal, constraints]);
    const kept = this.#kept.get(key);
    const now = this.#parts.clock.now();
    if (kept && kept.until > now) return unlessAborted(kept.toolbox, signal);
    // Many runs may wait for the same answer: one run's end must not abort it.
    const toolbox = this.#ask(principal, constraints, kept?.toolbox);
    if (this.#kept.size >= MAX_ENTRIES) this.#kept.clear();
    this.#kept.set(key, { until: now + TTL_MS, toolbox });
    toolbox.catch(() => this.#kept.delete(key));
    return unlessAborted(toolbox, signal);
  }

  /** Like `get`, but waits while the tool service is absent, as steps wait for their worker. */
  async awaited(principal: Principal, constraints: ToolConstraints, signal: AbortSignal): Promise<Toolbox> {
    const { clock, workerAbsenceMs } = this.#parts;
    const until = clock.now() + workerAbsenceMs;
    for (;;) {
      try {
        return await this.get(principal, constraints, signal);
      } catch (error) {
        const away = error instanceof AppError && isAway(error.code);
        if (signal.aborted || !away || clock.now() >= until) throw error;
      }
    }
  }

  async #ask(principal: Principal, constraints: ToolConstraints, earlier?: Promise<Listed>): Promise<Listed> {
    const before = await earlier?.catch(() => undefined);
    const [listed, agents] = await Promise.all([
      this.#tools(principal, constraints, before),
      this.#agents(principal, constraints),
    ]);
    return { ...listed, agents, toolAgent: this.#toolAgent(listed.tools.length) };
  }

  #toolAgent(tools: number): Toolbox['toolAgent'] {
    const { offer, above } = this.#parts.toolAgent ?? { offer: 'never', above: 0 };
    if (offer === 'never' || tools === 0) return undefined;
    if (tools > above) return 'instead';
    return offer === 'always' ? 'beside' : undefined;
  }

  /** Fetches the tools, with several tries and pauses, before it reports them absent. */
  async #tools(principal: Principal, constraints: ToolConstraints, before?: ListedTools): Promise<ListedTools> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#pages(principal, constraints, before);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (tries >= TRIES) throw new AppError('unavailable', 'The tools could not be listed.', { cause: error });
        await sleep(backoffMs(tries, { baseMs: 200, maxMs: 3_000 }));
      }
    }
  }

  /** The whole list, or the cached list if its version has not changed. */
  async #pages(principal: Principal, constraints: ToolConstraints, before?: ListedTools): Promise<ListedTools> {
    const first = await this.#parts.bus.request(listTools, { principal, constraints, etag: before?.etag });
    if (before && first.unchanged) return { tools: before.tools, etag: before.etag };
    const tools: ToolInfo[] = [...first.tools];
    for (let cursor = first.nextCursor; cursor !== undefined && tools.length < MAX_TOOLS;) {
      const page = await this.#parts.bus.request(listTools, { principal, constraints, cursor });
      tools.push(...page.tools);
      cursor = page.nextCursor;
    }
    return { tools, etag: first.etag };
  }

  /**
   * The agents to which the constraints let the run delegate. Agents are optional: without an answer the run goes on.
   */
  async #agents(principal: Principal, constraints: ToolConstraints): Promise<Toolbox['agents']> {
    const agents = await offeredAgents(this.#parts.bus, principal, (target, error) => {
      if (target === 'a2a' || !(error instanceof AppError && error.code === 'no_responders'))
        logEvent(this.#parts.log, 'agents_unavailable', { err: error, target });
    });
    return agents.filter(({ id, reachable }) => reachable && !objectionToDelegation(id, principal, constraints));
  }
}

/** Waits for a promise that others await, too: an abort ends the wait, not the work. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(new AppError('cancelled', undefined, { cause: signal.reason }));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
