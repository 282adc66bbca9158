/*
 * What the journal promises, as a few lines without a database. A run of the model is what a run of PostgreSQL must
 * look like after the same commands.
 */

interface ModelEvent {
  readonly epoch: number;
  /** `accepted`, `end`, or the text of a message. */
  readonly text: string;
}

export interface ModelRun {
  readonly runId: string;
  readonly key: string;
  readonly hash: string;
  readonly version: number;
  epoch: number;
  events: ModelEvent[];
  phase: 'queued' | 'running' | 'waiting' | 'ended';
  lease: 'none' | 'living' | 'expired';
  published: number;
  inbox: string[];
  taken: number;
  /** Its events and inputs are no longer kept. */
  expired: boolean;
  readonly thread: string;
  /** Waits for the runs of its thread that were accepted before it. */
  waits: boolean;
  /** Another run waits for it. */
  awaited: boolean;
  /** How many events there were when its owner took it. */
  claimedAt: number;
  /** Owners in a row without a new event that did not give the run back. */
  stalls: number;
  /** Should its owner come to nothing, the next one waits. */
  pauses: boolean;
  dead: boolean;
  /** The last append that was answered as success, as a writer would repeat it. */
  last?: ModelAppend;
}

export interface ModelAppend {
  readonly epoch: number;
  readonly expectedSeq: number;
  readonly texts: readonly string[];
  readonly giveBack: boolean;
  readonly phase?: 'running' | 'waiting';
  readonly published?: number;
  readonly taken?: number;
  /** The end, if it comes with this append, leaves a dead letter. */
  readonly dead?: boolean;
}

export interface ModelAccept {
  readonly runId: string;
  readonly key: string;
  readonly hash: string;
  readonly version: number;
  readonly leased: boolean;
  readonly thread: string;
  readonly concurrency?: 'reject' | 'queue' | 'cancel_previous';
  /** What its owner, where it has one, announces at once. */
  readonly opening: readonly string[];
}

export class Model {
  readonly runs = new Map<string, ModelRun>();

  accept({ runId, key, hash, version, leased, thread, concurrency, opening }: ModelAccept): string {
    const same = [...this.runs.values()].find((run) => run.key === key);
    if (same) return same.hash === hash ? `existing ${same.runId}` : 'conflict';
    if (this.runs.has(runId)) return 'conflict';
    const open = concurrency ? this.#openIn(thread) : [];
    if (concurrency === 'reject' && open[0]) return `thread_busy ${open[0].runId}`;
    const waits = open.length > 0;
    const cancelled =
      concurrency === 'cancel_previous' ? open.filter((run) => this.putInput(run, 'cancel').created) : [];
    for (const run of open) run.awaited = true;
    const epoch = leased && !waits ? 1 : 0;
    this.runs.set(runId, {
      runId,
      key,
      hash,
      version,
      epoch,
      thread,
      waits,
      events: ['accepted', ...(epoch > 0 ? opening : [])].map((text) => ({ epoch, text })),
      phase: epoch > 0 ? 'running' : 'queued',
      lease: epoch > 0 ? 'living' : 'none',
      published: 0,
      inbox: [],
      taken: 0,
      claimedAt: epoch,
      stalls: 0,
      awaited: false,
      pauses: false,
      dead: false,
      expired: false,
    });
    const answer = `created ${runId} epoch ${epoch} after ${open.at(-1)?.runId ?? 'none'}`;
    return [answer, ...cancelled.map((run) => run.runId).sort()].join(' ');
  }

  claim(runId: string, versions: readonly number[]): string {
    const run = this.runs.get(runId);
    if (!run) return 'unknown';
    if (run.phase === 'ended') return 'ended';
    if (!versions.includes(run.version)) return 'foreign_version';
    if (run.lease === 'living') return 'busy';
    if (this.#heldBack(run)) return 'held_back';
    run.stalls = this.stallsAtClaim(run);
    run.pauses = run.stalls > 0;
    run.waits &&= this.#openIn(run.thread)[0] !== run;
    run.claimedAt = run.events.length;
    run.epoch += 1;
    run.lease = 'living';
    run.phase = 'running';
    return `claimed ${run.epoch} after ${run.stalls}`;
  }

  stallsAtClaim(run: ModelRun): number {
    if (run.events.length > run.claimedAt) return 0;
    return run.stalls + (run.lease === 'expired' ? 1 : 0);
  }

  append(run: ModelRun, append: ModelAppend): string {
    const { epoch, expectedSeq, texts } = append;
    if (epoch !== run.epoch) return 'fenced';
    const there = run.expired ? [] : run.events.slice(expectedSeq, expectedSeq + texts.length);
    const same = there.length === texts.length && there.every((e, i) => e.epoch === epoch && e.text === texts[i]);
    if (texts.length > 0 && same) return 'appended';
    if (run.phase === 'ended') return 'ended';
    if (run.lease === 'none') return 'fenced';
    if (run.events.length !== expectedSeq) return 'conflict';
    run.events.push(...texts.map((text) => ({ epoch, text })));
    const ended = texts.at(-1) === 'end';
    run.phase = ended ? 'ended' : (append.phase ?? run.phase);
    run.lease = ended || append.giveBack ? 'none' : 'living';
    run.published = Math.max(run.published, Math.min(append.published ?? 0, run.events.length));
    run.taken = Math.max(run.taken, append.taken ?? 0);
    run.dead ||= ended && append.dead === true;
    run.last = append;
    return 'appended';
  }

  /** The run of the thread whose turn it is once `run` has ended: the oldest open one, where it waits. */
  nextAfter(run: ModelRun): string | null {
    const next = this.#openIn(run.thread)[0];
    return run.phase === 'ended' && run.awaited && next?.waits ? next.runId : null;
  }

  giveUp(run: ModelRun, epoch: number): void {
    if (epoch !== run.epoch || run.lease === 'none') return;
    run.lease = 'expired';
  }

  renew(run: ModelRun, epoch: number): boolean {
    if (epoch !== run.epoch || run.lease === 'none') return false;
    run.lease = 'living';
    return true;
  }

  release(run: ModelRun, epoch: number, phase: 'queued' | 'waiting' | undefined): boolean {
    if (epoch !== run.epoch || run.lease === 'none') return false;
    run.lease = 'none';
    run.phase = phase ?? run.phase;
    return true;
  }

  putInput(run: ModelRun, key: string): { n: number; created: boolean; ended: boolean } {
    const ended = run.phase === 'ended';
    const there = run.expired ? -1 : run.inbox.indexOf(key);
    if (there !== -1) return { n: there + 1, created: false, ended };
    if (ended) return { n: 0, created: false, ended };
    return { n: run.inbox.push(key), created: true, ended };
  }

  markPublished(run: ModelRun, seq: number): void {
    run.published = Math.max(run.published, Math.min(seq, run.events.length));
  }

  /** `old`: it ended longer ago than is kept. */
  expire(run: ModelRun, old: boolean): boolean {
    const due = old && run.phase === 'ended' && run.published === run.events.length && !run.expired;
    run.expired ||= due;
    return due;
  }

  /** Runs that the sweeper must find. */
  swept(versions: readonly number[]): string[] {
    return [...this.runs.values()]
      .filter((run) => versions.includes(run.version) && run.lease !== 'living' && !this.#heldBack(run))
      .filter((run) => run.phase === 'queued' || run.phase === 'running' || this.#hasInput(run))
      .map((run) => run.runId)
      .sort();
  }

  /** Runs that the relay must find. */
  get unpublished(): string[] {
    return [...this.runs.values()]
      .filter((run) => run.lease !== 'living' && run.published < run.events.length)
      .map((run) => run.runId)
      .sort();
  }

  /** Accepted first, first. */
  #openIn(thread: string): ModelRun[] {
    return [...this.runs.values()].filter((run) => run.thread === thread && run.phase !== 'ended');
  }

  #heldBack(run: ModelRun): boolean {
    const resting = run.lease === 'expired' && run.pauses && run.events.length === run.claimedAt;
    const waiting = run.waits && this.#openIn(run.thread)[0] !== run;
    return (resting || waiting) && !run.inbox.slice(run.taken).includes('cancel');
  }

  #hasInput(run: ModelRun): boolean {
    return run.phase === 'waiting' && run.inbox.length > run.taken;
  }
}
