import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type LocalServer, startPostgres, startServers } from '@switchyard/local-servers';
import { type Proxy, startProxy, until } from '@switchyard/testing';
import { migrateDatabase, openStore, type Store } from '../src/index.ts';
import { acceptOf } from './drafts.ts';

/** What the store does while PostgreSQL is away, unreachable or slow. */

let servers: Awaited<ReturnType<typeof startServers<'postgres'>>>;
let again: LocalServer | undefined;
let proxy: Proxy;
let direct: Store;
let proxied: Store;

beforeAll(async () => {
  servers = await startServers(['postgres']);
  const { url, port } = servers.postgres;
  await migrateDatabase(url);
  proxy = await startProxy(port);
  const through = Object.assign(new URL(url), { port: String(proxy.port) }).href;
  direct = openStore({ url, app: 'orchestrator' });
  proxied = openStore({ url: through, app: 'orchestrator', statementTimeoutMs: 2_500, maxConnections: 6 });
});
afterAll(async () => {
  await Promise.all([direct?.close(), proxied?.close()]);
  proxy?.stop();
  await again?.stop();
  await servers?.stop();
});

const claim = (runId: string, leaseMs: number, takeExpired?: boolean) =>
  direct.journal.claim(runId, 'heir', leaseMs, [1], takeExpired);
/** A run that is owned, where a lease is given. */
async function accept({ journal }: Store, lease?: { owner: string; leaseMs: number }) {
  const runId = `run-${randomUUID()}`;
  await journal.accept(acceptOf(runId, lease ? { lease } : {}));
  return { runId, epoch: lease ? 1 : 0 };
}
const answers = (store: Store) =>
  store.ping().then(
    () => true,
    () => false,
  );
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a link that is open and swallows everything', () => {
  it('is given up as a whole within seconds; the next statement goes over a new one', async () => {
    await Promise.all(Array.from({ length: 6 }, () => proxied.ping())); // six connections
    proxy.freeze();
    await pause(600);
    const began = Date.now();
    await expect(proxied.ping()).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - began).toBeLessThan(15_000);
    proxy.heal();
    const healed = Date.now();
    await until(() => answers(proxied), 8_000);
    expect(Date.now() - healed).toBeLessThan(12_000); // not one dead connection after the other
  });

  it('is noticed by a renewal within a third of the lease', async () => {
    const { runId, epoch } = await accept(proxied, { owner: 'me', leaseMs: 3_000 });
    proxy.freeze();
    const began = Date.now();
    await expect(proxied.journal.renew([{ runId, epoch }], 3_000)).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - began).toBeLessThan(3_900); // any other statement is given up after four seconds
    proxy.heal();
  });
});

describe('a lease that ran out', () => {
  it('is left alone while the caller says so; a run without any lease is taken at once', async () => {
    const held = await accept(direct, { owner: 'me', leaseMs: 1 });
    const free = await accept(direct);
    await pause(20);
    expect(await claim(held.runId, 1, false)).toEqual({ kind: 'busy' });
    expect(await claim(free.runId, 1, false)).toMatchObject({ kind: 'claimed' });
    const swept = async (takeExpired: boolean) =>
      (await direct.journal.sweep({ limit: 1_000, graceMs: 0, engineVersions: [1], takeExpired })).map(
        ({ runId }) => runId,
      );
    expect(await swept(false)).not.toContain(held.runId);
    expect(await swept(true)).toContain(held.runId);
    expect(await claim(held.runId, 1, true)).toMatchObject({ kind: 'claimed', epoch: 2 });
  });

  it('while PostgreSQL was down is left to its owner for one lease after the start', async () => {
    const leaseMs = 6_000;
    const { runId, epoch } = await accept(direct, { owner: 'me', leaseMs });
    const { port, dir } = servers.postgres;
    await servers.postgres.stop();
    await pause(leaseMs);
    again = await startPostgres({ dir, port, durable: false });
    await until(() => answers(direct), 10_000);
    expect((await direct.journal.head(runId))!.leaseUntil).toBeLessThan(Date.now());
    expect(await claim(runId, leaseMs)).toEqual({ kind: 'busy' });
    expect([...(await direct.journal.renew([{ runId, epoch }], leaseMs)).keys()]).toEqual([runId]);
    // An owner that does not come back loses the run all the same.
    await until(async () => (await claim(runId, leaseMs)).kind === 'claimed', 2 * leaseMs + 3_000);
    expect((await direct.journal.head(runId))!.epoch).toBe(2);
  });
});
