import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditRecord, TERMINAL_TYPE } from '@switchyard/contracts';
import pg from 'pg';
import { type AuditLog, CONFLICT_TYPE, type SummaryUpdate } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';

/*
 * What a stolen login of audit can do to the log: it acts as the role itself, beside the service.
 */

let db: TestDatabase;
let auditLog: AuditLog;
let thief: pg.Client;

beforeAll(async () => {
  db = await startDatabase();
  auditLog = db.open('audit').auditLog;
  thief = new pg.Client({ connectionString: db.urlFor('audit') });
  await thief.connect();
  await thief.query('set role switchyard_audit');
});
afterAll(async () => {
  await thief?.end();
  await db?.stop();
});

const T0 = Date.UTC(2026, 0, 1);
const record = (runId: string, seq: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  id: `${runId}:${seq}`,
  ts: T0 + seq,
  type: 'mcp.tool.execution',
  source: '/switchyard/orchestrator',
  tenantId: 'acme',
  userId: 'ann',
  runId,
  seq,
  data: { tool: 'pay', params: { to: 'ann' } },
  ...more,
});
const summary = (runId: string, lastSeq: number, more: Partial<SummaryUpdate> = {}): SummaryUpdate => ({
  runId,
  threadId: 't',
  userId: 'ann',
  tenantId: 'acme',
  task: 'pay',
  phase: 'running',
  status: null,
  completionReason: null,
  totalSteps: 1,
  createdAt: T0,
  endedAt: null,
  lastSeq,
  ...more,
});
const ENDED = { phase: 'ended', status: 'success', completionReason: 'ok', endedAt: T0 + 9 } as const;
const all = async (runId: string, tenantId = 'acme') =>
  (await auditLog.query({ tenantId, runIds: [runId], limit: 100 })).records;

describe('a record that was written before the real one came', () => {
  it.each([
    ['data', { data: { tool: 'pay', params: { to: 'eve' } } }],
    ['type', { type: 'mcp.task.started' }],
    ['time', { ts: T0 + 5_000 }],
    ['user', { userId: 'eve' }],
    ['source', { source: '/switchyard/a2a' }],
  ])('with another %s is found out; the real one stands beside it', async (what, more) => {
    const runId = `forged-${what}`;
    const before = await auditLog.conflicts();
    const forged = record(runId, 1, more);
    await auditLog.append([forged]);
    const real = record(runId, 1);
    expect(await auditLog.append([real, record(runId, 2)])).toEqual({ added: 1, conflicts: [real.id] });
    const [beside] = (await all(runId)).filter(({ type }) => type === CONFLICT_TYPE);
    expect(beside).toMatchObject({
      runId,
      seq: 1,
      data: { id: real.id, type: real.type, source: real.source, ts: real.ts, data: real.data },
    });
    expect(await all(runId)).toContainEqual(forged);
    expect(await auditLog.conflicts()).toBe(before + 1);
    // Again and again it is told, and kept once.
    expect(await auditLog.append([real])).toEqual({ added: 0, conflicts: [real.id] });
    expect(await auditLog.conflicts()).toBe(before + 1);
    expect((await auditLog.positions([runId]))[0]).toMatchObject({ knownSeq: 2, seenSeq: 2 });
  });

  it('for another tenant is found out, too, and told to the tenant whose it is', async () => {
    await auditLog.append([record('elsewhere', 1, { tenantId: 'evil' })]);
    expect(await auditLog.append([record('elsewhere', 1)])).toMatchObject({ conflicts: ['elsewhere:1'] });
    expect(await all('elsewhere')).toMatchObject([{ type: CONFLICT_TYPE, tenantId: 'acme' }]);
  });

  it('is found out where both come at the same moment', async () => {
    const one = record('race', 1);
    const other = record('race', 1, { data: 'another' });
    const answers = await Promise.all([auditLog.append([one]), auditLog.append([other])]);
    expect(answers.flatMap(({ conflicts }) => conflicts)).toEqual(['race:1']);
  });
});

describe('the same record', () => {
  it('is no conflict in another order of its keys, with U+0000 in it, or where only now its user is known', async () => {
    const nul = record('same', 1, { data: { text: 'NUL \0', n: 1.5 }, userId: null });
    await auditLog.append([nul, record('same', 2, { data: { a: 1, b: [2, { c: 3, d: 4 }] } })]);
    const again = [
      record('same', 1, { data: { text: 'NUL \0', n: 1.5 } }),
      record('same', 2, { data: { b: [2, { d: 4, c: 3 }], a: 1 } }),
    ];
    expect(await auditLog.append(again)).toEqual({ added: 0, conflicts: [] });
    expect(await all('same')).toHaveLength(2);
  });
});

describe('a stolen login of audit', () => {
  const refused = (text: string) => expect(thief.query(text)).rejects.toMatchObject({ code: '42501' });
  const append = (id: string, type: string) =>
    thief.query('select * from audit.append_records($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
      [id],
      [T0],
      [type],
      ['s'],
      ['acme'],
      [null],
      [null],
      [1],
      ['{}'],
      TERMINAL_TYPE,
    ]);

  it('writes no row by itself, and changes none', async () => {
    await auditLog.append([record('kept', 1, { type: TERMINAL_TYPE })]);
    await auditLog.upsertSummaries([summary('kept', 1, ENDED)]);
    await refused(
      `insert into audit.audit_events (id, ts, type, source, seq, body) values ('x', now(), 't', 's', 1, '{}')`,
    );
    await refused(`update audit.audit_events set body = '{}'`);
    await refused('delete from audit.audit_events');
    await refused(`update audit.run_summaries set status = 'failed'`);
    await refused('insert into audit.run_summaries select * from audit.run_summaries');
    await refused('delete from audit.run_summaries');
    await refused('update audit.positions set known_seq = 0');
    await refused('update audit.positions set ended = true');
    await refused('insert into audit.positions select * from audit.positions');
    await refused('delete from audit.positions');
    await refused('alter table audit.audit_events disable trigger all');
  });

  it('cannot write the trace of a conflict in advance', async () => {
    await expect(append('!kept:1:00', 'mcp.tool.execution')).rejects.toMatchObject({ code: '23514' });
    await expect(append('kept:7', CONFLICT_TYPE)).rejects.toMatchObject({ code: '23514' });
  });

  it('cannot hide behind names of its own where the functions look up theirs', async () => {
    await expect(thief.query('create table audit.unnest (id text)')).rejects.toMatchObject({ code: '42501' });
    await db.sql('grant temporary on database switchyard to switchyard_audit'); // as where nobody took it from all
    await thief.query('create temp table positions (run_id text)');
    await auditLog.append([record('named', 1)]);
    expect(await append('named-2:1', 'mcp.tool.execution')).toMatchObject({ rows: [{ added: 1 }] });
  });
});

describe('a summary', () => {
  it('says no more than the records of its run, and nothing before they are there', async () => {
    await auditLog.upsertSummaries([summary('early', 1)]);
    expect(await auditLog.summaries(['early'])).toEqual([]);
    await auditLog.append([record('early', 1), record('early', 2)]);
    await auditLog.upsertSummaries([summary('early', 3)]);
    await auditLog.upsertSummaries([summary('early', 2, ENDED)]);
    expect(await auditLog.summaries(['early'])).toEqual([]);
    await auditLog.upsertSummaries([summary('early', 2)]);
    expect(await auditLog.summaries(['early'])).toMatchObject([{ lastSeq: 2, status: null }]);
  });

  it('is final once the run has ended, and stays whose it is', async () => {
    await auditLog.append([record('final', 1), record('final', 2, { type: TERMINAL_TYPE })]);
    await auditLog.upsertSummaries([summary('final', 1)]);
    const other = { userId: 'eve', threadId: 'e', task: 'other', createdAt: T0 + 1 };
    await auditLog.upsertSummaries([summary('final', 2, { ...ENDED, ...other })]);
    expect(await auditLog.summaries(['final'])).toEqual([summary('final', 2, ENDED)]);
    await auditLog.append([record('final', 3)]);
    await auditLog.upsertSummaries([summary('final', 3, { ...ENDED, status: 'failed' })]);
    await auditLog.upsertSummaries([summary('final', 3, { ...ENDED, tenantId: 'evil' })]);
    expect(await auditLog.summaries(['final'])).toEqual([summary('final', 2, ENDED)]);
  });
});

describe('two replicas that learn of the same records at once', () => {
  it('never wait for each other, whatever the order that each learned them in', async () => {
    const other = db.open('audit').auditLog;
    const deadlocks = async () => {
      const [found] = await db.sql<{ deadlocks: string }>(
        'select deadlocks from pg_stat_database where datname = current_database()',
      );
      return Number(found?.deadlocks);
    };
    const before = await deadlocks();
    for (let round = 0; round < 40; round += 1) {
      const same = Array.from({ length: 300 }, (_, n) => record(`both-${round}-${n % 30}`, Math.floor(n / 30) + 1));
      const answers = await Promise.all([auditLog.append(same), other.append(same.toReversed())]);
      expect(answers.map(({ added }) => added).reduce((sum, added) => sum + added)).toBe(same.length);
    }
    // The statistics of a session are told a moment later.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await deadlocks()).toBe(before);
  });
});
