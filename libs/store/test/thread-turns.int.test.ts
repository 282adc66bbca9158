import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Accepted, Journal } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed, message, runSpec } from './drafts.ts';

let db: TestDatabase;
let journal: Journal;
let count = 0;
const LEASE_MS = 30_000;
const lease = { lease: { owner: 'me', leaseMs: LEASE_MS } };

beforeAll(async () => {
  db = await startDatabase();
  journal = db.open('orchestrator', { maxConnections: 16 }).journal;
});
afterAll(() => db?.stop());

type Concurrency = 'reject' | 'queue' | 'cancel_previous' | undefined;
const accept = (thread: string, thread_concurrency: Concurrency, rest = {}): Promise<Accepted> =>
  journal.accept(
    acceptOf(`run-${++count}`, { run: runSpec({ thread_id: thread, thread_concurrency }), ...lease, ...rest }),
  );
const created = async (...args: Parameters<typeof accept>) => {
  const accepted = await accept(...args);
  if (accepted.kind !== 'created') throw new Error(accepted.kind);
  return accepted;
};
const end = (runId: string, epoch = 1, expectedSeq = 1) =>
  journal.append({ runId, epoch, expectedSeq, facts: [completed()], leaseMs: LEASE_MS });
const claim = (runId: string) => journal.claim(runId, 'me', LEASE_MS, [1], true, 20);

describe('a thread', () => {
  it('has one run at a time where the others wait, in the order of their acceptance', async () => {
    const runs = await Promise.all(Array.from({ length: 20 }, () => created('line', 'queue')));
    const order = [...runs].sort((a, b) => a.ts - b.ts);
    expect(new Set(order.map(({ ts }) => ts)).size).toBe(20);
    expect(order.map(({ epoch }) => epoch)).toEqual([1, ...Array(19).fill(0)]);
    expect(order.map(({ afterRun }) => afterRun)).toEqual([null, ...order.slice(0, -1).map(({ runId }) => runId)]);
    for (const [i, { runId }] of order.entries()) {
      for (const later of order.slice(i + 1)) expect(await claim(later.runId)).toEqual({ kind: 'held_back' });
      if (i > 0) expect(await claim(runId)).toMatchObject({ kind: 'claimed', epoch: 1 });
      const ended = await end(runId);
      expect(ended).toMatchObject({ kind: 'appended', nextRun: order[i + 1]?.runId ?? null });
      expect(await end(runId)).toEqual(ended); // the reply to the first was lost
    }
  });

  it('is refused to a second run with "reject", which names the first and writes nothing', async () => {
    const first = await created('one', undefined);
    expect(await accept('one', 'reject')).toEqual({ kind: 'thread_busy', activeRun: first.runId });
    expect(await journal.head(`run-${count}`)).toBeUndefined();
    await end(first.runId);
    expect(await accept('one', 'reject')).toMatchObject({ kind: 'created', epoch: 1 });
  });

  it('is given to exactly one of many that come together with "reject"', async () => {
    const answers = await Promise.all(Array.from({ length: 24 }, () => accept('race', 'reject')));
    expect(answers.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    const [winner] = answers.flatMap((answer) => (answer.kind === 'created' ? [answer.runId] : []));
    for (const answer of answers) {
      if (answer.kind !== 'created') expect(answer).toEqual({ kind: 'thread_busy', activeRun: winner });
    }
  });

  it('attaches the same key, whatever else is under way', async () => {
    const first = await created('same', 'reject', { idempotencyKey: 'again' });
    expect(await accept('same', 'reject', { idempotencyKey: 'again' })).toMatchObject({
      kind: 'existing',
      runId: first.runId,
    });
    const changed = { idempotencyKey: 'again', requestHash: 'other' };
    expect(await accept('same', 'cancel_previous', changed)).toEqual({ kind: 'conflict' });
    expect(await journal.inputsAfter(first.runId, 0)).toEqual([]); // a refused request cancels nothing
  });

  it('is given up by everything before it with "cancel_previous"', async () => {
    const [first, second] = [await created('over', undefined), await created('over', 'queue')];
    const third = await created('over', 'cancel_previous');
    expect([...third.cancelled].sort()).toEqual([first.runId, second.runId].sort());
    expect(third).toMatchObject({ epoch: 0, afterRun: second.runId });
    for (const { runId } of [first, second]) {
      expect(await journal.inputsAfter(runId, 0)).toMatchObject([{ kind: 'cancel', body: { by: 'ann' } }]);
    }
    expect(await claim(second.runId)).toMatchObject({ kind: 'claimed' }); // to be cancelled, it needs no turn
    expect(await end(second.runId)).toMatchObject({ nextRun: null }); // the first is still under way
    expect(await claim(third.runId)).toEqual({ kind: 'held_back' });
    expect(await end(first.runId)).toMatchObject({ nextRun: third.runId });
    expect(await claim(third.runId)).toMatchObject({ kind: 'claimed' });
  });

  it('holds at most 100 open runs', async () => {
    for (let i = 0; i < 100; i += 1) await created('full', 'queue');
    expect(await accept('full', 'queue')).toMatchObject({ kind: 'thread_busy' });
  });

  it('leaves other threads, users and tenants alone', async () => {
    await created('mine', 'reject');
    for (const [tenantId, userId] of [
      ['acme', 'bob'],
      ['other', 'ann'],
    ] as const) {
      const principal = { tenantId, userId, role: 'user', via: 'dev' } as const;
      const run = runSpec({ thread_id: 'mine', thread_concurrency: 'reject', principal });
      expect(await accept('mine', 'reject', { run })).toMatchObject({ kind: 'created' });
    }
    expect(await accept('mine-too', 'reject')).toMatchObject({ kind: 'created' });
  });

  it('is handed on by exactly one of the runs that end at the same moment', async () => {
    for (let round = 0; round < 20; round += 1) {
      const before = await Promise.all([1, 2, 3, 4].map(() => created(`both-${round}`, undefined)));
      const next = await created(`both-${round}`, 'queue');
      const ends = await Promise.all(before.map(({ runId }) => end(runId)));
      const named = ends.flatMap((answer) => (answer.kind === 'appended' && answer.nextRun ? [answer.nextRun] : []));
      expect(named).toEqual([next.runId]);
    }
  });

  it('stays in order and without a deadlock while accepts, ends and renewals meet', async () => {
    const open = new Set<string>();
    const ends: Promise<unknown>[] = [];
    for (let round = 0; round < 25; round += 1) {
      const answers = await Promise.all([
        ...(['queue', 'cancel_previous', 'queue', 'reject', undefined] as const).map((how) => accept('storm', how)),
        journal.renew(
          [...open].map((runId) => ({ runId, epoch: 1 })),
          LEASE_MS,
        ),
      ]);
      for (const answer of answers) if ('kind' in answer && answer.kind === 'created') open.add(answer.runId);
      for (const runId of [...open]) {
        const taken = await claim(runId);
        if (taken.kind !== 'claimed' && taken.kind !== 'busy') continue;
        open.delete(runId);
        const epoch = taken.kind === 'claimed' ? taken.epoch : 1;
        ends.push(end(runId, epoch).then((answer) => expect(answer.kind).toBe('appended')));
      }
    }
    await Promise.all(ends);
  });
});

describe('a run whose owners come to nothing', () => {
  const expire = (runId: string) =>
    db.sql(`update orchestrator.runs set lease_until = now() - interval '1 ms' where run_id = $1`, [runId]);
  /** The pause is over. */
  const rest = (runId: string) => db.sql(`update orchestrator.runs set pause_ms = 0 where run_id = $1`, [runId]);

  it('is counted, and left alone for longer each time', async () => {
    const { runId } = await created('poison', undefined);
    const seen: unknown[] = [];
    for (let i = 0; i < 7; i += 1) {
      await expire(runId);
      const early = await journal.claim(runId, 'me', LEASE_MS, [1], true, 10_000);
      if (early.kind === 'held_back') await rest(runId);
      const taken = early.kind === 'claimed' ? early : await journal.claim(runId, 'me', LEASE_MS, [1], true, 10_000);
      const [row] = await db.sql<{ pause_ms: number }>(`select pause_ms from orchestrator.runs where run_id = $1`, [
        runId,
      ]);
      seen.push([early.kind, taken.kind === 'claimed' ? taken.stalls : taken.kind, row!.pause_ms]);
    }
    expect(seen).toEqual([
      ['claimed', 1, 10_000],
      ['held_back', 2, 20_000],
      ['held_back', 3, 40_000],
      ['held_back', 4, 60_000],
      ['held_back', 5, 60_000],
      ['held_back', 6, 60_000],
      ['held_back', 7, 60_000],
    ]);
  });

  it('starts from nothing with every new event, and is not blamed for an owner that gave it back', async () => {
    const { runId } = await created('innocent', undefined);
    await expire(runId);
    expect(await claim(runId)).toMatchObject({ epoch: 2, stalls: 1 });
    await journal.release(runId, 2);
    expect(await claim(runId)).toMatchObject({ epoch: 3, stalls: 1 });
    await journal.append({ runId, epoch: 3, expectedSeq: 1, facts: [message('on')], leaseMs: LEASE_MS });
    await expire(runId);
    expect(await claim(runId)).toMatchObject({ epoch: 4, stalls: 0 });
    await journal.append({ runId, epoch: 4, expectedSeq: 2, facts: [], leaseMs: 0, phase: 'waiting' });
    expect(await claim(runId)).toMatchObject({ epoch: 5, stalls: 0 });
  });

  it('leaves a dead letter with its end, once, with what broke last', async () => {
    const { deadLetters } = db.open('orchestrator');
    const { runId } = await created('dead', undefined);
    await journal.giveUp(runId, 1, 'cannot be folded\0');
    const taken = await claim(runId);
    expect(taken).toMatchObject({ kind: 'claimed', stalls: 1 });
    const last = { runId, epoch: 2, expectedSeq: 1, facts: [completed()], leaseMs: LEASE_MS };
    const giveUp = () => journal.append({ ...last, deadLetter: { reason: 'stalled' } });
    const first = await giveUp();
    expect(await giveUp()).toEqual(first);
    expect(await deadLetters.list('acme', 10)).toMatchObject([
      { runId, reason: 'stalled', error: 'cannot be folded\uFFFD', attempts: 1, requeuedAs: null, userId: 'ann' },
    ]);
    expect(await deadLetters.get('other', runId)).toBeUndefined();
    expect((await journal.stats([1])).deadLetters).toBe(1);
    await deadLetters.markRequeued(runId, 'run-new');
    await deadLetters.markRequeued(runId, 'run-newer');
    expect(await deadLetters.get('acme', runId)).toMatchObject({ requeuedAs: 'run-new' });
    expect((await journal.stats([1])).deadLetters).toBe(0);
  });

  it('is listed page by page', async () => {
    const { deadLetters } = db.open('orchestrator');
    await db.sql(`insert into orchestrator.dead_letters (run_id, tenant_id, user_id, task, reason, attempts, at)
      select 'letter-' || n, 'paged', 'ann', 'task', 'stalled', 5, now() from generate_series(1, 7) n`);
    const pages: string[][] = [];
    for (let after = undefined; ;) {
      const page = await deadLetters.list('paged', 3, after);
      pages.push(page.map(({ runId }) => runId));
      if (page.length < 3) break;
      after = page.at(-1);
    }
    expect(pages).toEqual([['letter-7', 'letter-6', 'letter-5'], ['letter-4', 'letter-3', 'letter-2'], ['letter-1']]);
  });
});
