import type { Bus } from '@switchyard/bus';
import { BACKENDS, type Passing, PassingReader, REPLY_POINT } from '../stack/index.ts';
import type { PlannedFault } from './faults.ts';
import { note, type Stack } from '../stack/stack.ts';

/*
 * Carries out a plan of faults and writes down what it really did and when.
 *
 * - heal() leaves nothing broken: it continues every stopped process and joins every cut link again.
 * - A fault at a point counts from the moment it struck, not from when it was armed.
 */

/** A fault as it happened. `untilTs`: when its cause was gone; recovery begins there. */
export interface Struck {
  readonly ts: number;
  untilTs: number;
  readonly fault: string;
  readonly target: string;
  readonly point?: string;
}

const LOOK_EVERY_MS = 50;
/** A spoiled reply is noticed at the latest at the deadline of its step. */
const REPLY_LIMIT_MS = 10_000;

export interface NemesisParts {
  readonly stack: Stack;
  /** The nemesis has a connection of its own, which no faulty link carries. */
  readonly bus: Pick<Bus, 'wakeUp'>;
  /** Runs that are under way. */
  readonly openRuns: () => Promise<{ tenantId: string; runId: string }[]>;
}

export class Nemesis {
  readonly struck: Struck[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #pointStops = new Map<string, number>();
  #watch: NodeJS.Timeout | undefined;
  readonly #passings: PassingReader;

  readonly #parts: NemesisParts;

  constructor(parts: NemesisParts) {
    this.#parts = parts;
    this.#passings = new PassingReader(parts.stack.files.points);
  }

  /** Starts all faults; the time of the plan begins now. */
  begin(plan: readonly PlannedFault[]): void {
    for (const fault of plan) this.#later(fault.atMs, () => this.#strike(fault));
    this.#watch = setInterval(() => this.#lookAtPoints(), LOOK_EVERY_MS);
  }

  /** Ends all faults and plans no more of them. Resolves when every part is up. */
  async heal(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const { services, links, backends } = this.#parts.stack;
    for (const link of links.values()) link.heal();
    for (const service of services.values()) service.order({ do: 'disarm' });
    this.#lookAtPoints();
    clearInterval(this.#watch);
    for (const service of services.values()) service.signal('SIGCONT');
    const now = Date.now();
    for (const struck of this.struck) struck.untilTs = Math.min(struck.untilTs, now);
    await Promise.all(BACKENDS.map((name) => backends[name].settled));
    await Promise.all([...services.values()].map((service) => service.up));
  }

  /** All points that were passed so far. */
  passings(): readonly Passing[] {
    this.#passings.fresh();
    return this.#passings.all;
  }

  #strike(planned: PlannedFault): void {
    note(this.#parts.stack, planned);
    const { services, backends, links } = this.#parts.stack;
    switch (planned.fault) {
      case 'point': {
        const { service, point, nth, action, stopMs } = planned;
        this.#pointStops.set(`${service} ${point}`, stopMs);
        services.get(service)?.order({ do: 'arm', point, nth, action });
        return;
      }
      case 'kill':
      case 'drain':
        this.#record(planned.fault, planned.service, 0);
        return services.get(planned.service)?.signal(planned.fault === 'kill' ? 'SIGKILL' : 'SIGTERM');
      case 'pause': {
        const { service, ms } = planned;
        this.#record('pause', service, ms);
        services.get(service)?.signal('SIGSTOP');
        return this.#later(ms, () => services.get(service)?.signal('SIGCONT'));
      }
      case 'nats':
      case 'postgres':
      case 'redis':
      case 'wipe': {
        const { fault, how, downMs } = planned;
        const struck = this.#record(fault, fault === 'wipe' ? 'nats' : fault, 120_000);
        void backends[fault === 'wipe' ? 'nats' : fault]
          .restart(how, downMs, fault === 'wipe')
          .finally(() => (struck.untilTs = Math.min(struck.untilTs, Date.now())));
        return;
      }
      case 'replies': {
        const { service, how, count, ms } = planned;
        return services.get(service)?.order({ do: 'replies', how, count, ms });
      }
      case 'wake-ups':
        this.#record('wake-ups', 'orchestrator', 0);
        return void this.#wakeAll(planned.times);
      default: {
        const { link, toxic, ms, fault } = planned;
        this.#record(fault, link, fault === 'reset' ? 0 : ms);
        links.get(link)?.apply(toxic);
        return this.#later(ms, () => links.get(link)?.heal());
      }
    }
  }

  async #wakeAll(times: number): Promise<void> {
    const { bus, openRuns } = this.#parts;
    const runs = await openRuns().catch(() => []);
    for (let n = 0; n < times; n += 1) {
      await Promise.allSettled(runs.slice(0, 50).map(({ tenantId, runId }) => bus.wakeUp(tenantId, runId)));
    }
  }

  /** Records the faults that struck at points since the last look. Continues each stopped service when its time is up. */
  #lookAtPoints(): void {
    for (const { ts, service, point, action } of this.#passings.fresh()) {
      if (point.startsWith(REPLY_POINT))
        this.struck.push({ ts, untilTs: ts + REPLY_LIMIT_MS, fault: point.replace('.', ' '), target: service });
      if (action === null) continue;
      const running = this.#parts.stack.services.get(service);
      running?.fired(point);
      const ms = action === 'stop' ? (this.#pointStops.get(`${service} ${point}`) ?? 1_000) : 0;
      this.struck.push({ ts, untilTs: ts + ms, fault: `point ${action}`, target: service, point });
      if (action === 'stop') this.#later(ms, () => running?.signal('SIGCONT'));
    }
  }

  #record(fault: string, target: string, ms: number): Struck {
    const struck: Struck = { ts: Date.now(), untilTs: Date.now() + ms, fault, target };
    this.struck.push(struck);
    return struck;
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}
