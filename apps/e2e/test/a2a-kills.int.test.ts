import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type FollowedTask, type Processes, startProcesses, TaskClient } from '../src/index.ts';

/** Tasks of A2A with streams while what serves them is killed: real processes, SIGKILL, two replicas of each service. */

const TASKS = 200;
const AT_ONCE = 12;
const LIMIT_MS = 240_000;

let system: Processes;
beforeAll(async () => {
  system = await startProcesses();
  system.model.setScript({
    rules: [
      {
        when: { taskIncludes: 'job', turn: 1 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 300 } }] },
      },
      { when: { turn: 2 }, respond: { text: 'This is the answer, in some pieces. '.repeat(4) } },
    ],
  });
});
afterAll(() => system?.stop());

it(
  'A7: each task ends once, and who follows it has it whole, whatever is killed',
  async () => {
    const client = new TaskClient(system.gateways, LIMIT_MS);
    const { gateway, orchestrator, a2a } = system.replicas;
    const restart = (one: { kill(): Promise<void>; start(): Promise<void> }) => () =>
      one.kill().then(() => one.start());
    const kills = [...gateway, ...orchestrator, a2a[0]!, system.nats].map(restart);
    let working = true;
    let killed = 0;
    const nemesis = (async () => {
      while (working) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await kills[Math.floor(Math.random() * kills.length)]!();
        killed += 1;
      }
    })();
    const followed: FollowedTask[] = [];
    let next = 0;
    const workers = Array.from({ length: AT_ONCE }, async () => {
      while (next < TASKS) {
        next += 1;
        followed.push(await client.run(`job ${next}`));
      }
    });
    await Promise.all(workers);
    working = false;
    await nemesis;

    expect(client.complaints).toEqual([]);
    expect(new Set(followed.map(({ id }) => id)).size).toBe(TASKS);
    expect(followed.filter(({ state }) => state !== 'TASK_STATE_COMPLETED')).toEqual([]);
    // What a subscriber put together is what the task is: no piece is missing, and none is there twice.
    for (const task of followed) expect(task).toEqual(await client.read(task.id));
    expect(killed).toBeGreaterThan(3);
    expect(client.resumed).toBeGreaterThan(0);
  },
  LIMIT_MS + 120_000,
);
