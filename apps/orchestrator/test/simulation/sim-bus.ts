import type { Bus, WakeUp } from '@switchyard/bus';
import { AppError, listAgents, listTools, type RunEvent, type StepRequest } from '@switchyard/contracts';
import type { Checker } from './checker.ts';
import type { Faults } from './faults.ts';
import type { Reader } from './reader.ts';
import { type Party, party, type Schedule } from './schedule.ts';
import { TOOLS, type ToolService } from './tool-service.ts';

/** Puts wake-ups that found everybody busy back after this time. */
const AGAIN_MS = 100;

interface Ear {
  readonly owner: Party;
  readonly hear?: (wakeUp: WakeUp) => void;
  readonly take?: (wakeUp: WakeUp) => Promise<'done' | 'busy'>;
}

/** The bus of all parties: loses, doubles, delays and reorders; what it acknowledged it has, until it is wiped. */
export class SimBus {
  readonly #server = party('bus');
  #ears: Ear[] = [];
  readonly readers: Reader[] = [];
  /** What the stream holds. */
  readonly stored = new Map<string, RunEvent>();

  readonly #schedule: Schedule;
  readonly #faults: Faults;
  readonly #checker: Checker;
  readonly #service: ToolService;

  constructor(schedule: Schedule, faults: Faults, checker: Checker, service: ToolService) {
    this.#schedule = schedule;
    this.#faults = faults;
    this.#checker = checker;
    this.#service = service;
  }

  /** The connection of one replica. */
  connect(owner: Party): Bus {
    const nowhere = () => Promise.reject(new AppError('no_responders'));
    const connection: Partial<Bus> = {
      request: ((contract: { subject: string }, input: unknown, options: Parameters<Bus['request']>[2] = {}) => {
        if (contract.subject === listTools.subject)
          return this.#faults.ask(owner, this.#server, async () => ({ tools: TOOLS }));
        if (contract.subject === listAgents.subject)
          return this.#schedule.ask(owner, this.#server, async () => ({ agents: [] }));
        if (contract.subject === 'rpc.step.mcp') {
          const { timeoutMs = 30_000, signal } = options;
          return this.#service.perform(owner, input as StepRequest, timeoutMs, signal);
        }
        return nowhere();
      }) as Bus['request'],
      publishEvents: (events) => this.#faults.ask(owner, this.#server, async () => this.#publish(events)),
      publishLive: () => undefined,
      wakeUp: (tenantId, runId) => this.#faults.ask(owner, this.#server, async () => this.#wake({ tenantId, runId })),
      subscribeWakeUps: async (hear) => this.#listen({ owner, hear }),
      onWakeUp: (take) => this.#listen({ owner, take }),
    };
    return connection as Bus;
  }

  #listen(ear: Ear): { stop(): Promise<void> } {
    this.#ears.push(ear);
    return { stop: async () => void (this.#ears = this.#ears.filter((other) => other !== ear)) };
  }

  #publish(events: readonly RunEvent[]): void {
    for (const event of events) {
      this.#checker.published(event);
      this.stored.set(`${event.runId}:${event.seq}`, event);
      for (const reader of this.readers) this.#deliver(reader, event);
    }
  }

  #deliver(reader: Reader, event: RunEvent): void {
    const { random } = this.#schedule;
    const copies = this.#faults.strikes(0.1) ? 0 : this.#faults.strikes(0.1) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.#schedule.after(random.int(1, this.#faults.strikes(0.2) ? 2_000 : 10), reader.owner, () =>
        reader.take(event),
      );
    }
  }

  #wake(wakeUp: WakeUp): void {
    const { random } = this.#schedule;
    for (const { owner, hear } of this.#ears)
      if (hear) this.#schedule.after(random.int(1, 5), owner, () => hear(wakeUp));
    if (!this.#faults.strikes(0.2)) this.#queue(wakeUp);
  }

  #queue(wakeUp: WakeUp): void {
    const { random } = this.#schedule;
    const takers = this.#ears.filter(({ owner, take }) => take && owner.state === 'running');
    if (takers.length === 0) return;
    const { owner, take } = random.of(takers);
    this.#schedule.after(random.int(1, 5), owner, () => {
      const again = () => void this.#schedule.after(AGAIN_MS, this.#server, () => this.#queue(wakeUp));
      take!(wakeUp).then((verdict) => (verdict === 'busy' ? again() : undefined), again);
    });
  }
}
