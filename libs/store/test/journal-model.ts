/*
 * What the journal promises, as a few lines without a database. A run of the model is what a run of PostgreSQL must
 * look like after the same commands.
 */

export interface ModelEvent {
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
}

export class Model {
  readonly runs = new Map<string, ModelRun>();

  accept(runId: string, key: string, hash: string, version: number, leased: boolean): string {
    const same = [...this.runs.values()].find((run) => run.key === key);
    if (same) return same.hash === hash ? `existing ${same.runId}` : 'conflict';
    if (this.runs.has(runId)) return 'conflict';
    const epoch = leased ? 1 : 0;
    this.runs.set(runId, {
      ...{ runId, key, hash, version, epoch },
      events: [{ epoch, text: 'accepted' }],
      phase: leased ? 'running' : 'queued',
      lease: leased ? 'living' : 'none',
      ...{ published: 0, inbox: [], taken: 0, expired: false },
    });
    return `created ${runId}`;
  }

  claim(runId: string, versions: readonly number[]): string {
    const run = this.runs.get(runId);
    if (!run) return 'unknown';
    if (run.phase === 'ended') return 'ended';
    if (!versions.includes(run.version)) return 'foreign_version';
    if (run.lease === 'living') return 'busy';
    run.epoch += 1;
    run.lease = 'living';
    run.phase = 'running';
    return `claimed ${run.epoch}`;
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
    run.last = append;
    return 'appended';
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
  get swept(): string[] {
    return [...this.runs.values()]
      .filter((run) => run.lease !== 'living')
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

  #hasInput(run: ModelRun): boolean {
    return run.phase === 'waiting' && run.inbox.length > run.taken;
  }
}
