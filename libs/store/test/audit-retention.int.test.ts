import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuditRecord, TERMINAL_TYPE } from '@switchyard/contracts';
import { type AuditLog, PRUNED_TYPE, type SummaryUpdate } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';

/* What old records of the audit log may go, how, and what is left in their place. */

const DAY_MS = 86_400_000;
const NOW = Date.now();
const OLD = NOW - 100 * DAY_MS;
const EVERYTHING = { keepDays: 60, limit: 1_000 };

let db: TestDatabase;
let auditLog: AuditLog;

beforeAll(async () => {
  db = await startDatabase();
  auditLog = db.open('audit').auditLog;
});
afterAll(() => db?.stop());
beforeEach(async () => {
  while ((await auditLog.prune({ keepDays: 30, limit: 1_000 })) > 0);
});

const record = (runId: string, seq: number, ts: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
  id: `${runId}:${seq}`,
  ts,
  type: 'mcp.tool.execution',
  source: '/switchyard/orchestrator',
  tenantId: 'acme',
  userId: 'ann',
  runId,
  seq,
  data: { seq },
  ...more,
});
const system = (n: number, ts: number, tenantId: string | null = null): AuditRecord => ({
  ...record('', n, ts),
  id: `sys.gateway.one:${n}`,
  type: 'gateway.auth.failed',
  source: '/switchyard/gateway',
  tenantId,
  userId: null,
  runId: null,
});
const ended = (runId: string, seq: number, ts: number) => record(runId, seq, ts, { type: TERMINAL_TYPE });
const summary = (runId: string, lastSeq: number): SummaryUpdate => ({
  runId,
  threadId: 't',
  userId: 'ann',
  tenantId: 'acme',
  task: 'task',
  phase: 'ended',
  status: 'success',
  completionReason: 'ok',
  totalSteps: 1,
  createdAt: OLD,
  endedAt: OLD,
  lastSeq,
});
const ids = async (tenantId: string | null, type?: string) =>
  (await auditLog.query({ tenantId, limit: 500, ...(type ? { type } : {}) })).records.map(({ id }) => id);
const traces = async () => (await auditLog.query({ tenantId: null, type: PRUNED_TYPE, limit: 500 })).records;

describe('old records of the audit log', () => {
  it('go once they are older than asked, with the summary of their run, and nothing younger does', async () => {
    await auditLog.append([record('gone', 1, OLD), ended('gone', 2, OLD), system(1, OLD, 'acme')]);
    await auditLog.append([record('kept', 1, NOW - 50 * DAY_MS), ended('kept', 2, NOW), system(2, NOW, 'acme')]);
    await auditLog.upsertSummaries([summary('gone', 2), summary('kept', 2)]);
    expect(await auditLog.prune(EVERYTHING)).toBe(3);
    expect(await ids('acme')).toEqual(['sys.gateway.one:2', 'kept:2', 'kept:1']);
    expect(await auditLog.positions(['gone', 'kept'])).toMatchObject([{ runId: 'kept' }]);
    expect(await auditLog.summaries(['gone', 'kept'])).toMatchObject([{ runId: 'kept' }]);
    expect(await auditLog.prune(EVERYTHING)).toBe(0);
  });

  it('leave a record that says how many went, from when, and what they were, which itself never goes', async () => {
    const before = (await traces()).length;
    const old = [
      system(11, OLD, 'acme'),
      system(12, OLD + 5, 'other'),
      record('traced', 1, OLD + 9),
      ended('traced', 2, OLD),
    ];
    await auditLog.append(old);
    expect(await auditLog.prune(EVERYTHING)).toBe(4);
    const after = await traces();
    expect(after).toHaveLength(before + 1);
    const bytes = old.map(({ id, type, data }) =>
      createHash('sha256')
        .update([id, type, JSON.stringify(data)].join('\x1f'))
        .digest(),
    );
    expect(after[0]).toMatchObject({
      source: '/switchyard/audit',
      tenantId: null,
      data: {
        records: 4,
        tenants: 2,
        runs: 1,
        oldest: OLD,
        newest: OLD + 9,
        keep_days: 60,
        sha256: createHash('sha256').update(Buffer.concat(bytes)).digest('hex'),
      },
    });
    await db.sql('alter table audit.audit_events disable trigger audit_events_are_final');
    await db.sql(`update audit.audit_events set ts = ts - interval '200 days' where type = $1`, [PRUNED_TYPE]);
    await db.sql('alter table audit.audit_events enable trigger audit_events_are_final');
    expect(await auditLog.prune(EVERYTHING)).toBe(0);
    expect(await traces()).toHaveLength(before + 1);
  });

  it('never go before thirty days, whatever is asked', async () => {
    await auditLog.append([system(21, NOW - 29 * DAY_MS, 'acme'), system(22, NOW - 31 * DAY_MS, 'acme')]);
    expect(await auditLog.prune({ keepDays: 0, limit: 100 })).toBe(1);
    expect(await auditLog.prune({ keepDays: -5, limit: 100 })).toBe(0);
    expect(await ids('acme', 'gateway.*')).toContain('sys.gateway.one:21');
  });

  it('stay while their run has not ended', async () => {
    await auditLog.append([record('waits', 1, OLD), record('waits', 2, OLD)]);
    expect(await auditLog.prune(EVERYTHING)).toBe(0);
    await auditLog.append([ended('waits', 3, OLD)]);
    expect(await auditLog.prune(EVERYTHING)).toBe(3);
  });

  it('go in steps of the size that was asked, once each, also where two ask at once', async () => {
    await auditLog.append(Array.from({ length: 250 }, (_, n) => system(100 + n, OLD + n)));
    const both = await Promise.all([1, 2, 3].map(() => auditLog.prune({ keepDays: 60, limit: 50 })));
    for (const removed of both) expect(removed).toBeLessThanOrEqual(50);
    let removed = both.reduce((sum, each) => sum + each, 0);
    for (let step = -1; step !== 0; removed += step) step = await auditLog.prune({ keepDays: 60, limit: 100 });
    expect(removed).toBe(250);
  });

  it('can be removed in no other way, by the service or by the owner', async () => {
    await auditLog.append([system(31, OLD, 'acme'), system(32, NOW, 'acme')]);
    await expect(db.sql(`delete from audit.audit_events where id = 'sys.gateway.one:31'`)).rejects.toThrow(
      'append-only',
    );
    // Also with what the function sets: what is young, and what is changed, stays.
    const inside = async (text: string) =>
      db.sql(
        `do $$ begin perform set_config('switchyard.audit_pruning', pg_current_xact_id()::text, true); ${text}; end $$`,
      );
    await expect(inside(`delete from audit.audit_events where id = 'sys.gateway.one:32'`)).rejects.toThrow(
      'append-only',
    );
    await expect(inside(`update audit.audit_events set body = '{}'`)).rejects.toThrow('append-only');
    await expect(inside('truncate audit.audit_events')).rejects.toThrow('append-only');
    const role = db.open('audit').auditLog;
    await expect(role.append([{ ...system(33, NOW), type: PRUNED_TYPE }])).rejects.toThrow();
    expect(await ids('acme')).toEqual(expect.arrayContaining(['sys.gateway.one:31', 'sys.gateway.one:32']));
  });
});

describe('who reads the database', () => {
  const asReader = (text: string) =>
    db.sql(`do $$ begin set local role switchyard_reader; execute '${text}'; end $$`).catch((error: unknown) => error);

  it('sees the turns of conversations and the audit log, and nothing beside', async () => {
    await db.sql(
      `insert into orchestrator.runs (run_id, tenant_id, user_id, thread_id, idempotency_key, request_hash, task, engine_version,
         phase, last_seq, status, answer, created_at, updated_at, ended_at)
       values ('turn-1', 'acme', 'ann', 'talk', 'k', 'h', 'What is 6 times 7?', 1, 'ended', 9, 'success', '42', now(), now(), now())`,
    );
    const [turn] = await db.sql(`select * from orchestrator.conversation_turns where turn_id = 'turn-1'`);
    expect(turn).toMatchObject({
      tenant_id: 'acme',
      user_id: 'ann',
      session_id: 'talk',
      user_message: 'What is 6 times 7?',
      agent_response: '42',
      status: 'success',
    });
    for (const text of ['orchestrator.conversation_turns', 'audit.audit_events'])
      expect(await asReader(`select count(*) from ${text}`)).not.toBeInstanceOf(Error);
    for (const text of [
      'select from orchestrator.runs',
      'select from audit.run_summaries',
      'select from mcp_tool.notes',
      'update orchestrator.conversation_turns set user_message = user_message',
      'delete from orchestrator.conversation_turns',
      'delete from audit.audit_events',
      'select audit.prune_records(30, 1)',
    ])
      expect(String(await asReader(text))).toMatch(/permission denied/);
  });
});
