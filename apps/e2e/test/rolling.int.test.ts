import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Ended, type Processes, ResumingClient, startProcesses, TERMINAL, type Watched } from '../src/index.ts';

/** A rolling restart of every service under load: two replicas each, real processes, SIGTERM. */

/** What an orchestrator of containers gives a process to end. */
const DRAIN_MS = 10_000;

let system: Processes;
beforeAll(async () => {
  system = await startProcesses();
  const call = (task: string, tool: string, ms: number) => ({
    when: { taskIncludes: task, turn: 1 },
    respond: { toolCalls: [{ name: tool, arguments: { ms } }] },
  });
  system.model.setScript({
    rules: [
      call('read', 'slow_read', 700),
      call('write', 'slow_write', 700),
      call('keyed', 'keyed_write', 700),
      { when: { turn: 2 }, respond: { text: 'done' } },
      {
        when: { taskIncludes: 'think', turn: 1 },
        respond: { text: 'thought '.repeat(20), stallMs: 500, stallAfterChunks: 3 },
      },
    ],
  });
});
afterAll(() => system?.stop());

it('loses nothing, doubles nothing, leaves nothing in doubt, and no client hears what it cannot get over', async () => {
  const client = new ResumingClient(system.gateways, 'u1', 90_000);
  const tasks = ['read', 'write', 'keyed', 'think'];
  const taskOf = new Map<string, string>();
  let loading = true;
  const watched: Promise<Watched>[] = [];
  const load = Array.from({ length: 6 }, async (_, n) => {
    for (let count = n; loading; count += 1) {
      const task = tasks[count % tasks.length] ?? 'read';
      const runId = await client.start({ task: `${task} ${count}` });
      taskOf.set(runId, task);
      const one = client.watch(runId);
      watched.push(one);
      await one;
    }
  });
  const ended: (Ended & { name: string })[] = [];
  for (const replicas of Object.values(system.replicas)) {
    for (const replica of replicas) {
      ended.push({ name: replica.name, ...(await replica.stop()) });
      await replica.start();
    }
  }
  loading = false;
  await Promise.all(load);

  for (const { name, code, ms } of ended)
    expect({ name, code, inTime: ms < DRAIN_MS }).toEqual({ name, code: 0, inTime: true });
  const streams = await Promise.all(watched);
  expect(streams.length).toBeGreaterThan(30);
  expect(new Set(streams.map(({ runId }) => runId)).size).toBe(streams.length);
  const ends = streams.map(({ runId, events, end }) => ({
    runId,
    status: end['status'],
    code: end['error_code'],
    events,
  }));
  expect(ends.filter(({ status }) => status !== 'success')).toEqual([]);
  for (const { events } of ends) expect(events.filter(({ type }) => type === TERMINAL)).toHaveLength(1);
  const inDoubt = streams.flatMap(({ events }) =>
    events.filter(({ type, data }) => type === 'orchestrator.step.completed' && data['status'] === 'in_doubt'),
  );
  expect(inDoubt).toEqual([]);
  // What may not be repeated happened once; what may, at least once.
  const effects = system.effects();
  for (const [runId, task] of taskOf) {
    const count = effects.filter((key) => key === `${runId}:step-mcp-001`).length;
    if (task === 'write') expect({ runId, count }).toEqual({ runId, count: 1 });
    else if (task !== 'think') expect({ runId, some: count > 0 }).toEqual({ runId, some: true });
  }
  expect(client.complaints).toEqual([]);
}, 600_000);
