import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus } from '@switchyard/bus';
import {
  AppError,
  type AuditRecord,
  listAcceptedRuns,
  listRuns,
  type Principal,
  queryAudit,
  readRunEvents,
  type RunEvent,
  STREAMS,
  subjects,
  toCloudEvent,
} from '@switchyard/contracts';
import { type Servers, startServers, stockClient } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { CONFLICT_TYPE, migrateDatabase, openStore } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { connect, type NatsConnection } from 'nats';
import { type AuditApp, createAudit } from '../src/app.ts';
import { Config } from '../src/config.ts';
import { taskHash } from '../src/log-tree/log-tree.ts';
import { runRecord } from '../src/records.ts';
import { oneRun } from './one-run.ts';

const lines: string[] = [];
const log = createLogger({
  app: 'audit-test',
  level: 'error',
  destination: { write: (line: string) => void lines.push(line) },
});
const who = (userId: string, role: Principal['role'] = 'user', tenantId = 'acme'): Principal => ({
  tenantId,
  userId,
  role,
  via: 'dev',
});
const auditor = who('eve', 'auditor');

/** What the orchestrator would answer: the whole journal of every run that it knows. */
const journal = new Map<string, RunEvent[]>();
/** The runs that a comparison with the journal shows, in this order, and when the first of them was accepted. */
const acceptedLately = new Set<string>();
const FIRST_AT = Date.now() - 60_000;
let servers: Servers<'nats' | 'postgres'>;
let nats: NatsConnection;
let bus: Bus;
/** Asks audit. */
let gateway: Bus;
let tools: Bus;
let audit: AuditApp;
let treeDir: string;

async function startAudit(): Promise<void> {
  audit = createAudit(
    Config.parse({
      ...servers.accessOf('audit'),
      LOG_TREE_DIR: treeDir,
      // Its runs were years ago.
      LOG_TREE_KEEP_DAYS: '0',
      AUDIT_SWEEP_MS: '200',
      AUDIT_COMPARE_MS: '200',
      AUDIT_COMPARE_AGE_MS: '0',
    }),
    { log, handleSignals: false },
  );
  await audit.start();
}

/** What the readiness of audit says of its records. */
async function recordsCheck(): Promise<unknown> {
  const body = (await (await fetch(`http://127.0.0.1:${audit.opsPort}/readiness`)).json()) as {
    checks: Record<string, unknown>;
  };
  return body.checks['records'];
}

const seqsOf = (records: readonly AuditRecord[]) => records.map((r) => r.seq).sort((a, b) => a - b);
const logOf = async (runId: string, principal = auditor) =>
  (await gateway.request(queryAudit, { principal, runId, limit: 500 })).records;

/** Waits until audit knows the end of a run, and gives its records. */
async function settled(runId: string, count = 9): Promise<AuditRecord[]> {
  let records: AuditRecord[] = [];
  const knows = async (): Promise<boolean> => {
    const { runs } = await gateway.request(listRuns, { principal: auditor, limit: 200 });
    records = await logOf(runId);
    return records.length >= count && runs.some((r) => r.runId === runId && r.phase === 'ended');
  };
  await until(knows, 15_000).catch((cause: unknown) => {
    throw new Error(`audit does not know all of ${runId}: ${seqsOf(records).join(', ')}`, { cause });
  });
  return records;
}

function run(runId: string, task = `Task of ${runId}`, tenantId = 'acme', userId = 'ada'): RunEvent[] {
  const events = oneRun(task, runId, tenantId, userId);
  journal.set(runId, events);
  return events;
}

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  treeDir = await mkdtemp(join(tmpdir(), 'audit-tree-'));
  nats = await connect(stockClient(servers.nats.url));
  bus = await connectBus({ ...servers.busOf('orchestrator'), log });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  tools = await connectBus({ ...servers.busOf('mcp-tool'), log });
  await bus.ensureStreams();
  await bus.answer(readRunEvents, async ({ principal, runId, after, limit }) => {
    const events = journal.get(runId);
    if (!events || events[0]?.tenantId !== principal.tenantId) throw new AppError('not_found');
    const page = events.filter((e) => e.seq > after).slice(0, limit);
    return { events: page, lastSeq: events.length, ended: true, firstSeq: 1 };
  });
  await bus.answer(listAcceptedRuns, async ({ acceptedAt, runId, limit }) => {
    const all = [...acceptedLately].map((id, index) => ({ runId: id, tenantId: 'acme', acceptedAt: FIRST_AT + index }));
    const isAfter = (run: (typeof all)[number]) =>
      run.acceptedAt > acceptedAt || (run.acceptedAt === acceptedAt && run.runId > runId);
    return { runs: all.filter(isAfter).slice(0, Math.min(limit, 7)) };
  });
  await startAudit();
});

afterAll(async () => {
  await audit?.stop();
  await Promise.all([bus, gateway, tools].map((each) => each?.close()));
  await nats?.close();
  await servers?.stop();
  if (treeDir) await rm(treeDir, { recursive: true, force: true });
});

describe('audit, with real servers', () => {
  it('keeps every fact of a run, its summary, and its folder', async () => {
    await bus.publishEvents(run('run-plain'));
    expect(seqsOf(await settled('run-plain'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const { runs } = await gateway.request(listRuns, { principal: auditor });
    expect(runs.find((r) => r.runId === 'run-plain')).toMatchObject({
      status: 'success',
      totalSteps: 1,
      userId: 'ada',
    });
    const [folder] = (await readdir(treeDir)).filter((f) => f.endsWith(`_${taskHash('Task of run-plain')}`));
    const metadata = JSON.parse(await readFile(join(treeDir, folder!, 'metadata.json'), 'utf8')) as unknown;
    expect(metadata).toMatchObject({ run_id: 'run-plain', status: 'success' });
  });

  it('completes a hole from the journal', async () => {
    const events = run('run-hole');
    await bus.publishEvents(events.slice(0, 2));
    await bus.publishEvents(events.slice(6));
    expect(seqsOf(await settled('run-hole'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('keeps a fact once that is delivered twice', async () => {
    const events = run('run-twice');
    for (const event of [...events, ...events]) {
      // Without a message id, so that the server cannot tell.
      nats.publish(subjects.runEvent(event.tenantId, event.runId, event.type), JSON.stringify(toCloudEvent(event)));
    }
    await settled('run-twice');
    expect(seqsOf(await logOf('run-twice'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('skips what is no fact, and goes on', async () => {
    nats.publish('run.acme.run-bad.mcp.tool.execution', 'not JSON at all');
    nats.publish('run.acme.run-bad.mcp.tool.execution', JSON.stringify({ specversion: '1.0', id: 'x' }));
    nats.publish('sys.tools.access.denied', '[]');
    await bus.publishEvents(run('run-after-bad'));
    await settled('run-after-bad');
    expect(await logOf('run-bad')).toEqual([]);
  });

  it('keeps facts outside runs', async () => {
    const data = { tenant_id: 'acme', user_id: 'ada', tool: 'send_mail', reason: 'role', run_id: null };
    await tools.publishSystem({ type: 'tools.access.denied', data });
    const told = async () => (await gateway.request(queryAudit, { principal: auditor, type: 'tools.*' })).records;
    await until(async () => (await told()).length > 0, 15_000);
    expect((await told())[0]).toMatchObject({ type: 'tools.access.denied', userId: 'ada' });
  });

  it('takes what was published while it was away', async () => {
    const events = run('run-restart');
    await bus.publishEvents(events.slice(0, 4));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await audit.stop();
    await bus.publishEvents(events.slice(4));
    await startAudit();
    expect(seqsOf(await settled('run-restart'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const folders = (await readdir(treeDir)).filter((f) => f.includes(taskHash('Task of run-restart')));
    expect(folders).toHaveLength(1);
    const lines = await readFile(join(treeDir, folders[0]!, 'orchestrator/main.jsonl'), 'utf8');
    expect(lines.trim().split('\n')).toHaveLength(7);
  });

  it('completes a run from the journal after its stream was wiped', async () => {
    const events = run('run-wiped');
    await bus.publishEvents(events.slice(0, 4));
    await until(async () => (await logOf('run-wiped')).length >= 4, 15_000);
    await audit.stop();
    const manager = await nats.jetstreamManager();
    await bus.publishEvents(events.slice(4));
    await manager.streams.delete('RUNS');
    await startAudit();
    expect(seqsOf(await settled('run-wiped'))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // And what is published afterwards arrives, on the stream that was made anew.
    await bus.publishEvents(run('run-after-wipe'));
    await settled('run-after-wipe');
  });

  it('takes the runs that left the bus while it was away, of which no number shows a hole', async () => {
    await bus.ensureStreams({ ...STREAMS.RUNS, maxMessages: 20 });
    await audit.stop();
    const left = Array.from({ length: 30 }, (_, n) => `run-left-${n}`);
    for (const runId of left) {
      acceptedLately.add(runId);
      await bus.publishEvents(run(runId));
    }
    const { state } = await (await nats.jetstreamManager()).streams.info('RUNS');
    expect(state.messages).toBe(20);
    await startAudit();
    for (const runId of left) expect(seqsOf(await settled(runId))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await bus.ensureStreams(STREAMS.RUNS);
  });

  it('shows a user its own, an auditor its tenant, and nobody another tenant', async () => {
    await bus.publishEvents(run('run-of-bob', 'Task of Bob', 'acme', 'bob'));
    await bus.publishEvents(run('run-elsewhere', 'Elsewhere', 'other', 'ada'));
    await settled('run-of-bob');
    expect(await logOf('run-of-bob', who('ada'))).toEqual([]);
    expect(await logOf('run-of-bob', who('bob'))).toHaveLength(9);
    expect(await logOf('run-of-bob', who('ada', 'admin', 'other'))).toEqual([]);
    const mine = await gateway.request(listRuns, { principal: who('bob') });
    expect(mine.runs.map((r) => r.runId)).toEqual(['run-of-bob']);
  });

  it('hands out pages that meet without a gap, and refuses a cursor of its own making', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await gateway.request(queryAudit, { principal: auditor, limit: 7, ...(cursor ? { cursor } : {}) });
      seen.push(...page.records.map((r) => r.id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    const all = await gateway.request(queryAudit, { principal: auditor, limit: 500 });
    expect(seen).toEqual(all.records.map((r) => r.id));
    await expect(gateway.request(queryAudit, { principal: auditor, cursor: 'bm9uc2Vuc2U' })).rejects.toMatchObject({
      code: 'invalid_cursor',
    });
  });

  it('says of itself that nothing was tampered with, after all of that', async () => {
    expect(await recordsCheck()).toMatchObject({ ok: true });
  });

  it('keeps the real record beside one that a stolen login wrote first, and tells of it in three places', async () => {
    const events = run('run-forged');
    const { data: _real, ...third } = events[2]!;
    const stolen = openStore({ url: servers.postgres.urlFor('audit'), app: 'audit' });
    const forged = { ...third, data: { step_number: 99, last_failed: true } } as RunEvent;
    await stolen.auditLog.append([runRecord(forged, 'ada')]);
    await stolen.close();

    await bus.publishEvents(events);
    const records = await settled('run-forged', 10);
    const conflicts = records.filter(({ type }) => type === CONFLICT_TYPE);
    expect(conflicts).toMatchObject([{ seq: 3, data: { id: 'run-forged:3', data: events[2]!.data } }]);
    expect(await recordsCheck()).toMatchObject({ ok: false, detail: expect.stringContaining('tampered: 1 records') });
    expect(await (await fetch(`http://127.0.0.1:${audit.opsPort}/metrics`)).text()).toMatch(
      /audit_conflicts_total\S* [1-9]/,
    );
    expect(lines.join()).toContain('audit_record_conflict');
  });
});
