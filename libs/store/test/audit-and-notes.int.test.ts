import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AuditRecord, TERMINAL_TYPE } from '@switchyard/contracts';
import type { AuditLog, Notes, SummaryUpdate } from '../src/index.ts';
import { startDatabase, type TestDatabase } from './database.ts';

let db: TestDatabase;
let auditLog: AuditLog;
let notes: Notes;

beforeAll(async () => {
  db = await startDatabase();
  auditLog = db.open('audit').auditLog;
  notes = db.open('mcp-tool').notes;
});
afterAll(() => db?.stop());

const T0 = Date.UTC(2026, 0, 1);

function record(runId: string, seq: number, more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    id: `${runId}:${seq}`,
    ts: T0 + seq,
    type: 'mcp.tool.execution',
    source: '/switchyard/orchestrator',
    tenantId: 'acme',
    userId: 'ann',
    runId,
    seq,
    data: { text: `NUL \0 of ${seq}` },
    ...more,
  };
}

function summary(runId: string, lastSeq: number, more: Partial<SummaryUpdate> = {}): SummaryUpdate {
  return {
    runId,
    threadId: 't',
    userId: 'ann',
    tenantId: 'acme',
    task: 'do\0it',
    phase: 'running',
    status: null,
    completionReason: null,
    totalSteps: 0,
    createdAt: T0,
    endedAt: null,
    lastSeq,
    ...more,
  };
}

describe('audit records', () => {
  it('are added once, whatever is sent again, and come back as they were', async () => {
    const batch = [1, 2, 3].map((seq) => record('once', seq));
    expect(await auditLog.append(batch)).toEqual({ added: 3, conflicts: [] });
    expect(await auditLog.append([...batch, record('once', 4)])).toEqual({ added: 1, conflicts: [] });
    const { records } = await auditLog.query({ tenantId: 'acme', runIds: ['none', 'once'], limit: 10 });
    expect(records).toEqual([4, 3, 2, 1].map((seq) => record('once', seq)));
  });

  it('can be changed or removed by nobody', async () => {
    await auditLog.append([record('final', 1)]);
    for (const text of [
      `update audit.audit_events set body = '{}'`,
      'delete from audit.audit_events',
      'truncate audit.audit_events',
    ]) {
      await expect(db.sql(text)).rejects.toThrow('append-only');
    }
  });

  it('come in pages, newest first, without a gap or a repeat', async () => {
    const many = Array.from({ length: 1_203 }, (_, i) => record('paged', i + 1, { ts: T0 + Math.floor(i / 100) }));
    expect(await auditLog.append(many)).toEqual({ added: 1_203, conflicts: [] });
    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await auditLog.query({
        tenantId: 'acme',
        runIds: ['paged'],
        limit: 100,
        ...(cursor ? { cursor } : {}),
      });
      seen.push(...page.records.map(({ seq }) => seq));
      cursor = page.nextCursor ?? undefined;
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 1_203 }, (_, i) => 1_203 - i));
    for (const wrong of ['', 'x', '1.2', '1.2.3.4', '9999999999999999.1.1']) {
      await expect(auditLog.query({ tenantId: 'acme', limit: 1, cursor: wrong })).rejects.toMatchObject({
        code: 'invalid_cursor',
      });
    }
  });

  it('are found by tenant, user, type and time', async () => {
    const types = ['mcp.tool.execution', 'mcp.task.started', 'mcpx.tool.execution', 'a2a.delegation.started'];
    await auditLog.append(
      types.map((type, i) => record('typed', i + 1, { type, tenantId: 'find', userId: `user-${i}` })),
    );
    const found = async (filter: object) =>
      (await auditLog.query({ tenantId: 'find', limit: 10, ...filter })).records.map(({ seq }) => seq);
    expect(await found({})).toEqual([4, 3, 2, 1]);
    expect(await found({ type: 'mcp.*' })).toEqual([2, 1]);
    expect(await found({ type: 'mcp.task.started' })).toEqual([2]);
    expect(await found({ type: 'mc_.*' })).toEqual([]);
    expect(await found({ userId: 'user-2' })).toEqual([3]);
    expect(await found({ since: T0 + 2, until: T0 + 3 })).toEqual([3, 2]);
    expect(await found({ tenantId: 'nobody' })).toEqual([]);
  });
});

describe('positions', () => {
  it('say up to where nothing is missing, and lead to what is', async () => {
    const at = async (runId: string) => (await auditLog.positions([runId]))[0];
    await auditLog.append([record('holes', 2), record('holes', 5), record('holes', 4)]);
    expect(await at('holes')).toMatchObject({ knownSeq: 0, seenSeq: 5, ended: false });
    await auditLog.append([record('holes', 1)]);
    expect(await at('holes')).toMatchObject({ knownSeq: 2, seenSeq: 5 });
    const asked = { limit: 100, olderThanMs: 0, quietMs: 60_000 };
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await auditLog.gaps(asked)).map((p) => p.runId)).toContain('holes');
    await auditLog.append([record('holes', 3)]);
    expect(await at('holes')).toMatchObject({ knownSeq: 5, seenSeq: 5 });
    expect((await auditLog.gaps(asked)).map((p) => p.runId)).not.toContain('holes');
    // No terminal event yet: after a silence the journal is asked whether there is more.
    const quiet = { ...asked, quietMs: 0 };
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await auditLog.gaps(quiet)).map((p) => p.runId)).toContain('holes');
    await auditLog.append([record('holes', 6, { type: TERMINAL_TYPE })]);
    expect(await at('holes')).toMatchObject({ knownSeq: 6, ended: true });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await auditLog.gaps(quiet)).map((p) => p.runId)).not.toContain('holes');
  });

  it('are not moved by records of other producers that name a run', async () => {
    await auditLog.append([record('named', 9, { id: 'sys:mcp-tool:i-1:9', type: 'tools.access.denied' })]);
    expect(await auditLog.positions(['named'])).toEqual([]);
  });

  it('rest after the journal was asked', async () => {
    await auditLog.append([record('asked', 1)]);
    await auditLog.markChecked(['asked']);
    const gaps = await auditLog.gaps({ limit: 100, olderThanMs: 0, quietMs: 60_000 });
    expect(gaps.map((p) => p.runId)).not.toContain('asked');
  });
});

describe('run summaries', () => {
  it('follow a run forward and never back', async () => {
    await auditLog.append(
      Array.from({ length: 9 }, (_, i) => record('s-1', i + 1, i === 8 ? { type: TERMINAL_TYPE } : {})),
    );
    await auditLog.upsertSummaries([summary('s-1', 3), summary('s-1', 5, { totalSteps: 2 }), summary('s-1', 4)]);
    const ended = { phase: 'ended', status: 'success', completionReason: 'ok', endedAt: T0 + 9 } as const;
    await auditLog.upsertSummaries([summary('s-1', 9, ended)]);
    await auditLog.upsertSummaries([summary('s-1', 8)]);
    expect(await auditLog.summaries(['s-1', 'nowhere'])).toEqual([summary('s-1', 9, { ...ended, task: 'do\uFFFDit' })]);
  });

  it('are listed newest first, by user, conversation and status', async () => {
    const all = Array.from({ length: 25 }, (_, i) =>
      summary(`list-${String(i).padStart(2, '0')}`, 1, {
        tenantId: 'list',
        task: 'x',
        createdAt: T0 + Math.floor(i / 10),
        userId: i % 2 ? 'bob' : 'ann',
        ...(i === 7 ? { threadId: 'special', status: 'failed', phase: 'ended', endedAt: T0 + 1 } : {}),
      }),
    );
    const about = { tenantId: 'list', type: TERMINAL_TYPE };
    await auditLog.append(all.map(({ runId }) => record(runId, 1, about)));
    await auditLog.upsertSummaries(all);
    const first = await auditLog.listRuns({ tenantId: 'list', limit: 20 });
    const rest = await auditLog.listRuns({ tenantId: 'list', limit: 20, cursor: first.nextCursor! });
    expect([...first.runs, ...rest.runs].map((run) => run.runId)).toEqual(all.map((run) => run.runId).reverse());
    expect(rest.nextCursor).toBeNull();
    const { tenantId: _t, lastSeq: _l, ...shown } = all[24]!;
    expect(first.runs[0]).toEqual(shown);
    expect((await auditLog.listRuns({ tenantId: 'list', userId: 'bob', limit: 50 })).runs).toHaveLength(12);
    for (const filter of [{ threadId: 'special' }, { status: 'failed' as const }]) {
      const { runs } = await auditLog.listRuns({ tenantId: 'list', limit: 50, ...filter });
      expect(runs.map((run) => run.runId)).toEqual(['list-07']);
    }
    await expect(auditLog.listRuns({ tenantId: 'list', limit: 1, cursor: '!' })).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  });
});

describe('notes', () => {
  const ann = { tenantId: 'acme', userId: 'ann' };

  it('belong to one user of one tenant', async () => {
    const put = await notes.put(ann, 'shopping', 'milk');
    expect(await notes.put(ann, 'shopping', 'milk, eggs')).toMatchObject({
      createdAt: put.createdAt,
      body: 'milk, eggs',
    });
    await notes.put(ann, 'abc', '');
    expect((await notes.list(ann)).map((note) => note.name)).toEqual(['abc', 'shopping']);
    expect((await notes.list(ann, { after: 'abc', limit: 1 })).map((note) => note.body)).toEqual(['milk, eggs']);
    for (const other of [
      { tenantId: 'acme', userId: 'bob' },
      { tenantId: 'other', userId: 'ann' },
    ]) {
      expect(await notes.get(other, 'shopping')).toBeUndefined();
      expect(await notes.list(other)).toEqual([]);
    }
  });

  it('refuse what PostgreSQL cannot keep instead of changing it', async () => {
    await expect(notes.put(ann, 'nul', 'a\0b')).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('owners', () => {
  it('may touch their own schema and no other', async () => {
    const [orchestrator, audit, tool] = [db.open('orchestrator'), db.open('audit'), db.open('mcp-tool')];
    const denied = { code: 'internal', cause: expect.anything() };
    await expect(audit.journal.stats([1])).rejects.toMatchObject(denied);
    await expect(tool.journal.release('r', 1)).rejects.toMatchObject(denied);
    await expect(orchestrator.auditLog.append([record('foreign', 1)])).rejects.toMatchObject(denied);
    await expect(orchestrator.notes.list({ tenantId: 'acme', userId: 'ann' })).rejects.toMatchObject(denied);
    await Promise.all([orchestrator, audit, tool].map((store) => store.ping()));
  });

  it('cannot change what has happened, whatever they send', async () => {
    const may = async (role: string, table: string, right: string) =>
      (await db.sql<{ may: boolean }>('select has_table_privilege($1, $2, $3) as may', [role, table, right]))[0]!.may;
    for (const right of ['UPDATE', 'DELETE', 'TRUNCATE']) {
      expect(await may('switchyard_audit', 'audit.audit_events', right)).toBe(false);
      expect(await may('switchyard_orchestrator', 'orchestrator.run_events', right)).toBe(false);
    }
    await expect(db.sql(`update orchestrator.run_events set body = ''`)).resolves.toEqual([]); // No row, no trigger.
  });
});
