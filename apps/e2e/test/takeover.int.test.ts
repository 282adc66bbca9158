import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import pg from 'pg';
import { type Processes, type Replica, ResumingClient, startProcesses, TERMINAL } from '../src/index.ts';

/** Owners that die or stand still, servers that go away: real processes, with the settings they come with. */

/** Twice and a half what docs/guarantees.md promises: tests share the machine, and some runs think for four seconds. */
const TAKEOVER_MS = 20_000;
const LEASE_MS = 6_000;

let system: Processes;
let client: ResumingClient;
let db: pg.Pool;

beforeAll(async () => {
  system = await startProcesses({ replicas: { a2a: 1 }, env: { TOOL_AGENT: 'always' } });
  db = new pg.Pool({ connectionString: system.databaseUrl, max: 2 });
  db.on('error', () => undefined);
  const call = (task: string, tool: string, ms: number) => ({
    when: { taskIncludes: task, turn: 1 },
    respond: { toolCalls: [{ name: tool, arguments: { ms } }] },
  });
  system.model.setScript({
    rules: [
      call('read', 'slow_read', 3_000),
      call('write', 'slow_write', 12_000),
      call('deaf', 'deaf_write', 20_000),
      call('brief', 'slow_read', 300),
      call('quick', 'slow_write', 0),
      {
        when: { taskIncludes: 'hand over', turn: 1 },
        respond: { toolCalls: [{ name: 'delegate_to_mcp', arguments: { task: 'errand' } }] },
      },
      call('errand', 'slow_write', 0),
      {
        when: { taskIncludes: 'errand', turn: 2 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 4_000 } }] },
      },
      { when: { taskIncludes: 'errand', turn: 3 }, respond: { text: 'the errand is done' } },
      { when: { turn: 2 }, respond: { text: 'done' } },
      {
        when: { taskIncludes: 'think', turn: 1 },
        respond: { text: 'thought '.repeat(40), stallMs: 4_000, stallAfterChunks: 3 },
      },
    ],
  });
});
beforeEach(() => {
  client = new ResumingClient(system.gateways, 'u1', 90_000);
});
afterAll(async () => {
  await db?.end();
  await system?.stop();
});

async function head(runId: string): Promise<{ epoch: number; owner: string | null }> {
  const { rows } = await db.query('select epoch, lease_owner as owner from orchestrator.runs where run_id = $1', [
    runId,
  ]);
  return rows[0] as { epoch: number; owner: string | null };
}

/** The process that owns a run: its pid is part of the owner's name. */
async function ownerOf(runId: string): Promise<Replica> {
  let found: Replica | undefined;
  await until(async () => {
    const { owner } = await head(runId);
    found = system.replicas.orchestrator.find(({ pid }) => owner?.includes(`-${pid}-`));
    return found !== undefined;
  });
  return found!;
}

/** Starts runs and waits until `type` is in the journal of each. */
async function underWay(task: string, count: number, type: string) {
  const runIds = await Promise.all(Array.from({ length: count }, (_, n) => client.start({ task: `${task} ${n}` })));
  const seen = new Set<string>();
  const watched = runIds.map((runId) => client.watch(runId, (event) => void (event.type === type && seen.add(runId))));
  for (const one of watched) one.catch(() => undefined); // judged below
  await until(() => seen.size === count, 20_000);
  return { runIds, watched: Promise.all(watched) };
}

const STEP = 'orchestrator.step.dispatching';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('the death of an owner', () => {
  it.each([
    ['in the middle of a step', 'read', STEP],
    ['in the middle of a model call', 'think', 'orchestrator.planning.started'],
  ])('%s: another goes on in time, every stream is whole', async (_when, task, type) => {
    const { runIds, watched } = await underWay(task, 6, type);
    const victim = await ownerOf(runIds[0]!);
    const died = Date.now();
    await victim.kill();
    const streams = await watched;
    for (const { end, longestGapMs } of streams) {
      expect(end).toMatchObject({ status: 'success' });
      expect(longestGapMs).toBeLessThan(TAKEOVER_MS);
    }
    expect(streams.some(({ events }) => events.some(({ epoch }) => epoch > 1))).toBe(true);
    expect(Date.now() - died).toBeLessThan(TAKEOVER_MS + 8_000);
    expect(client.complaints).toEqual([]);
    await victim.start();
  });
});

describe('an owner that stood still for longer than its lease', () => {
  it('changes nothing when it wakes: not the journal, not the effects, not the stream', async () => {
    const before = system.effects().length;
    const { runIds, watched } = await underWay('read', 4, STEP);
    const thinking = await underWay('think', 4, 'orchestrator.planning.started');
    const all = [...runIds, ...thinking.runIds];
    const zombie = await ownerOf(runIds[0]!);
    zombie.signal('SIGSTOP');
    const streams = [...(await watched), ...(await thinking.watched)];
    zombie.signal('SIGCONT');
    await pause(3_000); // it wakes, learns, and lets go
    for (const { runId, events, end } of streams) {
      expect(end).toMatchObject({ status: 'success' });
      const { rows } = await db.query(
        'select seq, epoch, type from orchestrator.run_events where run_id = $1 order by seq',
        [runId],
      );
      expect(rows).toEqual(events.map(({ seq, epoch, type }) => ({ seq, epoch, type })));
      const epochs = events.map(({ epoch }) => epoch);
      expect(epochs).toEqual([...epochs].sort((a, b) => a - b));
    }
    expect(new Set(all).size).toBe(8);
    // A read may be repeated by the next owner; the one that woke up adds none.
    const after = system.effects().length - before;
    expect(after).toBeLessThanOrEqual(8);
    const readiness = await fetch(`${zombie.url}/readiness`);
    expect(readiness.status).toBe(200);
    expect(client.complaints).toEqual([]);
  });

  it('does not keep a cancel from ending the run within lease and sweep', async () => {
    const { runIds, watched } = await underWay('read', 1, STEP);
    const zombie = await ownerOf(runIds[0]!);
    zombie.signal('SIGSTOP');
    await client.cancel(runIds[0]!); // may ask the one that stands still first, and is asked again
    const noted = Date.now();
    const [stream] = await watched;
    zombie.signal('SIGCONT');
    expect(Date.now() - noted).toBeLessThan(TAKEOVER_MS);
    expect(stream!.end).toMatchObject({ status: 'cancelled' });
  });
});

describe('a worker that stood still until it was given up', () => {
  it('begins nothing of what was asked of it meanwhile when it wakes', async () => {
    const [zombie] = system.replicas['mcp-tool'];
    zombie!.signal('SIGSTOP');
    const runIds = await Promise.all(Array.from({ length: 8 }, (_, n) => client.start({ task: `quick ${n}` })));
    const streams = await Promise.all(runIds.map((runId) => client.watch(runId)));
    zombie!.signal('SIGCONT');
    await pause(2_000);
    const effects = system.effects();
    for (const { runId, events } of streams) {
      const outcome = events.find(({ type }) => type === 'orchestrator.step.completed')?.data['status'];
      const count = effects.filter((key) => key === `${runId}:step-mcp-001`).length;
      expect({ runId, outcome, count }).toEqual({ runId, outcome, count: outcome === 'completed' ? 1 : 0 });
    }
    expect(client.complaints).toEqual([]);
  });
});

describe('a task in words whose worker and owner are killed', () => {
  it('is gone on with: no effect of it happens twice, and nothing of it is in doubt', async () => {
    const calls = new Map<string, number>();
    const runIds = await Promise.all(Array.from({ length: 3 }, (_, n) => client.start({ task: `hand over ${n}` })));
    const watched = runIds.map((runId) =>
      client.watch(runId, ({ type }) => {
        if (type === 'mcp.tool.selected') calls.set(runId, (calls.get(runId) ?? 0) + 1);
      }),
    );
    // The first call is done and the second under way.
    await until(() => runIds.every((runId) => (calls.get(runId) ?? 0) >= 2), 30_000);
    const victims = [await ownerOf(runIds[0]!), ...system.replicas['mcp-tool']];
    await Promise.all(victims.map((victim) => victim.kill()));
    await Promise.all(victims.map((victim) => victim.start()));
    for (const { end, events } of await Promise.all(watched)) {
      expect(end).toMatchObject({ status: 'success' });
      const outcome = events.find(({ type }) => type === 'orchestrator.step.completed')!.data as { result: unknown };
      expect(outcome).toMatchObject({ status: 'completed', result: 'the errand is done' });
    }
    // For each run its write and its read, the write once.
    const keys = system.effects().filter((key) => runIds.some((runId) => key.startsWith(`${runId}:step-mcp-001:`)));
    expect(new Set(keys).size).toBe(6);
    const { rows } = await db.query(
      'select run_id, idempotency_key as key, state from mcp_tool.effects where run_id = any ($1) order by run_id',
      [runIds],
    );
    expect(rows).toEqual([...runIds].sort().map((run_id) => ({ run_id, key: expect.anything(), state: 'succeeded' })));
    for (const { key } of rows as { key: string }[]) expect(keys.filter((one) => one === key)).toHaveLength(1);
    expect(client.complaints).toEqual([]);
  });
});

describe('a session of an older MCP client at two gateways', () => {
  const accept = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const post = (url: string, headers: Record<string, string>, body: object) =>
    fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { ...accept, 'x-user-id': 'u1', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };

  it('is served at either; with its gateway it is gone, and the client begins anew', async () => {
    const [first, second] = system.gateways as [string, string];
    const begun = await post(first, {}, { id: 0, method: 'initialize', params });
    await begun.text();
    const headers = { 'mcp-session-id': begun.headers.get('mcp-session-id')!, 'mcp-protocol-version': '2025-11-25' };
    for (const url of [second, first, second]) {
      const sum = { name: 'calculator', arguments: { expression: '6*7' } };
      const answer = await post(url, headers, { id: url, method: 'tools/call', params: sum });
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('42')]);
    }
    expect((await post(second, { ...headers, 'x-user-id': 'u2' }, { id: 1, method: 'tools/list' })).status).toBe(404);
    const owner = system.replicas.gateway.find(({ url }) => url === first)!;
    await owner.kill();
    await until(async () => (await post(second, headers, { id: 2, method: 'tools/list' })).status === 404, 20_000);
    const anew = await post(second, {}, { id: 3, method: 'initialize', params });
    expect(anew.status).toBe(200);
    await anew.text();
    await owner.start();
  });
});

describe('PostgreSQL away for longer than a lease', () => {
  it('takes no run from its living owner and puts no step in doubt', async () => {
    const { runIds, watched } = await underWay('write', 4, STEP);
    await system.postgres.stop();
    await pause(LEASE_MS + 1_500);
    await system.postgres.start();
    const streams = await watched;
    for (const { end, events } of streams) {
      expect(end).toMatchObject({ status: 'success' });
      expect(new Set(events.map(({ epoch }) => epoch))).toEqual(new Set([1]));
    }
    const keys = system.effects().filter((key) => runIds.some((runId) => key.startsWith(runId)));
    expect(keys.sort()).toEqual(runIds.map((runId) => `${runId}:step-mcp-001`).sort());
    expect(client.complaints).toEqual([]);
  });
});

describe('the whole JetStream store gone while runs are under way', () => {
  it('loses nothing: all runs end, every watcher gets every event, the audit log is complete', async () => {
    // Audit is away: what ends now is on the stream alone, and nothing that follows tells of it.
    await Promise.all(system.replicas.audit.map((replica) => replica.stop()));
    const unheard = await Promise.all(
      Array.from({ length: 3 }, async () => client.watch(await client.start({ task: 'brief' }))),
    );
    const { watched } = await underWay('read', 6, STEP);
    await system.nats.stop();
    rmSync(join(system.nats.dir, 'jetstream'), { recursive: true, force: true });
    await system.nats.start();
    await Promise.all(system.replicas.audit.map((replica) => replica.start()));
    const streams = [...unheard, ...(await watched)];
    for (const { end } of streams) expect(end).toMatchObject({ status: 'success' });
    const fresh = await client.watch(await client.start({ task: 'brief' }));
    expect(fresh.end).toMatchObject({ status: 'success' });
    const lengths = new Map(streams.map(({ runId, events }) => [runId, events.length]));
    await until(async () => {
      const { rows } = await db.query(
        // Who watched the run is told of it beside its own events.
        `select run_id, count(*)::int as count from audit.audit_events
         where run_id = any ($1) and id not like 'sys.%' group by run_id`,
        [[...lengths.keys()]],
      );
      return rows.length === lengths.size && rows.every(({ run_id, count }) => lengths.get(run_id) === count);
    });
    expect(client.complaints).toEqual([]);
  });
});

describe('a cancel', () => {
  const quantile = (values: number[], q: number) =>
    [...values].sort((a, b) => a - b)[Math.ceil(values.length * q) - 1]!;

  it('ends a run soon, whatever it is doing and whichever gateway and owner are asked', async () => {
    const tasks = ['read', 'think', 'write', 'brief', 'deaf'];
    const took: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(
        tasks.map(async (task, n) => {
          const runId = await client.start({ task: `${task} ${round}` });
          const watched = client.watch(runId);
          await pause((round * 5 + n) * 8); // from right after the accept to the middle of the work
          const asked = Date.now();
          const { accepted } = await client.cancel(runId);
          const { end, events } = await watched;
          if (accepted !== true) return; // it had ended already
          if (end.status === 'success') {
            // Its end was being committed while the cancel was noted: it ended by itself, and nothing says otherwise.
            expect(events.map(({ type }) => type)).not.toContain('orchestrator.cancel.requested');
            return;
          }
          took.push(Date.now() - asked);
          expect(end).toMatchObject({ status: 'cancelled' });
          expect(events.filter(({ type }) => type === TERMINAL)).toHaveLength(1);
        }),
      );
    }
    expect(took.length).toBeGreaterThan(35); // all but those that are brief, which may be quicker
    // On a machine that others use; what it is when left alone, bench/recovery says.
    expect(quantile(took, 0.5)).toBeLessThan(1_500);
    expect(quantile(took, 0.99)).toBeLessThan(10_000); // before the tools would have ended by themselves
  });
});
