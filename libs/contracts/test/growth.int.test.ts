import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, expect, it } from '@jest/globals';
import { type Bus, connectBus } from '@switchyard/bus';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { callTool } from '../src/index.ts';

/*
 * What nats-server spends on a question does not depend on how many there were before. With the permission that it
 * offers for answers (`allow_responses`) it did: each delivery searched all questions of the last hour.
 *
 * CPU time, not the clock, of two servers in turns: whatever else the machine does, it does to both.
 */

const BEFORE = 20_000;
const BATCH = 1_000;
const AT_ONCE = 16;
const PAIRS = 15;
const MOST = 1.2;

const log = createLogger({ app: 'growth-test', level: 'silent' });
const principal = { tenantId: 'acme', userId: 'ada', role: 'user', via: 'dev' } as const;
const stops: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

interface Asked {
  readonly servers: Servers<'nats'>;
  readonly gateway: Bus;
}

/** A gateway that asks and a mcp-tool that answers, each as itself. */
async function pair(): Promise<Asked> {
  const servers = await startServers(['nats']);
  stops.push(() => servers.stop());
  const [gateway, tools] = [
    await connectBus({ ...servers.busOf('gateway'), log }),
    await connectBus({ ...servers.busOf('mcp-tool'), log }),
  ];
  stops.push(
    () => gateway.close(),
    () => tools.close(),
  );
  await tools.answer(callTool, () => Promise.resolve({ status: 'succeeded' as const, output: 42 }), {
    maxInFlight: 2 * AT_ONCE,
  });
  return { servers, gateway };
}

async function ask({ gateway }: Asked, count: number): Promise<void> {
  let left = count;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await gateway.request(callTool, { principal, tool: 'x' });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
}

/** CPU time that all threads of a process have used so far, in ms. */
function cpuMs(pid: number): number {
  const ns = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, each) => sum + each, 0) / 1e6;
}

async function costOfBatch(asked: Asked): Promise<number> {
  const before = cpuMs(asked.servers.nats.pid);
  await ask(asked, BATCH);
  return cpuMs(asked.servers.nats.pid) - before;
}

const onLinux = process.platform === 'linux' ? it : it.skip;

onLinux(
  `a question after ${BEFORE} others costs nats-server what the first ones cost`,
  async () => {
    const [aged, young] = [await pair(), await pair()];
    await ask(aged, BEFORE);
    await ask(young, BATCH / 2); // both have been warm once
    const ratios: number[] = [];
    for (let n = 0; n < PAIRS; n += 1) {
      const first = await costOfBatch(young);
      ratios.push((await costOfBatch(aged)) / first);
    }
    const median = ratios.sort((a, b) => a - b)[PAIRS >> 1]!;
    expect(median).toBeLessThan(MOST);
    expect(median).toBeGreaterThan(0.2); // what was measured was a server at work
  },
  60_000,
);
