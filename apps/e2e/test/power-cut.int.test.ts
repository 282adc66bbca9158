import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { stockClient } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { connect } from 'nats';
import pg from 'pg';
import { type Processes, ResumingClient, startProcesses, TERMINAL } from '../src/index.ts';

/*
 * Power cuts of NATS and PostgreSQL. The real one needs the right to mount (Linux, root) and is asked for:
 *
 *   RUN_POWER_CUT=1 node --experimental-vm-modules ../../node_modules/jest/bin/jest.js test/power-cut.int.test.ts
 *
 * Both servers run on a file system in a file. Everything is killed under load, and the file is copied as the disk is
 * at that moment: what was written but not synced is not in it. The copy is mounted in its place, and all starts again.
 * Elsewhere the same is imitated: PostgreSQL is killed, and NATS finds its store as it was before the load.
 */

const REAL = process.env['RUN_POWER_CUT'] === '1';
const LOAD_MS = 5_000;

let system: Processes | undefined;
const cleanups: (() => void)[] = [];
afterEach(async () => {
  await system?.stop();
  system = undefined;
  for (const clean of cleanups.splice(0).reverse()) clean();
});

async function start(dirs: { nats: string; postgres: string }): Promise<Processes> {
  system = await startProcesses({ dirs, durable: true, replicas: { a2a: 1, audit: 1 } });
  system.model.setScript({
    rules: [
      {
        when: { taskIncludes: 'read', turn: 1 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 300 } }] },
      },
      { when: { turn: 2 }, respond: { text: 'done' } },
    ],
  });
  return system;
}

/** Starts runs until it is told to stop; gives those that were accepted. */
function load(processes: Processes) {
  const client = new ResumingClient(processes.gateways, 'u1', 3_000);
  const accepted: string[] = [];
  let loading = true;
  const done = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (loading) {
        const runId = await client.start({ task: 'read' }).catch(() => undefined);
        if (runId) accepted.push(runId);
      }
    }),
  );
  const stop = () => {
    loading = false;
    return done;
  };
  return { accepted, stop };
}

/** No accepted run is lost: each comes to exactly one end, its journal has no hole; and new work flows. */
async function judge(processes: Processes, accepted: readonly string[]): Promise<void> {
  const db = new pg.Pool({ connectionString: processes.databaseUrl, max: 2 });
  db.on('error', () => undefined);
  try {
    const client = new ResumingClient(processes.gateways, 'u1', 60_000);
    const began = Date.now();
    const fresh = await client.watch(await client.start({ task: 'read' }));
    expect(fresh.end).toMatchObject({ status: 'success' });
    expect(Date.now() - began).toBeLessThan(30_000); // no silent stall of wake-ups or streams
    const count = async (sql: string) =>
      Number(
        (
          await db.query<{ n: string }>(
            `select count(*) as n from orchestrator.runs r where run_id = any ($1) and ${sql}`,
            [accepted],
          )
        ).rows[0]?.n,
      );
    await until(async () => (await count(`phase = 'ended'`)) === accepted.length, 60_000);
    expect(await count(`last_seq = (select count(*) from orchestrator.run_events e where e.run_id = r.run_id)`)).toBe(
      accepted.length,
    );
    expect(
      await count(
        `1 = (select count(*) from orchestrator.run_events e where e.run_id = r.run_id and type = '${TERMINAL}')`,
      ),
    ).toBe(accepted.length);
    // The bus catches up: every event is known to be published again.
    await until(async () => (await count('published_seq = last_seq')) === accepted.length, 60_000);
    // Any of them can be read from its start through the gateway.
    for (const runId of accepted.slice(-5)) expect((await client.watch(runId)).events.length).toBeGreaterThan(5);
    expect(client.complaints).toEqual([]);
  } finally {
    await db.end();
  }
}

async function killAll(processes: Processes): Promise<void> {
  const services = Object.values(processes.replicas).flat();
  await Promise.all([...services, processes.nats, processes.postgres].map((one) => one.kill()));
}

/** Events in the stream RUNS; none where there is no such stream. */
async function storedEvents(processes: Processes): Promise<number> {
  const connection = await connect(stockClient(processes.natsUrl));
  try {
    const manager = await connection.jetstreamManager();
    return (await manager.streams.info('RUNS').catch(() => undefined))?.state.messages ?? 0;
  } finally {
    await connection.close();
  }
}

describe('a store of NATS that is older than what it acknowledged, and a PostgreSQL that was killed', () => {
  it('lose no accepted run', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'switchyard-power-'));
    cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
    execFileSync('chmod', ['711', dir]);
    const processes = await start({ nats: join(dir, 'nats'), postgres: join(dir, 'postgres') });
    const store = join(processes.nats.dir, 'jetstream');
    await processes.nats.stop();
    cpSync(store, join(dir, 'older'), { recursive: true });
    await processes.nats.start();
    const { accepted, stop } = load(processes);
    await until(() => accepted.length >= 20, 60_000);
    await Promise.all([processes.nats.kill(), processes.postgres.kill()]);
    rmSync(store, { recursive: true });
    cpSync(join(dir, 'older'), store, { recursive: true });
    await Promise.all([processes.nats.start(), processes.postgres.start()]);
    await stop();
    await judge(processes, accepted);
  }, 180_000);
});

const title = REAL ? 'a power cut' : 'a power cut (not run: RUN_POWER_CUT=1 asks for it; it needs the right to mount)';
(REAL ? describe : describe.skip)(title, () => {
  it('of both servers and every service loses no accepted run', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'switchyard-power-'));
    cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
    execFileSync('chmod', ['711', dir]);
    const [disk, copy, at] = [join(dir, 'disk'), join(dir, 'copy'), join(dir, 'mounted')];
    mkdirSync(at);
    const sh = (script: string) => execFileSync('sh', ['-ec', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    sh(
      `truncate -s 2G '${disk}' && mkfs.ext4 -q -E lazy_itable_init=0 '${disk}' && mount -o loop '${disk}' '${at}' && chmod 711 '${at}'`,
    );
    cleanups.push(() => sh(`umount -l '${at}' || true`));
    const processes = await start({ nats: join(at, 'nats'), postgres: join(at, 'postgres') });
    sh(`sync -f '${at}'`); // the installation is older than the cut; the load is not
    const { accepted, stop } = load(processes);
    await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
    await until(() => accepted.length >= 20, 60_000);
    const told = await storedEvents(processes);
    const answered = accepted.length;
    const killed = killAll(processes);
    sh(`cp --sparse=always '${disk}' '${copy}'`); // as the disk is now
    await Promise.all([killed, stop()]);
    sh(`umount -l '${at}' && mount -o loop '${copy}' '${at}'`);
    await Promise.all([processes.nats.start(), processes.postgres.start()]);
    const kept = await storedEvents(processes);
    process.stdout.write(`NATS had acknowledged ${told} events and kept ${kept}; ${answered} runs were accepted\n`);
    await Promise.all(Object.values(processes.replicas).flatMap((all) => all.map((replica) => replica.start())));
    await judge(processes, accepted.slice(0, answered));
  }, 300_000);
});
