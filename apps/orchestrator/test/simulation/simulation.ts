import { type Principal, AppError, type RunSpec } from '@switchyard/contracts';
import type { Journal } from '@switchyard/store';
import { MemoryJournal, MemoryRetention, MemoryTables } from '@switchyard/store/memory';
import { RUN } from '../../src/orchestrator.fixture.ts';
import { Checker } from './checker.ts';
import { Faults } from './faults.ts';
import { chancePlanner } from './model.ts';
import type { Mutant } from './mutants.ts';
import { Reader } from './reader.ts';
import { LEASE_MS, SimReplica } from './replica.ts';
import { type Party, party, Schedule } from './schedule.ts';
import { SimBus } from './sim-bus.ts';
import { ToolService } from './tool-service.ts';

/*
 * One history: some replicas, workers, clients and readers, and what goes wrong between them; decided by a seed.
 */

const FAULTS_UNTIL_MS = 12_000;
/** By then everything has ended, however unlucky: approvals expire, leases run out, steps time out. */
const LIMIT_MS = FAULTS_UNTIL_MS + 400_000;
const ANSWER_LIMIT_MS = 4_000;

export interface History {
  readonly hash: string;
  readonly trace: readonly string[];
  readonly runs: number;
  readonly takeovers: number;
  readonly inDoubt: number;
  readonly faults: number;
}

export class Simulation {
  readonly schedule: Schedule;
  readonly #tables: MemoryTables;
  readonly #checker: Checker;
  readonly #faults: Faults;
  readonly #service: ToolService;
  readonly #bus: SimBus;
  readonly #database = party('database');
  readonly #clients = party('clients');
  readonly #journal: Journal;
  readonly #readers: Reader[];
  readonly #accepted = new Set<string>();
  #replicas: (SimReplica | Party)[] = [];
  #started = 0;
  #clientsBusy = 0;
  #faultCount = 0;

  readonly #mutant: Partial<Mutant>;

  constructor(seed: number, mutant: Partial<Mutant> = {}) {
    this.#mutant = mutant;
    const schedule = (this.schedule = new Schedule(seed));
    this.#tables = new MemoryTables(() => schedule.now);
    const journal = new MemoryJournal(this.#tables);
    this.#journal = mutant.journal?.(journal, this.#tables) ?? journal;
    this.#checker = new Checker(this.#tables);
    this.#faults = new Faults(schedule, schedule.random.of([0, 0.02, 0.08]));
    this.#service = new ToolService(schedule, this.#checker);
    this.#service.replyLoss = schedule.random.of([0, 0.05, 0.2]);
    this.#bus = new SimBus(schedule, this.#faults, this.#checker, this.#service);
    this.#service.ledgerIsAsked = !mutant.withoutLedger;
    const fetch = (runId: string, after: number) => this.#journal.read(runId, after, 1_000);
    this.#readers = [1, 2].map((n) => new Reader(party(`reader-${n}`), fetch));
    this.#bus.readers.push(...this.#readers);
  }

  async play(): Promise<History> {
    const { schedule } = this;
    const { random } = schedule;
    for (let n = 0; n < 3; n += 1) this.#startReplica(n, 0);
    const runs = random.int(2, 5);
    for (let n = 1; n <= runs; n += 1) schedule.after(random.int(0, 6_000), this.#clients, () => this.#client(n));
    this.#clientsBusy = runs;
    const chaos = party('chaos');
    this.#chaos(chaos);
    schedule.after(FAULTS_UNTIL_MS, chaos, () => this.#calm());
    this.#catchUp();
    try {
      await schedule.play(() => this.#isOver(), LIMIT_MS);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const open = [...this.#tables.runs.values()].filter(
        (run) => run.phase !== 'ended' || run.publishedSeq < run.lastSeq,
      );
      this.#checker.fail(
        'stuck',
        open.map(({ runId, phase, lastSeq, publishedSeq }) => `${runId} ${phase} ${publishedSeq}/${lastSeq}`).join() ||
          'readers',
      );
    }
    return this.#verdict();
  }

  #isOver(): boolean {
    if (this.#checker.violation) return true;
    if (this.#faults.active || this.#clientsBusy > 0) return false;
    return [...this.#tables.runs.values()].every(
      (run) =>
        run.phase === 'ended' &&
        run.publishedSeq === run.lastSeq &&
        this.#readers.every((reader) => reader.ended(run.runId)),
    );
  }

  #verdict(): History {
    const checker = this.#checker;
    let inDoubt = 0;
    for (const run of this.#tables.runs.values()) {
      if (checker.violation) break;
      checker.ended(
        run,
        this.#readers.map((reader) => reader.read(run.runId)),
      );
      for (const event of run.events) {
        if (!this.#bus.stored.has(`${run.runId}:${event.seq}`))
          checker.fail('not_published', `${run.runId}:${event.seq}`);
        if (event.type !== 'orchestrator.step.completed' || event.data.status !== 'in_doubt') continue;
        inDoubt += 1;
        if (run.epoch < 2 && !this.#service.touched.has(`${run.runId}:${event.data.step_id}`))
          checker.fail('in_doubt_without_fault', `${run.runId}:${event.seq}`);
      }
    }
    for (const runId of this.#accepted) if (!this.#tables.runs.has(runId)) checker.fail('lost_runs', runId);
    if (checker.violation) throw checker.violation;
    const runs = [...this.#tables.runs.values()];
    return {
      hash: this.schedule.hash,
      trace: this.schedule.trace,
      runs: runs.length,
      inDoubt,
      takeovers: runs.reduce((sum, run) => sum + Math.max(0, run.epoch - 1), 0),
      faults: this.#faultCount,
    };
  }

  // ------------------------------------------------------------------------------------------ replicas and faults

  #startReplica(place: number, afterMs: number): void {
    const { schedule } = this;
    const owner = party(`orch-${place + 1}.${(this.#started += 1)}`, schedule.random.int(-2_000, 2_000));
    this.#replicas[place] = owner;
    schedule.after(afterMs, owner, () => {
      const connection = this.#bus.connect(owner);
      const bus = this.#mutant.bus?.(connection) ?? connection;
      const journal = this.#portOf(owner);
      const retention = new MemoryRetention(this.#tables);
      const planner = chancePlanner(schedule, owner);
      const port = this.#mutant.port?.(journal, bus) ?? journal;
      void SimReplica.start(owner, { journal: port, retention, bus, planner }).then(
        (replica) => (this.#replicas[place] = replica),
      );
    });
  }

  /** The journal as one replica reaches it. */
  #portOf(owner: Party): Journal {
    return new Proxy(this.#journal, {
      get:
        (journal, name: keyof Journal) =>
        (...args: unknown[]) =>
          this.#faults.ask(owner, this.#database, async () => {
            const answer = await (journal[name] as (...args: unknown[]) => Promise<unknown>)(...args);
            this.#noteCall(owner, name, args, answer);
            this.#checker.judge();
            return answer;
          }),
    });
  }

  #noteCall(owner: Party, name: string, args: unknown[], answer: unknown): void {
    if (name === 'append') {
      const { runId, epoch, expectedSeq, facts, phase } = args[0] as Parameters<Journal['append']>[0];
      const types = facts.map(({ type }) => type.replace('orchestrator.', '')).join('+');
      const { kind } = answer as { kind: string };
      this.schedule.note(
        owner.name,
        `append ${runId}:${expectedSeq} epoch ${epoch} ${types} ${phase ?? ''} -> ${kind}`,
      );
    } else if (name === 'claim' || name === 'accept' || name === 'putInput' || name === 'release') {
      const runId = typeof args[0] === 'string' ? args[0] : (args[0] as { runId: string }).runId;
      const { kind, epoch = '' } = (answer ?? {}) as { kind?: string; epoch?: number };
      this.schedule.note(owner.name, `${name} ${runId} -> ${kind ?? ''} ${epoch}`);
    }
  }

  #chaos(owner: Party): void {
    const { schedule } = this;
    const { random } = schedule;
    schedule.after(random.int(200, 3_000), owner, () => {
      if (!this.#faults.active) return;
      this.#faultCount += 1;
      const place = random.int(0, this.#replicas.length - 1);
      const replica = this.#replicas[place]!;
      const victim = replica instanceof SimReplica ? replica.owner : replica;
      const worker = random.int(0, this.#service.workers.length - 1);
      const fault = random.of(['kill', 'pause', 'long pause', 'drain', 'kill worker', 'pause worker']);
      schedule.note(
        'chaos',
        `${fault} ${fault.includes('worker') ? this.#service.workers[worker]!.name : victim.name}`,
      );
      if (fault === 'kill') this.#kill(place, victim);
      else if (fault === 'drain') this.#drain(place, replica);
      else if (fault === 'kill worker') this.#killWorker(worker);
      else if (fault === 'pause worker') this.#pause(this.#service.workers[worker]!, random.int(500, 9_000));
      else this.#pause(victim, fault === 'pause' ? random.int(50, LEASE_MS) : random.int(LEASE_MS, 2 * LEASE_MS));
      this.#chaos(owner);
    });
  }

  #kill(place: number, victim: Party): void {
    victim.state = 'dead';
    this.#startReplica(place, this.schedule.random.int(100, 4_000));
  }

  #drain(place: number, replica: SimReplica | Party): void {
    if (!(replica instanceof SimReplica)) return;
    const { schedule } = this;
    schedule.after(0, replica.owner, () => {
      void replica.drain().then(() => (replica.owner.state = 'dead'));
    });
    schedule.after(10_000, this.#database, () => (replica.owner.state = 'dead'));
    this.#startReplica(place, schedule.random.int(100, 2_000));
  }

  #killWorker(place: number): void {
    const { workers } = this.#service;
    workers[place]!.state = 'dead';
    this.schedule.after(this.schedule.random.int(100, 5_000), this.#database, () => {
      workers[place] = party(`tools-${place + 1}`);
    });
  }

  #pause(victim: Party, forMs: number): void {
    if (victim.state !== 'running') return;
    victim.state = 'paused';
    this.schedule.after(forMs, this.#database, () => this.#goOn(victim));
  }

  #goOn(victim: Party): void {
    if (victim.state !== 'paused') return;
    this.schedule.note('chaos', `${victim.name} goes on`);
    this.schedule.resume(victim);
  }

  /** Nothing fails any more; who is dead has been started again already, or will be. */
  #calm(): void {
    this.schedule.note('chaos', 'no more faults');
    this.#faults.active = false;
    this.#service.replyLoss = 0;
  }

  // ------------------------------------------------------------------------------------------------------ clients

  /** Asks any replica that is there; nothing is known where no answer comes. */
  #ask<T>(work: (replica: SimReplica) => Promise<T>): Promise<T> {
    const { schedule } = this;
    const replicas = this.#replicas.filter((replica) => replica instanceof SimReplica);
    return new Promise((resolve, reject) => {
      const lost = () => reject(new AppError('unavailable'));
      const limit = schedule.after(ANSWER_LIMIT_MS, this.#clients, lost);
      if (replicas.length === 0) return;
      const replica = schedule.random.of(replicas);
      const end = (settle: () => void) => {
        limit.cancelled = true;
        settle();
      };
      this.#faults
        .ask(this.#clients, replica.owner, () => work(replica))
        .then(
          (value) => end(() => resolve(value)),
          (error: Error) => end(() => reject(error)),
        );
    });
  }

  /** Starts a run, perhaps twice; perhaps cancels it, answers its questions or not. */
  #client(n: number): void {
    const { random } = this.schedule;
    const runId = `run-${n}`;
    const principal: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
    const concurrency = random.of([undefined, undefined, 'queue', 'cancel_previous'] as const);
    const run: RunSpec = {
      ...RUN,
      thread_id: `thread-${random.int(1, 3)}`,
      principal,
      interactive: random.chance(0.5),
      approvals: { tools: [], timeout_seconds: 15 },
      budget: { ...RUN.budget, max_seconds: random.chance(0.3) ? random.int(2, 30) : null },
      ...(concurrency === undefined ? {} : { thread_concurrency: concurrency }),
    };
    const start = () => this.#ask((replica) => replica.service.start({ runId, idempotencyKey: runId, run }));
    if (random.chance(0.3))
      void start().then(
        (answer) => this.#accepted.add(answer.runId),
        () => undefined,
      );
    const cancels = random.chance(0.35) ? random.int(0, 8_000) : null;
    const answers = random.chance(0.7);
    void this.#untilDone(start).then((answer) => {
      if (answer.runId !== runId) this.#checker.fail('dup_runs_per_idem_key', `${runId} ${answer.runId}`);
      this.#accepted.add(answer.runId);
      if (cancels !== null) this.schedule.after(cancels, this.#clients, () => this.#cancel(runId, principal));
      if (answers) this.#answer(runId, principal);
      this.#clientsBusy -= 1;
    });
  }

  #cancel(runId: string, principal: Principal): void {
    void this.#untilDone(() => this.#ask((replica) => replica.service.cancel({ principal, runId, reason: 'enough' })));
  }

  async #untilDone<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch {
        await this.schedule.wait(this.schedule.random.int(50, 500), this.#clients);
      }
    }
  }

  /** Looks now and then whether the run asks something, and says something. */
  #answer(runId: string, principal: Principal): void {
    const { schedule } = this;
    schedule.after(schedule.random.int(200, 3_000), this.#clients, () => {
      const asked = this.#ask(async (replica) => {
        const { phase, approvals } = await replica.service.get(principal, runId);
        const [first] = approvals;
        if (first) {
          const decision =
            first.kind === 'question' ? ('answer' as const) : schedule.random.of(['approve', 'deny'] as const);
          const answer = { decision, ...(decision === 'answer' ? { text: 'this one' } : {}) };
          await replica.service.decide({ principal, runId, approvalId: first.approval_id, answer });
        }
        return phase;
      });
      asked.then(
        (phase) => (phase === 'ended' ? undefined : this.#answer(runId, principal)),
        () => this.#answer(runId, principal),
      );
    });
  }

  /** Readers ask from time to time for what did not come. */
  #catchUp(): void {
    for (const reader of this.#readers) {
      const round = () => {
        for (const runId of this.#tables.runs.keys()) void reader.catchUp(runId);
        this.schedule.after(2_000, reader.owner, round);
      };
      this.schedule.after(1_000, reader.owner, round);
    }
  }
}
