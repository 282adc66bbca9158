import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import {
  asLogin,
  ejabberdIsInstalled,
  ensureLogins,
  freePort,
  processStartTime,
  startEjabberd,
  startNats,
  startPostgres,
  startProsody,
  startRedis,
  startServers,
} from '../src/index.ts';

const base = mkdtempSync(join(tmpdir(), 'switchyard-servers-'));
chmodSync(base, 0o711); // Else root's PostgreSQL and Prosody would keep their data elsewhere, out of our reach.
afterAll(() => rmSync(base, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

describe('private servers', () => {
  it('start together, answer on loopback ports of their own, and leave nothing behind', async () => {
    const servers = await startServers(['nats', 'postgres', 'redis', 'prosody'], { users: { alice: 'secret' } });
    const all = [servers.nats, servers.postgres, servers.redis, servers.prosody];
    expect(await Promise.all(all.map((s) => accepts(s.port)))).toEqual([true, true, true, true]);
    expect(new Set(all.map((s) => s.port)).size).toBe(4);
    expect(all.every((s) => s.port >= 20_000 && s.port < 32_768)).toBe(true);
    expect(await query(servers.postgres.url, 'select current_database() as name')).toEqual([{ name: 'switchyard' }]);
    await servers.stop();
    expect(all.map((s) => processStartTime(s.pid))).toEqual([undefined, undefined, undefined, undefined]);
    expect(existsSync(servers.dir)).toBe(false);
  });

  it('PostgreSQL keeps its data, its password and its port across a restart', async () => {
    const dir = join(base, 'kept', 'postgres');
    const first = await startPostgres({ dir });
    await query(first.url, 'create table kept (n int); insert into kept values (7)');
    await first.stop();
    const second = await startPostgres({ dir, port: first.port });
    try {
      expect(second.url).toBe(first.url);
      expect(await query(second.url, 'select n from kept')).toEqual([{ n: 7 }]);
      expect(await query(second.url, "select current_setting('fsync') as fsync")).toEqual([{ fsync: 'on' }]);
    } finally {
      await second.stop();
    }
  });

  it('PostgreSQL lets nobody in without the password', async () => {
    const server = await startPostgres({ dir: join(base, 'locked', 'postgres'), durable: false });
    try {
      const url = new URL(server.url);
      url.password = 'guess';
      await expect(query(url.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    } finally {
      await server.stop();
    }
  });

  it('an app’s login reaches what its role may touch, and nothing else', async () => {
    const server = await startPostgres({ dir: join(base, 'roles', 'postgres'), durable: false });
    try {
      await query(
        server.url,
        'create table own (n int); create table other (n int); create role owner nologin; grant select on own to owner',
      );
      const login = { login: 'app', password: "it's", memberOf: 'owner' };
      await ensureLogins(server.url, [login]);
      await ensureLogins(server.url, [login, { login: 'early', password: 'x', memberOf: 'not_yet' }]);
      const url = asLogin(server.url, 'app', login.password);
      expect(await query(url, 'select * from own')).toEqual([]);
      await expect(query(url, 'select * from other')).rejects.toThrow(/permission denied/);
    } finally {
      await server.stop();
    }
  });

  it('what a login changed about itself does not outlive the next start', async () => {
    const server = await startPostgres({ dir: join(base, 'self', 'postgres'), durable: false });
    try {
      const logins = ['one', 'two'].map((login) => ({ login, password: 'first', memberOf: `role_of_${login}` }));
      await ensureLogins(server.url, logins);
      const [one, two] = logins.map(({ login, password }) => asLogin(server.url, login, password));
      await query(
        one!,
        'alter role one set statement_timeout = 0; alter role one in database switchyard set work_mem = 64',
      );
      await query(one!, 'grant one to two').catch(() => undefined); // refused from PostgreSQL 16 on
      await query(one!, `alter role one password 'mine'`);
      await ensureLogins(server.url, logins);
      expect(await query(one!, 'show statement_timeout')).toEqual([{ statement_timeout: '1min' }]);
      expect(await query(one!, 'show work_mem')).not.toEqual([{ work_mem: '64kB' }]);
      await expect(query(two!, 'set role one')).rejects.toThrow(/permission denied/);
      await expect(query(asLogin(server.url, 'one', 'mine'), 'select 1')).rejects.toThrow(/authentication failed/);
    } finally {
      await server.stop();
    }
  });

  const isRoot = process.getuid?.() === 0;
  (isRoot ? it : it.skip)('run by root in a folder closed to others, PostgreSQL finds its data again', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'switchyard-closed-'));
    const dir = join(closed, 'data', 'postgres');
    const first = await startPostgres({ dir, durable: false });
    try {
      await query(first.url, 'create table kept (n int)');
      await first.stop();
      const second = await startPostgres({ dir, durable: false });
      await second.stop();
      expect(second.dir).toBe(first.dir);
      expect(first.dir).toMatch(/^\/var\/tmp\/switchyard-/);
    } finally {
      await first.stop();
      for (const folder of [closed, first.dir]) rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a server that cannot start says why, with the end of its log, and leaves no process', async () => {
    const holder = await startRedis({ dir: join(base, 'holder') });
    try {
      const attempt = startNats({ dir: join(base, 'loser'), port: holder.port });
      await expect(attempt).rejects.toThrow(/nats did not start[\s\S]*address already in use/);
      await expect(startNats({ dir: join(base, 'bad'), config: 'nonsense {' })).rejects.toThrow(/nats did not start/);
    } finally {
      await holder.stop();
    }
  });

  /** The outcome of SASL PLAIN without TLS. */
  const logIn = (server: { port: number; domain: string }, user: string, password: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: server.port, host: '127.0.0.1' });
      const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
      socket.setTimeout(10_000, () => (socket.destroy(), reject(new Error('no answer'))));
      socket.once('error', reject);
      socket.write(
        `<stream:stream to='${server.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>` +
          `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`,
      );
      let heard = '';
      socket.on('data', (chunk) => {
        heard += chunk.toString();
        const outcome = /<(success|failure)/.exec(heard)?.[1];
        if (!outcome) return;
        socket.destroy();
        resolve(outcome);
      });
    });

  async function keepsItsAccounts(start: typeof startProsody | typeof startEjabberd): Promise<void> {
    const at = { dir: join(base, 'chat', start.name), users: { 'al.ice': 'sec"ret' }, port: await freePort() };
    const first = await start(at);
    try {
      expect(await logIn(first, 'al.ice', 'sec"ret')).toBe('success');
      expect(await logIn(first, 'al.ice', 'wrong')).toBe('failure');
      expect(await logIn(first, 'bob', 'sec"ret')).toBe('failure');
      await first.stop();
      const second = await start({ ...at, users: { 'al.ice': 'changed' } });
      try {
        expect(await logIn(second, 'al.ice', 'changed')).toBe('success');
      } finally {
        await second.stop();
      }
    } finally {
      await first.stop();
    }
  }

  it('Prosody lets its accounts log in and nobody else, also after a restart', () => keepsItsAccounts(startProsody));

  (ejabberdIsInstalled() ? it : it.skip)(
    'ejabberd lets its accounts log in and nobody else, also after a restart',
    () => keepsItsAccounts(startEjabberd),
    90_000,
  );

  it('are ended and cleaned up when the program that started them dies without a word', async () => {
    const program = `import { startServers } from '@switchyard/local-servers';
      const s = await startServers(['nats', 'redis']);
      console.log(JSON.stringify({ pids: [s.nats.pid, s.redis.pid], dir: s.dir }));
      setInterval(() => {}, 1000);`;
    const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    if (!existsSync(built)) return; // Needs the built library; `switchyard test` builds first.
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
    const { pids, dir } = JSON.parse(line) as { pids: number[]; dir: string };
    child.kill('SIGKILL');
    const gone = (): boolean => pids.every((pid) => processStartTime(pid) === undefined) && !existsSync(dir);
    for (let n = 0; n < 100 && !gone(); n++) await sleep(100);
    expect(gone()).toBe(true);
  });
});
