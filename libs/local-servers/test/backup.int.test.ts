import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  accountFor,
  ARCHIVE_SETTINGS,
  boundWalArchive,
  generationOf,
  type GuardedLocalServer,
  manifestOf,
  recoverBackup,
  startPostgres,
  startWalArchive,
  takeBackup,
  UnusableBackup,
  type WalArchive,
} from '../src/index.ts';

/* A real PostgreSQL that is written to all the time, killed, and brought back from what was kept of it. */

const FACTS = {
  migrations: [],
  runs: { total: 0, ended: 0, unfinished: 0, waiting: 0 },
  events: 0,
  auditRecords: 0,
  effects: { total: 0, open: 0, inDoubt: 0 },
  vaultKeys: [],
};

/** Writers that number their rows without a hole; `acknowledged` has the last number that each knows to be committed. */
function writers(url: string, before: readonly number[]) {
  const acknowledged = [...before];
  let going = true;
  const work = acknowledged.map(async (_, writer) => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    while (going) {
      try {
        await client.query('insert into written (writer, n, at) values ($1, $2, clock_timestamp())', [
          writer,
          acknowledged[writer]! + 1,
        ]);
      } catch {
        return; // The server was killed.
      }
      acknowledged[writer]! += 1;
    }
    await client.end();
  });
  return {
    acknowledged,
    /** Every writer has committed something since. */
    haveWritten: async () => {
      const then = [...acknowledged];
      while (acknowledged.some((n, writer) => n <= then[writer]!)) await sleep(10);
    },
    stop: async () => {
      going = false;
      await Promise.all(work);
    },
  };
}

describe('a backup of a private PostgreSQL', () => {
  const root = mkdtempSync(join(tmpdir(), 'switchyard-backup-'));
  chmodSync(root, 0o711);
  const at = (name: string): string => join(root, name);
  const walDir = at('wal');
  const file = at('first.tar.gz');
  const log = at('restore.log');
  const servers: GuardedLocalServer[] = [];
  let source: GuardedLocalServer;
  let archive: WalArchive;
  let written: readonly number[] = [0, 0, 0, 0];

  const asked = async <T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<T>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const backUp = (to: string) =>
    takeBackup({
      url: source.url,
      file: to,
      generation: generationOf(source.dir, accountFor('postgres')),
      version: '0.0.0',
      settings: ['VAULT_KEYS'],
      facts: () => Promise.resolve(FACTS),
    });
  const restored = async (name: string, options: { to?: Date; walDir?: string; file?: string } = {}) => {
    const recovered = await recoverBackup({ file, log, dir: at(name), ...options });
    const server = await startPostgres({ dir: at(name), durable: false });
    servers.push(server);
    return { recovered, server };
  };
  /** Rows of each writer; throws where there is a hole. */
  const counted = async (url: string): Promise<number[]> => {
    const rows = await asked<{ writer: number; n: string; last: number }>(
      url,
      'select writer, count(*) as n, max(n) as last from written group by writer order by writer',
    );
    for (const row of rows) expect(Number(row.n)).toBe(row.last);
    return rows.map(({ last }) => last);
  };

  beforeAll(async () => {
    source = await startPostgres({ dir: at('source'), settings: ARCHIVE_SETTINGS });
    archive = await startWalArchive({
      url: source.url,
      dir: walDir,
      cluster: source.dir,
      log: at('wal.log'),
      onNotice: () => undefined,
    });
    await asked(source.url, 'create table written (writer int, n int, at timestamptz, primary key (writer, n))');
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });
  afterAll(async () => {
    await archive?.stop();
    await source?.stop();
    for (const folder of [root, source?.dir]) if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('is taken while others write, is closed to other accounts and says what it is', async () => {
    const load = writers(source.url, written);
    await load.haveWritten();
    const before = [...load.acknowledged];
    const done = await backUp(file);
    await load.stop();
    written = load.acknowledged;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await manifestOf(file)).toEqual(done.manifest);
    expect(done.manifest).toMatchObject({ settings: ['VAULT_KEYS'], postgres: { major: 15 } });
    expect(readdirSync(root).filter((name) => name.startsWith('.backup-') || name.endsWith('.partial'))).toEqual([]);
    const { server } = await restored('alone');
    const rows = await counted(server.url);
    before.forEach((n, writer) => expect(rows[writer]).toBeGreaterThanOrEqual(n));
  });

  it('loses nothing that the WAL archive has, though the server is killed under load and its disk is gone', async () => {
    const load = writers(source.url, written);
    for (let n = 0; n < 3; n += 1) {
      await load.haveWritten();
      await asked(source.url, 'select pg_switch_wal()');
    }
    await load.haveWritten();
    const acknowledged = [...load.acknowledged];
    const [{ lsn }] = (await asked<{ lsn: string }>(source.url, 'select pg_current_wal_flush_lsn() as lsn')) as [
      { lsn: string },
    ];
    for (let archived = false; !archived; await sleep(20)) {
      const rows = await asked<{ there: boolean }>(
        source.url,
        `select flush_lsn >= '${lsn}' as there from pg_stat_replication where application_name = 'switchyard-backup'`,
      );
      archived = rows[0]?.there === true;
    }
    process.kill(-source.pid, 'SIGKILL');
    await Promise.all([source.exited, load.stop()]);
    await archive.exited;
    const { recovered, server } = await restored('after-loss', { walDir });
    expect(recovered.wal.used).toBeGreaterThan(0);
    const rows = await counted(server.url);
    acknowledged.forEach((n, writer) => expect(rows[writer]).toBeGreaterThanOrEqual(n));
  });

  it('is restored to the moment that is asked for, and no later', async () => {
    const whole = await restored('whole', { walDir });
    const [{ at: middle }] = (await asked<{ at: Date }>(
      whole.server.url,
      'select percentile_disc(0.9) within group (order by at) as at from written',
    )) as [{ at: Date }];
    const earlier = await restored('earlier', { walDir, to: middle });
    const [{ last }] = (await asked<{ last: Date }>(earlier.server.url, 'select max(at) as last from written')) as [
      { last: Date },
    ];
    expect(last.getTime()).toBeLessThanOrEqual(middle.getTime() + 1);
    await counted(earlier.server.url);
  });

  it('opens with no password of the server that it is of', async () => {
    const { server } = await restored('other-password');
    const url = new URL(server.url);
    url.password = new URL(source.url).password;
    await expect(asked(url.href, 'select 1')).rejects.toThrow(/password authentication failed/);
  });

  it('is refused, by name, for a moment that it does not reach', async () => {
    const { finishedAt } = await manifestOf(file);
    const dir = at('unreached');
    const early = recoverBackup({ file, log, dir, walDir, to: new Date(Date.parse(finishedAt) - 60_000) });
    await expect(early).rejects.toThrow(/first\.tar\.gz: it was whole at .* take an earlier backup/);
    const late = recoverBackup({ file, log, dir, walDir, to: new Date() });
    await expect(late).rejects.toThrow(/first\.tar\.gz: the backup and its WAL archive reaches to .*, not to/);
    expect(readdirSync(root)).not.toContain('unreached');
  });

  it.each([
    ['cut', (copy: string) => truncateSync(copy, Math.floor(statSync(copy).size * 0.6))],
    ['flipped', (copy: string) => overwrite(copy, Math.floor(statSync(copy).size / 2), 'not what was here')],
    ['overwritten at its beginning', (copy: string) => overwrite(copy, 0, 'no archive at all, no')],
  ])('that is damaged (%s) is refused by name, and leaves nothing behind', async (how, damage) => {
    const copy = at(`damaged-${how.replaceAll(' ', '-')}.tar.gz`);
    copyFileSync(file, copy);
    damage(copy);
    const dir = at('of-damaged');
    const refused = recoverBackup({ file: copy, log, dir });
    await expect(refused).rejects.toThrow(UnusableBackup);
    await expect(refused).rejects.toThrow(copy);
    expect(readdirSync(root)).not.toContain('of-damaged');
  });

  it('never goes on beyond a hole in the WAL archive, and says how much lies there', async () => {
    const { wal } = await manifestOf(file);
    const beyond = readdirSync(join(walDir, wal.generation)).filter((name) => name > wal.lastSegment);
    const [first, ...others] = beyond.sort();
    expect(others).not.toEqual([]);
    rmSync(join(walDir, wal.generation, first!));
    const { recovered, server } = await restored('hole', { walDir });
    expect(recovered.wal.unreachable).toBe(others.length);
    await counted(server.url);
  });

  it('keeps the WAL archive within its bound, the newest segments last to go', () => {
    const [history = ''] = readdirSync(walDir);
    const before = readdirSync(join(walDir, history)).sort();
    const removed = boundWalArchive(walDir, 1);
    expect(removed).toBe(before.filter((name) => !name.endsWith('.partial')).length);
    expect(readdirSync(join(walDir, history))).toEqual(before.filter((name) => name.endsWith('.partial')));
  });
});

function overwrite(path: string, position: number, text: string): void {
  const handle = openSync(path, 'r+');
  writeSync(handle, text, position);
  closeSync(handle);
}
