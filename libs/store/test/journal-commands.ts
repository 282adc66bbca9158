import { expect } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import type { Accepted, Journal, Retention } from '../src/index.ts';
import { acceptOf, completed, message, runSpec } from './drafts.ts';
import { Model, type ModelAccept, type ModelAppend, type ModelRun } from './journal-model.ts';

/** A journal under test, and what a test does behind its interface: time travel, and a look at what is written. */
export interface Subject {
  readonly journal: Journal;
  readonly retention: Retention;
  /** Forgets all runs. */
  clear(): Promise<void>;
  /** The run's lease is over; `rested`: so is the pause after its owner. */
  expireLease(runId: string, rested: boolean): Promise<void>;
  /** An ended run is now one that ended so long ago. */
  age(runId: string, ms: number): Promise<void>;
  /** The runs that have a dead letter. */
  letters(): Promise<string[]>;
}

/** `prefix` keeps the runs of one sequence of commands apart from all others. */
interface Real extends Subject {
  readonly prefix: string;
}

type Command = fc.AsyncCommand<Model, Real>;

const LEASE_MS = 60_000;
const KEEP_MS = 86_400_000;
const VERSIONS = [1, 2];
/** A pause that no sequence lives to see the end of, up to the longest there is. */
const PAUSE_MS = 60_000;
const factOf = (text: string) => (text === 'end' ? completed('the end') : message(text));

/** One command: `act` moves the model, does the same for real, and compares the answers. */
function command(name: string, act: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await act(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

/** A command on a run that exists; without one it does nothing. */
function onRun(name: string, pick: number, act: (run: ModelRun, model: Model, real: Real) => Promise<void>): Command {
  return command(`${name} #${pick}`, async (model, real) => {
    const runs = [...model.runs.values()];
    const run = runs[pick % Math.max(runs.length, 1)];
    if (run) await act(run, model, real);
  });
}

async function append(run: ModelRun, model: Model, real: Real, wanted: ModelAppend): Promise<void> {
  const expected = model.append(run, wanted);
  const answer = await real.journal.append({
    runId: run.runId,
    epoch: wanted.epoch,
    expectedSeq: wanted.expectedSeq,
    facts: wanted.texts.map(factOf),
    leaseMs: wanted.giveBack ? 0 : LEASE_MS,
    ...(wanted.phase === undefined ? {} : { phase: wanted.phase }),
    ...(wanted.published === undefined ? {} : { publishedSeq: wanted.published }),
    ...(wanted.taken === undefined ? {} : { inboxTaken: wanted.taken }),
    ...(wanted.dead ? { deadLetter: { reason: 'poisoned', error: 'broke' } } : {}),
  });
  expect(answer.kind).toBe(expected);
  if (answer.kind !== 'appended') return;
  expect(answer.events.map((event) => event.seq)).toEqual(wanted.texts.map((_, i) => wanted.expectedSeq + 1 + i));
  expect(answer.inboxLast).toBe(run.inbox.length);
  // A run that nobody waited for when it ended names none.
  expect(answer.nextRun).toBe(wanted.texts.at(-1) === 'end' ? model.nextAfter(run) : null);
}

function outcomeOf(answer: Accepted): string {
  switch (answer.kind) {
    case 'conflict':
      return 'conflict';
    case 'existing':
      return `existing ${answer.runId}`;
    case 'thread_busy':
      return `thread_busy ${answer.activeRun}`;
    case 'created': {
      const { runId, epoch, afterRun, cancelled } = answer;
      return [`created ${runId} epoch ${epoch} after ${afterRun ?? 'none'}`, ...[...cancelled].sort()].join(' ');
    }
  }
}

const pick = fc.nat(5);
const mostly = <T>(usual: T, ...rare: T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...rare) });
const texts = fc
  .tuple(fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }), mostly(false, true))
  .map(([some, end]) => (end ? [...some, 'end'] : some));

const commands: fc.Arbitrary<Command>[] = [
  fc
    .record({
      id: fc.nat(4),
      key: fc.nat(4),
      hash: mostly('h', 'other'),
      version: fc.constantFrom(1, 2, 3),
      leased: fc.boolean(),
      thread: fc.constantFrom('s', 't'),
      concurrency: mostly<ModelAccept['concurrency']>('queue', undefined, 'reject', 'cancel_previous'),
      opening: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }),
    })
    .map(({ id, key, hash, version, leased, thread, concurrency, opening }) =>
      command(`accept run ${id} key ${key} ${hash} ${thread} ${concurrency}`, async (model, { journal, prefix }) => {
        const runId = `${prefix}-${id}`;
        const idempotencyKey = `${prefix}-key-${key}`;
        const lease = leased ? { lease: { owner: 'acceptor', leaseMs: LEASE_MS } } : {};
        const run = runSpec({ thread_id: `${prefix}-${thread}`, thread_concurrency: concurrency });
        const request = acceptOf(runId, {
          run,
          idempotencyKey,
          requestHash: hash,
          engineVersion: version,
          ...lease,
          initialFacts: opening.map(factOf),
        });
        const before = await journal.acceptedBefore(request);
        const expected = model.accept({
          runId,
          key: idempotencyKey,
          hash,
          version,
          leased,
          thread,
          concurrency,
          opening,
        });
        const answer = await journal.accept(request);
        expect(outcomeOf(answer)).toBe(expected);
        if (answer.kind === 'existing') expect(before).toEqual(answer);
        if (answer.kind === 'created' || answer.kind === 'thread_busy') expect(before).toBeUndefined();
      }),
    ),
  pick.map((n) =>
    onRun('claim', n, async (run, model, { journal }) => {
      const expected = model.claim(run.runId, VERSIONS);
      const answer = await journal.claim(run.runId, 'claimer', LEASE_MS, VERSIONS, true, PAUSE_MS);
      const claimed = answer.kind === 'claimed' ? `claimed ${answer.epoch} after ${answer.stalls}` : answer.kind;
      expect(claimed).toBe(expected);
    }),
  ),
  // An owner that crashes or pauses says nothing; what the others see of it is a lease that runs out.
  fc.tuple(pick, fc.boolean()).map(([n, rested]) =>
    onRun(rested ? 'crash, and the end of the pause' : 'crash', n, async (run, _model, real) => {
      if (run.lease === 'none') return;
      run.lease = 'expired';
      if (rested) run.pauses = false;
      await real.expireLease(run.runId, rested);
    }),
  ),
  fc.tuple(pick, mostly(0, -1, 1)).map(([n, epoch]) =>
    onRun('give up', n, async (run, model, { journal }) => {
      const at = run.epoch + epoch;
      model.giveUp(run, at);
      await journal.giveUp(run.runId, at, 'broke');
    }),
  ),
  fc
    .record({
      n: pick,
      epoch: mostly(0, -1, 1),
      seq: mostly(0, -1, -2, 1),
      texts,
      giveBack: mostly(false, true),
      phase: mostly<'running' | 'waiting' | undefined>(undefined, 'running', 'waiting'),
      published: fc.option(fc.nat(6), { nil: undefined }),
      take: fc.boolean(),
      dead: mostly(false, true),
    })
    .map(({ n, epoch, seq, phase, published, take, ...rest }) =>
      onRun(`append ${rest.texts.join('+')} (epoch ${epoch}, seq ${seq})`, n, (run, model, real) =>
        append(run, model, real, {
          ...rest,
          epoch: run.epoch + epoch,
          expectedSeq: Math.max(run.events.length + seq, 0),
          ...(phase === undefined ? {} : { phase }),
          ...(published === undefined ? {} : { published }),
          ...(take ? { taken: run.inbox.length } : {}),
        }),
      ),
    ),
  pick.map((n) =>
    onRun('repeat the last append', n, async (run, model, real) => {
      if (run.last) await append(run, model, real, run.last);
    }),
  ),
  fc.tuple(pick, mostly(0, -1, 1)).map(([n, epoch]) =>
    onRun('renew', n, async (run, model, { journal }) => {
      const expected = model.renew(run, run.epoch + epoch);
      const at = run.epoch + epoch;
      const held = await journal.renew([{ runId: run.runId, epoch: expected ? run.epoch : at }], LEASE_MS);
      expect(held.has(run.runId)).toBe(expected);
    }),
  ),
  fc
    .tuple(pick, mostly(0, -1, 1), fc.constantFrom(undefined, 'queued' as const, 'waiting' as const))
    .map(([n, epoch, phase]) =>
      onRun('release', n, async (run, model, { journal }) => {
        const at = run.epoch + epoch;
        const expected = model.release(run, at, phase);
        expect((await journal.release(run.runId, at, phase)).released).toBe(expected);
      }),
    ),
  fc.tuple(pick, fc.constantFrom('cancel', 'yes', 'no')).map(([n, dedupKey]) =>
    onRun(`input ${dedupKey}`, n, async (run, model, { journal }) => {
      const expected = model.putInput(run, dedupKey);
      expect(
        await journal.putInput(run.runId, { kind: dedupKey === 'cancel' ? 'cancel' : 'approval', dedupKey, body: {} }),
      ).toEqual(expected);
    }),
  ),
  fc.tuple(pick, fc.nat(8)).map(([n, seq]) =>
    onRun(`published ${seq}`, n, async (run, model, { journal }) => {
      model.markPublished(run, seq);
      await journal.markPublished([{ runId: run.runId, seq }]);
    }),
  ),
  // What is kept may be asked for as little as one likes; an hour is kept all the same.
  fc.tuple(pick, mostly(true, false), fc.constantFrom(0, -1e12, KEEP_MS)).map(([n, old, keepMs]) =>
    onRun(`expire ${old ? 'an old' : 'a young'} run`, n, async (run, model, { retention, age }) => {
      await age(run.runId, old ? 2 * KEEP_MS : KEEP_MS / 48);
      const expected = model.expire(run, old);
      expect((await retention.due(1_000, keepMs)).includes(run.runId)).toBe(expected);
      expect(await retention.expire(run.runId, `"${run.runId}"`, keepMs)).toBe(expected);
      expect(await retention.snapshot(run.runId)).toBe(run.expired ? `"${run.runId}"` : undefined);
    }),
  ),
];

/** What is written looks as the model says, and by itself keeps the invariants of the journal. */
async function compare(model: Model, { journal, letters, prefix }: Real): Promise<void> {
  const own = (runs: readonly { runId: string }[]) =>
    runs
      .map(({ runId }) => runId)
      .filter((runId) => runId.startsWith(`${prefix}-`))
      .sort();
  // A negative age: also what was touched this very moment.
  const swept = await journal.sweep({ limit: 10_000, graceMs: -60_000, engineVersions: VERSIONS });
  expect(own(swept)).toEqual(model.swept(VERSIONS));
  for (const { runId, stalls } of swept) {
    const run = model.runs.get(runId);
    if (run) expect(stalls).toBe(model.stallsAtClaim(run));
  }
  const dead = [...model.runs.values()].filter((run) => run.dead);
  expect((await letters()).sort()).toEqual(dead.map((run) => run.runId).sort());
  expect(own(await journal.unpublished(10_000, -60_000))).toEqual(model.unpublished);

  for (const run of model.runs.values()) {
    const events = await journal.read(run.runId, 0, 1_000);
    const seen = events.map((event) => ({
      epoch: event.epoch,
      text:
        event.type === 'orchestrator.message.completed'
          ? event.data.text
          : event.type === 'orchestrator.task.completed'
            ? 'end'
            : 'accepted',
    }));
    const kept = run.expired ? [] : run.events;
    expect(seen).toEqual(kept);
    expect(events.map((event) => event.seq)).toEqual(kept.map((_, i) => i + 1)); // log_gaps
    expect(events.map((event) => event.epoch)).toEqual(events.map((e) => e.epoch).sort((a, b) => a - b)); // epoch_regress
    expect(events.map((event) => event.ts)).toEqual(events.map((e) => e.ts).sort((a, b) => a - b));
    expect(seen.findIndex(({ text }) => text === 'end')).toBe(run.phase === 'ended' ? kept.length - 1 : -1); // double_completed
    expect(await journal.head(run.runId)).toMatchObject({
      phase: run.phase,
      epoch: run.epoch,
      lastSeq: run.events.length,
      publishedSeq: run.published,
      inboxLast: run.inbox.length,
      inboxTaken: run.taken,
      stalls: run.stalls,
      expired: run.expired,
      status: run.phase === 'ended' ? 'success' : null,
    });
  }
}

let sequence = 0;

/** Plays `numRuns` random sequences of commands; throws with the shortest one after which the two differ. */
export async function checkAgainstModel(subject: Subject, numRuns: number, seed?: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { size: '+1', maxCommands: 40 }), async (some) => {
      const prefix = `s${++sequence}`;
      await subject.clear(); // what earlier sequences left behind is not this one's: the open runs stay few
      await fc.asyncModelRun(() => ({ model: new Model(), real: { ...subject, prefix } }), some);
    }),
    { numRuns, ...(seed === undefined ? {} : { seed, endOnFailure: true }) },
  );
}
