import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus } from '@switchyard/bus';
import { AppError, type Principal, queryAudit, readRunEvents, type RunEvent } from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { migrateDatabase, PRUNED_TYPE } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { type AuditApp, createAudit } from '../src/app.ts';
import { Config } from '../src/config.ts';
import { taskHash } from '../src/log-tree/log-tree.ts';
import { oneRun } from './one-run.ts';

/* Two replicas over one tree and one log, which keep little. The runs of one-run.ts were in November 2023. */

const log = createLogger({ app: 'audit-test', level: 'silent' });
const PERSON = 'tester';
const journal = new Map<string, RunEvent[]>();
let servers: Servers<'nats' | 'postgres'>;
let bus: Bus;
let gateway: Bus;
let operator: Bus;
let treeDir: string;
const replicas: AuditApp[] = [];

const auditor: Principal = { tenantId: 'acme', userId: 'eve', role: 'auditor', via: 'dev' };
const asOperator = (role: Principal['role']): Principal => ({
  tenantId: 'default',
  userId: `operator-${PERSON}`,
  role,
  via: 'operator',
});
const recordsOf = async (runId: string) =>
  (await gateway.request(queryAudit, { principal: auditor, runId, limit: 500 })).records;
const folderOf = async (task: string) => (await readdir(treeDir)).find((name) => name.endsWith(`_${taskHash(task)}`));

async function startReplica(keepDays: number): Promise<void> {
  const replica = createAudit(
    Config.parse({
      ...servers.accessOf('audit'),
      LOG_TREE_DIR: treeDir,
      LOG_TREE_KEEP_DAYS: String(keepDays),
      LOG_TREE_PRUNE_MS: '200',
      AUDIT_RETENTION_DAYS: String(keepDays),
      AUDIT_PRUNE_MS: '200',
    }),
    { log, handleSignals: false },
  );
  await replica.start();
  replicas.push(replica);
}

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  treeDir = await mkdtemp(join(tmpdir(), 'audit-retention-'));
  bus = await connectBus({ ...servers.busOf('orchestrator'), log });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  operator = await connectBus({ ...servers.busOf('operator'), log });
  await bus.ensureStreams();
  await bus.answer(readRunEvents, async ({ runId, after, limit }) => {
    const events = journal.get(runId);
    if (!events) throw new AppError('not_found');
    return {
      events: events.filter((e) => e.seq > after).slice(0, limit),
      lastSeq: events.length,
      ended: true,
      firstSeq: 1,
    };
  });
  await startReplica(0);
});

afterAll(async () => {
  for (const replica of replicas) await replica.stop();
  await Promise.all([bus, gateway, operator].map((each) => each?.close()));
  await servers?.stop();
  if (treeDir) await rm(treeDir, { recursive: true, force: true });
});

describe('what is old', () => {
  it('goes from log and tree with a trace for operators, and a run that is under way stays in both', async () => {
    const ended = oneRun('An old task', 'run-old');
    const open = oneRun('A task under way', 'run-open').slice(0, 6);
    journal.set('run-old', ended);
    journal.set('run-open', open);
    await bus.publishEvents(ended);
    await bus.publishEvents(open);
    await until(
      async () => (await recordsOf('run-old')).length === 9 && (await recordsOf('run-open')).length === 6,
      30_000,
    );
    await until(async () => (await folderOf('An old task')) !== undefined, 15_000);

    await Promise.all([startReplica(30), startReplica(30)]);
    await until(async () => (await recordsOf('run-old')).length === 0, 30_000);
    await until(async () => (await folderOf('An old task')) === undefined, 30_000);
    expect(await recordsOf('run-open')).toHaveLength(6);
    expect(await folderOf('A task under way')).toBeDefined();

    const { records } = await operator.request(queryAudit, {
      principal: asOperator('auditor'),
      scope: 'installation',
      type: PRUNED_TYPE,
    });
    expect(records.map(({ data }) => data)).toEqual([expect.objectContaining({ records: 9, runs: 1, keep_days: 30 })]);
    const metrics = await Promise.all(
      replicas.map(async ({ opsPort }) => (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()),
    );
    expect(metrics.join('\n')).toMatch(/audit_pruned_total\S* 9\n/);
    expect(metrics.join('\n')).toMatch(/log_tree_pruned_total\S* 1\n/);
  });

  it('is shown of no tenant to nobody but operators', async () => {
    const ask = { scope: 'installation' } as const;
    await expect(gateway.request(queryAudit, { principal: auditor, ...ask })).rejects.toMatchObject({
      code: 'forbidden',
    });
    const mere = { principal: asOperator('user'), ...ask };
    await expect(operator.request(queryAudit, mere)).rejects.toMatchObject({ code: 'forbidden' });
    const posing = { principal: { ...asOperator('admin') }, ...ask };
    await expect(gateway.request(queryAudit, posing)).rejects.toThrow();
  });
});
