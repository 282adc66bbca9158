import { randomUUID } from 'node:crypto';
import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type PostgresPair, stackCertificates, startPostgresPair } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { migrateDatabase, openStore, type Store } from '../src/index.ts';
import { acceptOf } from './drafts.ts';

/* A real PostgreSQL with a standby that has every acknowledged commit, TLS alone; the URL names the standby first. */

const dir = mkdtempSync(join(tmpdir(), 'switchyard-failover-'));
chmodSync(dir, 0o711);
let servers: PostgresPair;
let store: Store;

beforeAll(async () => {
  servers = await startPostgresPair({ dir: join(dir, 'postgres'), tls: await stackCertificates(join(dir, 'tls')) });
  await migrateDatabase(servers.url);
  store = openStore({ url: servers.urlFor('orchestrator'), tls: servers.tlsFor!('orchestrator'), app: 'orchestrator' });
});
afterAll(async () => {
  await store?.close();
  await servers?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function accept(): Promise<string> {
  const runId = `run-${randomUUID()}`;
  await store.journal.accept(acceptOf(runId, {}));
  return runId;
}

describe('several servers in the URL', () => {
  it('the one that takes writes is found, wherever it stands, by the migrations and by the store', async () => {
    const runId = await accept();
    expect((await store.journal.sweep({ limit: 10, graceMs: 0, engineVersions: [1] })).map((run) => run.runId)).toEqual(
      [runId],
    );
  });

  it('a standby alone is refused before a statement reaches it', async () => {
    const url = new URL(servers.standbyUrl);
    url.search = '';
    const own = new URL(servers.primary.urlFor('orchestrator'));
    own.port = url.port;
    const alone = openStore({ url: own.href, tls: servers.tlsFor!('orchestrator'), app: 'orchestrator' });
    await expect(alone.ping()).rejects.toMatchObject({ code: 'unavailable', cause: { code: '25006' } });
    await alone.close();
  });

  it('the primary dies and its standby is promoted: no acknowledged write is lost, and writes go on', async () => {
    const written: string[] = [];
    let going = true;
    const writers = Array.from({ length: 4 }, async () => {
      while (going) {
        await accept().then(
          (runId) => written.push(runId),
          () => new Promise((resolve) => setTimeout(resolve, 50)),
        );
      }
    });
    await until(() => written.length > 50, 20_000);
    process.kill(servers.primary.pid, 'SIGKILL');
    await servers.primary.exited;
    const before = written.length;
    await servers.promote();
    await until(() => written.length > before + 20, 20_000);
    going = false;
    await Promise.all(writers);
    const there = new Set(
      (await store.journal.sweep({ limit: 100_000, graceMs: 0, engineVersions: [1] })).map((run) => run.runId),
    );
    expect(written.filter((runId) => !there.has(runId))).toEqual([]);
  });
});
