import { createHash } from 'node:crypto';
import { AppError } from '@switchyard/contracts';
import { Random } from './random.ts';

/*
 * Time, chance and the order of everything, decided by one seed.
 *
 * - Whatever happens is a task with a time. Of the tasks due at the same time, chance picks. A task runs until it has
 *   nothing left to do, then the next one is taken: so a seed gives the same history each time.
 * - A task belongs to a party. The tasks of a dead party never run, so its promises never go on. The tasks of a paused
 *   party run when it goes on, late, as after SIGSTOP.
 * - Timers, clocks and chance of the code under test come from here while `play` lasts. That code does not know it.
 */

/** Something that runs by itself: a process, a server, a client. */
export interface Party {
  readonly name: string;
  state: 'running' | 'paused' | 'dead';
  /** What came while it stood still. */
  held: Task[];
  /** How wrong its clock goes. */
  skewMs: number;
}

export const party = (name: string, skewMs = 0): Party => ({ name, state: 'running', held: [], skewMs });

interface Task {
  at: number;
  readonly tie: number;
  readonly owner: Party;
  readonly run: () => void;
  cancelled: boolean;
}

const START = Date.UTC(2030, 0, 1);
const realImmediate = setImmediate;

export class Schedule {
  now = START;
  readonly random: Random;
  readonly trace: string[] = [];
  #tasks: Task[] = [];
  #current: Party = party('world');

  constructor(readonly seed: number) {
    this.random = new Random(seed);
  }

  get elapsedMs(): number {
    return this.now - START;
  }

  note(who: string, what: string): void {
    this.trace.push(`${String(this.elapsedMs).padStart(6)} ${who.padEnd(10)} ${what}`);
  }

  /** Two histories are the same where this is. */
  get hash(): string {
    return createHash('sha256').update(this.trace.join('\n')).digest('hex');
  }

  after(ms: number, owner: Party, run: () => void): Task {
    const task = { at: this.now + Math.max(0, Math.round(ms)), tie: this.random.next(), owner, run, cancelled: false };
    this.#tasks.push(task);
    return task;
  }

  /** Sends `work` over to another party and its outcome back; each way takes `latency`. */
  ask<T>(from: Party, to: Party, work: () => Promise<T>, latency = () => this.random.int(0, 4)): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(latency(), to, () => {
        const back = (settle: () => void) => void this.after(latency(), from, settle);
        work().then(
          (value) => back(() => resolve(value)),
          (error: unknown) => back(() => reject(error as Error)),
        );
      });
    });
  }

  wait(ms: number, owner: Party): Promise<void> {
    return new Promise((resolve) => void this.after(ms, owner, resolve));
  }

  resume(owner: Party): void {
    owner.state = 'running';
    for (const task of owner.held.splice(0)) {
      task.at = this.now + this.random.int(0, 3);
      this.#tasks.push(task);
    }
  }

  /** Runs task after task until `done`; throws where it is not so after `limitMs` or too many tasks. */
  async play(done: () => boolean, limitMs: number, maxTasks = 60_000): Promise<void> {
    const restore = this.#install();
    try {
      for (let tasks = 0; !done(); tasks += 1) {
        const task = this.#take();
        if (!task || task.at - START > limitMs || tasks > maxTasks) throw new AppError('deadline_exceeded');
        if (task.cancelled || task.owner.state === 'dead') continue;
        this.now = Math.max(this.now, task.at);
        if (task.owner.state === 'paused') {
          task.owner.held.push(task);
          continue;
        }
        this.#current = task.owner;
        task.run();
        await new Promise((resolve) => realImmediate(resolve)); // every promise that can go on does
      }
    } finally {
      restore();
    }
  }

  #take(): Task | undefined {
    let first = 0;
    for (let i = 1; i < this.#tasks.length; i += 1) {
      const [a, b] = [this.#tasks[i]!, this.#tasks[first]!];
      if (a.at < b.at || (a.at === b.at && a.tie < b.tie)) first = i;
    }
    const task = this.#tasks[first];
    const last = this.#tasks.pop();
    if (last && last !== task) this.#tasks[first] = last;
    return task;
  }

  #install(): () => void {
    const real = { setTimeout, clearTimeout, setInterval, clearInterval };
    const [realNow, realRandom, realSteady] = [Date.now, Math.random, performance.now];
    const timer = (run: () => void, ms = 0, every = false) => {
      const owner = this.#current;
      const handle = { task: this.after(ms, owner, fire), unref: () => handle, ref: () => handle };
      const again = () => (handle.task = this.after(ms, owner, fire));
      function fire(): void {
        if (every) again();
        run();
      }
      return handle;
    };
    const clear = (handle?: { task?: Task }) => {
      if (handle?.task) handle.task.cancelled = true;
    };
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms?: number) => timer(run, ms),
      setInterval: (run: () => void, ms?: number) => timer(run, ms, true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    Date.now = () => this.now + this.#current.skewMs;
    Math.random = () => this.random.next();
    performance.now = () => this.elapsedMs;
    return () => {
      Object.assign(globalThis, real);
      Date.now = realNow;
      Math.random = realRandom;
      performance.now = realSteady;
    };
  }
}
