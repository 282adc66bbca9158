import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import type { Append, Journal } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';
import { acceptOf, completed, message, runSpec, toolResult } from './drafts.ts';

let db: TestDatabase;
let journal: Journal;
let count = 0;
const newId = () => `run-${++count}`;
const LEASE_MS = 30_000;
const SWEEP = { limit: 1_000, engineVersions: [1] };

beforeAll(async () => {
  db = await startDatabase();
  journal = db.open('orchestrator').journal;
});
afterAll(() => db?.stop());

/** An accepted run that this test owns, at seq 1 under epoch 1. */
async function owned(overrides = {}): Promise<string> {
  const runId = newId();
  await journal.accept(acceptOf(runId, { lease: { owner: 'me', leaseMs: LEASE_MS }, ...overrides }));
  return runId;
}

function append(runId: string, rest: Partial<Append>): ReturnType<Journal['append']> {
  return journal.append({ runId, epoch: 1, expectedSeq: 1, facts: [], leaseMs: LEASE_MS, ...rest });
}

const expireLease = (runId: string) =>
  db.sql(`update orchestrator.runs set lease_until = now() - interval '1 millisecond' where run_id = $1`, [runId]);
const age = (runId: string) =>
  db.sql(`update orchestrator.runs set updated_at = now() - interval '1 minute' where run_id = $1`, [runId]);

describe('accept', () => {
  it('commits the run and its first event together', async () => {
    const runId = newId();
    const run = runSpec();
    const accepted = await journal.accept(acceptOf(runId, { run }));
    expect(accepted).toMatchObject({ kind: 'created', runId, lastSeq: 1, epoch: 0 });
    const [first] = await journal.read(runId, 0, 10);
    expect(first).toEqual(accepted.kind === 'created' ? accepted.events[0] : undefined);
    expect(first?.data).toEqual({ run, engine_version: 1 });
    expect(await journal.head(runId)).toMatchObject({ phase: 'queued', lastSeq: 1, tenantId: 'acme', userId: 'ann' });
  });

  it('commits what the first owner announces together with the acceptance, and only where there is an owner', async () => {
    const initialFacts = [message('one'), message('two')];
    const lease = { owner: 'me', leaseMs: LEASE_MS };
    const [runId, waiting] = [newId(), newId()];
    const accepted = await journal.accept(acceptOf(runId, { lease, initialFacts }));
    expect(accepted).toMatchObject({ kind: 'created', lastSeq: 3, epoch: 1 });
    const written = await journal.read(runId, 0, 10);
    expect(written).toEqual(accepted.kind === 'created' ? accepted.events : undefined);
    expect(written.map(({ seq, epoch, type }) => [seq, epoch, type])).toEqual([
      [1, 1, 'orchestrator.run.accepted'],
      [2, 1, 'orchestrator.message.completed'],
      [3, 1, 'orchestrator.message.completed'],
    ]);
    expect(await journal.head(runId)).toMatchObject({ phase: 'running', lastSeq: 3, leaseOwner: 'me' });
    expect(await append(runId, { expectedSeq: 3, facts: [message('three')] })).toMatchObject({ lastSeq: 4 });

    expect(await journal.accept(acceptOf(runId, { lease, initialFacts }))).toMatchObject({
      kind: 'existing',
      lastSeq: 4,
    });
    expect(await journal.accept(acceptOf(waiting, { initialFacts }))).toMatchObject({ lastSeq: 1, epoch: 0 });
    const [thread_id, queued] = [newId(), newId()];
    const run = runSpec({ thread_id, thread_concurrency: 'queue' });
    await journal.accept(acceptOf(newId(), { run, lease, initialFacts }));
    expect(await journal.accept(acceptOf(queued, { run, lease, initialFacts }))).toMatchObject({
      lastSeq: 1,
      epoch: 0,
    });
    expect(await journal.read(queued, 0, 10)).toHaveLength(1);
  });

  it('answers the same request with the run it made, also under another run id', async () => {
    const runId = await owned({ idempotencyKey: 'twice' });
    expect(await journal.accept(acceptOf(newId(), { idempotencyKey: 'twice' }))).toMatchObject({
      kind: 'existing',
      runId,
      lastSeq: 1,
      ended: false,
    });
    await append(runId, { facts: [completed()] });
    expect(await journal.accept(acceptOf(runId, { idempotencyKey: 'twice' }))).toMatchObject({
      lastSeq: 2,
      ended: true,
    });
  });

  it('refuses a key or a run id that serves another request', async () => {
    const runId = await owned({ idempotencyKey: 'taken' });
    const other = { idempotencyKey: 'taken', requestHash: 'another' };
    expect(await journal.accept(acceptOf(newId(), other))).toEqual({ kind: 'conflict' });
    expect(await journal.accept(acceptOf(runId, { idempotencyKey: 'free' }))).toEqual({ kind: 'conflict' });
  });

  it('keeps the keys of tenants and users apart', async () => {
    await owned({ idempotencyKey: 'shared' });
    for (const who of [
      { tenantId: 'other', userId: 'ann' },
      { tenantId: 'acme', userId: 'bob' },
    ]) {
      const run = runSpec({ principal: { ...who, role: 'user', via: 'dev' } });
      expect(await journal.accept(acceptOf(newId(), { run, idempotencyKey: 'shared' }))).toMatchObject({
        kind: 'created',
      });
    }
  });

  it('makes one run of many concurrent requests with one key', async () => {
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => journal.accept(acceptOf(newId(), { idempotencyKey: 'racing' }))),
    );
    expect(answers.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(new Set(answers.map((a) => ('runId' in a ? a.runId : 'none'))).size).toBe(1);
  });
});

describe('claim', () => {
  it('gives a run to one owner at a time, under the next epoch', async () => {
    const runId = newId();
    await journal.accept(acceptOf(runId));
    const claims = await Promise.all(
      Array.from({ length: 16 }, (_, i) => journal.claim(runId, `owner-${i}`, LEASE_MS, [1])),
    );
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
    expect(claims.filter(({ kind }) => kind === 'busy')).toHaveLength(15);
    await expireLease(runId);
    expect(await journal.claim(runId, 'next', LEASE_MS, [1])).toMatchObject({
      kind: 'claimed',
      epoch: 2,
      lastSeq: 1,
      attempts: 2,
      publishedSeq: 0,
      inboxTaken: 0,
      inboxLast: 0,
      tenantId: 'acme',
      userId: 'ann',
    });
  });

  it('leaves runs of versions that it does not know, ended runs and unknown runs', async () => {
    const runId = newId();
    await journal.accept(acceptOf(runId, { engineVersion: 7 }));
    expect(await journal.claim(runId, 'me', LEASE_MS, [5, 6])).toEqual({ kind: 'foreign_version' });
    expect(await journal.claim(runId, 'me', LEASE_MS, [6, 7])).toMatchObject({ kind: 'claimed', epoch: 1 });
    await append(runId, { facts: [completed()] });
    expect(await journal.claim(runId, 'me', LEASE_MS, [7])).toEqual({ kind: 'ended' });
    expect(await journal.claim('nowhere', 'me', LEASE_MS, [7])).toEqual({ kind: 'unknown' });
  });
});

describe('append', () => {
  it('numbers what happened together without a hole and reads it back verbatim', async () => {
    const runId = await owned();
    const odd = 'NUL \0, quotes "\\", lone \ud800 surrogate, {braces}, 😀, line\u2028separator';
    const appended = await append(runId, {
      facts: [message(odd), toolResult({ nested: [null, odd, { $ref: { sha256: 'x', length: 1 } }] })],
    });
    expect(appended).toMatchObject({ kind: 'appended', lastSeq: 3, inboxLast: 0 });
    const events = await journal.read(runId, 1, 10);
    expect(events).toEqual(appended.kind === 'appended' ? appended.events : undefined);
    expect(events.map((e) => [e.seq, e.epoch, e.stepId])).toEqual([
      [2, 1, null],
      [3, 1, 'step-mcp-001'],
    ]);
    expect(events[0]?.data).toMatchObject({ text: odd });
  });

  it('lets exactly one of 32 concurrent appends win, and refuses the others', async () => {
    const runId = await owned();
    const answers = await Promise.all(
      Array.from({ length: 32 }, (_, i) => append(runId, { facts: [message(`writer ${i}`)] })),
    );
    expect(answers.filter(({ kind }) => kind === 'appended')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'conflict')).toHaveLength(31);
    expect(await journal.read(runId, 0, 100)).toHaveLength(2);
  });

  it('answers the repeat of an append whose reply was lost with the events as they are', async () => {
    const runId = await owned();
    const facts = [message('one'), message('two')];
    const first = await append(runId, { facts });
    expect(await append(runId, { facts })).toEqual(first);
    expect(await append(runId, { facts: [message('one')] })).toMatchObject({ kind: 'appended', lastSeq: 3 });
    expect(await append(runId, { facts: [message('two'), message('one')] })).toEqual({ kind: 'conflict', lastSeq: 3 });
    expect(await append(runId, { facts: [...facts, message('three')] })).toEqual({ kind: 'conflict', lastSeq: 3 });
    expect(await journal.read(runId, 0, 100)).toHaveLength(3);
  });

  it('fences whoever lost the run, and whoever gave it back', async () => {
    const runId = await owned();
    await expireLease(runId);
    await journal.claim(runId, 'heir', LEASE_MS, [1]);
    expect(await append(runId, { facts: [message('zombie')] })).toEqual({ kind: 'fenced', lastSeq: 1 });
    expect(await journal.release(runId, 1)).toEqual({ released: false, inboxLast: 0 });
    expect(await journal.release(runId, 2, 'queued')).toEqual({ released: true, inboxLast: 0 });
    expect(await append(runId, { epoch: 2, facts: [message('late')] })).toEqual({ kind: 'fenced', lastSeq: 1 });
    expect(await journal.renew([{ runId, epoch: 2 }], LEASE_MS)).toEqual(new Map());
    expect(await journal.head(runId)).toMatchObject({ phase: 'queued', leaseOwner: null, leaseUntil: null });
  });

  it('ends a run once; the same end again is success, anything else is refused', async () => {
    const runId = await owned();
    const first = await append(runId, { facts: [message('bye'), completed('42\0')], publishedSeq: 1 });
    expect(first).toMatchObject({ kind: 'appended', lastSeq: 3 });
    expect(await append(runId, { facts: [message('bye'), completed('42\0')] })).toEqual(first);
    expect(await append(runId, { facts: [message('bye'), completed('43')] })).toEqual({ kind: 'ended', lastSeq: 3 });
    expect(await append(runId, { expectedSeq: 3, facts: [message('more')] })).toEqual({ kind: 'ended', lastSeq: 3 });
    expect(await append(runId, { expectedSeq: 3, facts: [completed()] })).toEqual({ kind: 'ended', lastSeq: 3 });
    const head = await journal.head(runId);
    expect(head).toMatchObject({ phase: 'ended', status: 'success', completionReason: 'ok', answer: '42\uFFFD' });
    expect(head).toMatchObject({ publishedSeq: 1, leaseOwner: null, leaseUntil: null });
    expect(head?.endedAt).toBe((await journal.read(runId, 2, 1))[0]?.ts);
  });

  it('refuses a batch that goes on after the terminal event, and a fact that is not in the contracts', async () => {
    const runId = await owned();
    const internal = expect.objectContaining({ code: 'internal' });
    await expect(append(runId, { facts: [completed(), message('after')] })).rejects.toEqual(internal);
    const unknown = { ...message('x'), type: 'orchestrator.made.up' } as unknown as ReturnType<typeof message>;
    await expect(append(runId, { facts: [unknown] })).rejects.toEqual(internal);
    await expect(append('nowhere', { facts: [message('x')] })).rejects.toMatchObject({ code: 'not_found' });
    expect(await journal.read(runId, 0, 100)).toHaveLength(1);
  });

  it('stores a payload over 128 KB once and gives it back whole', async () => {
    const runId = await owned();
    const big = { text: 'x'.repeat(300_000), nul: '\0' };
    await append(runId, { facts: [toolResult(big), toolResult(big, 'step-mcp-002')] });
    const [one, two] = await journal.read(runId, 1, 10);
    expect([one?.data, two?.data]).toEqual([
      expect.objectContaining({ result: big, step_id: 'step-mcp-001' }),
      expect.objectContaining({ result: big, step_id: 'step-mcp-002' }),
    ]);
    const stored = await db.sql(`select length(body) as length from orchestrator.run_events where run_id = $1`, [
      runId,
    ]);
    expect(Math.max(...stored.map((event) => Number(event['length'])))).toBeLessThan(1_000);
    expect(await db.sql('select sha256 from orchestrator.blobs')).toHaveLength(1);
    expect(await append(runId, { facts: [toolResult(big), toolResult(big, 'step-mcp-002')] })).toMatchObject({
      kind: 'appended',
    });
  });

  it('pages by count and by bytes, one event at least', async () => {
    const runId = await owned();
    await append(runId, { facts: ['a', 'b', 'c', 'd'].map((text) => message(text.repeat(1_000))) });
    expect((await journal.read(runId, 0, 2)).map((e) => e.seq)).toEqual([1, 2]);
    expect((await journal.read(runId, 1, 100, 2_000)).map((e) => e.seq)).toEqual([2, 3]);
    expect((await journal.read(runId, 3, 100, 1)).map((e) => e.seq)).toEqual([4]);
    expect(await journal.read(runId, 5, 100)).toEqual([]);
    expect(await journal.read('nowhere', 0, 100)).toEqual([]);
  });

  it('gives the lease back together with the events that make the run wait', async () => {
    const runId = await owned();
    const wakeAt = Date.now() + 60_000;
    await append(runId, { facts: [message('well?')], leaseMs: 0, phase: 'waiting', wakeAt });
    expect(await journal.head(runId)).toMatchObject({ phase: 'waiting', leaseOwner: null, wakeAt });
    expect(await append(runId, { facts: [message('well?')], leaseMs: 0, phase: 'waiting', wakeAt })).toMatchObject({
      kind: 'appended',
    });
  });
});

describe('inputs', () => {
  it('numbers inputs, once per key, and tells the owner with the next append', async () => {
    const runId = await owned();
    const cancel = { kind: 'cancel' as const, dedupKey: 'cancel', body: { by: 'ann\0' } };
    expect(await journal.putInput(runId, cancel)).toEqual({ n: 1, created: true, ended: false });
    expect(await journal.putInput(runId, cancel)).toEqual({ n: 1, created: false, ended: false });
    expect(await journal.putInput(runId, { kind: 'message', dedupKey: 'm', body: null })).toMatchObject({ n: 2 });
    expect(await append(runId, { facts: [message('x')] })).toMatchObject({ inboxLast: 2 });
    expect(await journal.inputsAfter(runId, 0)).toMatchObject([
      { n: 1, kind: 'cancel', dedupKey: 'cancel', body: { by: 'ann\0' } },
      { n: 2, kind: 'message', body: null },
    ]);
    await append(runId, { expectedSeq: 2, facts: [completed()], inboxTaken: 2 });
    expect(await journal.head(runId)).toMatchObject({ inboxLast: 2, inboxTaken: 2 });
    expect(await journal.putInput(runId, { ...cancel, dedupKey: 'late' })).toEqual({
      n: 0,
      created: false,
      ended: true,
    });
    expect(await journal.putInput('nowhere', cancel)).toBeUndefined();
  });

  it('numbers concurrent inputs without a hole', async () => {
    const runId = await owned();
    const put = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        journal.putInput(runId, { kind: 'message', dedupKey: `k${i % 12}`, body: i }),
      ),
    );
    expect(put.filter((input) => input?.created)).toHaveLength(12);
    expect((await journal.inputsAfter(runId, 0)).map(({ n }) => n)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
  });
});

describe('the sweeper and the relay', () => {
  const swept = async (runId: string) => (await journal.sweep(SWEEP)).some((run) => run.runId === runId);
  const late = async (runId: string) => (await journal.unpublished(1_000, 1_000)).find((run) => run.runId === runId);

  it('finds every run that has work and no living lease, and no other', async () => {
    const runId = newId();
    await journal.accept(acceptOf(runId));
    expect(await swept(runId)).toBe(false); // Its first wake-up is on the way.
    await age(runId);
    expect(await swept(runId)).toBe(true);
    await journal.claim(runId, 'me', LEASE_MS, [1]);
    expect(await swept(runId)).toBe(false);
    await expireLease(runId);
    expect(await swept(runId)).toBe(true);
    await append(runId, { leaseMs: 0, phase: 'waiting' });
    await age(runId);
    expect(await swept(runId)).toBe(false);
    await journal.putInput(runId, { kind: 'approval', dedupKey: 'a', body: {} });
    await age(runId);
    expect(await swept(runId)).toBe(true);
    expect(await journal.claim(runId, 'me', LEASE_MS, [1])).toMatchObject({ epoch: 2, inboxLast: 1, inboxTaken: 0 });
    await append(runId, { epoch: 2, leaseMs: 0, phase: 'waiting', inboxTaken: 1, wakeAt: Date.now() - 1 });
    await age(runId);
    expect(await swept(runId)).toBe(true); // Its time has come.
    await journal.claim(runId, 'me', LEASE_MS, [1]);
    await append(runId, { epoch: 3, facts: [completed()] });
    await age(runId);
    expect(await swept(runId)).toBe(false);
  });

  it('finds what a dead owner left unpublished until it is marked', async () => {
    const runId = await owned();
    await append(runId, { facts: [message('x'), completed()], publishedSeq: 1 });
    await age(runId);
    expect(await late(runId)).toMatchObject({ publishedSeq: 1, lastSeq: 3, tenantId: 'acme' });
    await journal.markPublished([
      { runId, seq: 2 },
      { runId, seq: 1 },
    ]);
    expect(await late(runId)).toMatchObject({ publishedSeq: 2 });
    await journal.markPublished([{ runId, seq: 99 }]);
    expect(await late(runId)).toBeUndefined();
    expect(await journal.head(runId)).toMatchObject({ publishedSeq: 3 });
    expect(await db.sql('select settled from orchestrator.runs where run_id = $1', [runId])).toEqual([
      { settled: true },
    ]);
  });

  it('counts open runs', async () => {
    await db.sql('update orchestrator.runs set published_seq = last_seq, settled = phase = $1', ['ended']);
    const before = await journal.stats([1]);
    const runId = newId();
    await journal.accept(acceptOf(runId));
    await db.sql(`update orchestrator.runs set created_at = now() - interval '1 hour' where run_id = $1`, [runId]);
    const after = await journal.stats([1]);
    expect(after.phases.queued.runs).toBe(before.phases.queued.runs + 1);
    expect(after.phases.queued.oldestMs).toBeGreaterThanOrEqual(3_600_000);
    expect(after.tenants.get('acme')?.queued.oldestMs).toBe(after.phases.queued.oldestMs);
    expect(after.foreign).toBe(before.foreign);
    expect((await journal.stats([6, 7])).foreign).toBeGreaterThan(after.foreign);
  });

  it('gives tenants turns, and leaves runs of versions that are not asked for', async () => {
    await db.sql('update orchestrator.runs set published_seq = last_seq, settled = phase = $1', ['ended']);
    const of = async (tenantId: string, engineVersion = 1) => {
      const runId = newId();
      const run = runSpec({ principal: { tenantId, userId: 'ann', role: 'user', via: 'dev' } });
      await journal.accept(acceptOf(runId, { run, engineVersion }));
      return runId;
    };
    const many = [];
    for (let i = 0; i < 30; i += 1) many.push(await of('many'), await of('foreign', 9));
    const few = [await of('few'), await of('few')];
    const found = (await journal.sweep({ ...SWEEP, graceMs: 0 })).filter(({ tenantId }) =>
      ['many', 'few', 'foreign'].includes(tenantId),
    );
    expect(found.slice(0, 4).map(({ tenantId }) => tenantId)).toEqual(['many', 'few', 'many', 'few']);
    expect(found.filter(({ tenantId }) => tenantId === 'few').map(({ runId }) => runId)).toEqual(few);
    expect(found).toHaveLength(32);
    expect((await journal.sweep({ limit: 40, graceMs: 0, engineVersions: [9] })).length).toBe(30);
  });
});

it('renews only the leases that are still held', async () => {
  const [mine, lost] = [await owned(), await owned()];
  await expireLease(lost);
  await journal.claim(lost, 'heir', LEASE_MS, [1]);
  const held = await journal.renew(
    [mine, lost, 'nowhere'].map((runId) => ({ runId, epoch: 1 })),
    LEASE_MS,
  );
  expect([...held.keys()]).toEqual([mine]);
});

it('answers the ended turns of a conversation, oldest first', async () => {
  const run = runSpec({ thread_id: 'talk', task: 'question\0' });
  const ids = [await owned({ run }), await owned({ run }), await owned({ run })];
  await owned({ run }); // Still open: no turn yet.
  for (const [i, runId] of ids.entries()) {
    const day = `2026-01-0${i + 1}`;
    await db.sql('update orchestrator.runs set created_at = $2 where run_id = $1', [runId, day]);
  }
  for (const [i, runId] of ids.entries()) await append(runId, { facts: [completed(`answer ${i}`)] });
  const whose = { tenantId: 'acme', userId: 'ann', threadId: 'talk' };
  const turns = await journal.threadTurns({ ...whose, limit: 2 });
  expect(turns.map((turn) => [turn.runId, turn.task, turn.answer, turn.status])).toEqual([
    [ids[1], 'question\uFFFD', 'answer 1', 'success'],
    [ids[2], 'question\uFFFD', 'answer 2', 'success'],
  ]);
  const earlier = await journal.threadTurns({ ...whose, limit: 5, before: turns[0]!.createdAt });
  expect(earlier.map((turn) => turn.runId)).toEqual([ids[0]]);
  expect(await journal.threadTurns({ ...whose, userId: 'bob', limit: 5 })).toEqual([]);
});

it('says "unavailable" while the database is away, and works again afterwards', async () => {
  const away = db.open('orchestrator', { url: 'postgresql://a@127.0.0.1:1/none' });
  await expect(away.ping()).rejects.toBeInstanceOf(AppError);
  await expect(away.ping()).rejects.toMatchObject({ code: 'unavailable' });
  await expect(away.journal.inputsAfter('r', 0)).rejects.toMatchObject({ code: 'unavailable' });
  const here = db.open('orchestrator', { statementTimeoutMs: 300 });
  await here.ping();
  await db.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'switchyard-orchestrator'`,
  );
  await here.ping().catch(() => undefined);
  await here.ping();
  await journal.stats([1]).catch(() => undefined);
});
