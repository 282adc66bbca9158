import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectPlain } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus } from '@switchyard/bus';
import { createLogger, type TlsFiles, tlsOptions } from '@switchyard/platform';
import { migrateDatabase, openStore } from '@switchyard/store';
import { until } from '@switchyard/testing';
import pg from 'pg';
import { type Authority, issueCertificates, newAuthority, type Servers, startServers } from '../src/index.ts';

/* Real servers that speak TLS alone, with those who show a certificate of their authority. */

const silent = createLogger({ app: 'test', level: 'silent' });

/** What a server says to somebody, and how it ends; `answered` where it did more than to hang up. */
function heardFrom(port: number, say: string, tls?: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = tls
      ? connectTls({ port, host: '127.0.0.1', ...tls }, () => socket.write(say))
      : connectPlain({ port, host: '127.0.0.1' }, () => socket.write(say));
    const end = (why: string): void => resolve(`${heard}|${why}`);
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('closed'));
  });
}

describe('servers with TLS', () => {
  let servers: Servers<'nats' | 'postgres' | 'redis'>;
  let authority: Authority;
  let dir: string;
  const filesOf = (app: string): Required<TlsFiles> => servers.postgres.tlsFor!(app) as Required<TlsFiles>;
  const storeOf = (tls: TlsFiles) =>
    openStore({ url: servers.postgres.urlFor('audit'), app: 'audit', tls, maxConnections: 2 });

  beforeAll(async () => {
    servers = await startServers(['nats', 'postgres', 'redis'], { tls: true });
    dir = join(servers.dir, 'tls');
    await migrateDatabase(servers.postgres.url);
  });
  afterAll(() => servers?.stop());

  it('let in each service with its own certificate, as itself', async () => {
    const bus = await connectBus({ ...servers.busOf('gateway'), log: silent });
    expect(bus.status().connected).toBe(true);
    await bus.close();
    const store = storeOf(filesOf('audit'));
    await store.ping();
    await store.close();
    const access = servers.accessOf('orchestrator');
    expect(access).toMatchObject({
      NATS_TLS_CA_FILE: join(dir, 'ca.pem'),
      DATABASE_TLS_KEY_FILE: join(dir, 'orchestrator.key'),
    });
    expect(access['REDIS_URL']).toMatch(/^rediss:/);
    const { ca, cert, key } = filesOf('orchestrator');
    const [own, secret] = [readFileSync(cert), readFileSync(key)];
    const { password } = new URL(access['REDIS_URL']!);
    const say = `AUTH orchestrator ${password}\r\nPING\r\nQUIT\r\n`;
    expect(await heardFrom(servers.redis.port, say, { ca: readFileSync(ca), cert: own, key: secret })).toMatch(
      /\+PONG/,
    );
  });

  it('answer nothing in clear text', async () => {
    const redis = new URL(servers.redis.url);
    expect(await heardFrom(servers.redis.port, `AUTH admin ${redis.password}\r\nPING\r\n`)).not.toMatch(/OK|PONG/);
    // NATS says who it is and then wants TLS.
    const nats = await heardFrom(servers.nats.port, 'CONNECT {"verbose":true}\r\nPING\r\n');
    expect(nats).toMatch(/"tls_required":true,"tls_verify":true/);
    expect(nats).not.toMatch(/PONG|\+OK/);
    const plain = new URL(servers.postgres.url);
    plain.search = '';
    const client = new pg.Client({ connectionString: plain.href });
    await expect(client.connect()).rejects.toThrow(/no encryption/);
  });

  it('answer nothing to who shows no certificate, or one of another authority', async () => {
    const ca = readFileSync(join(dir, 'ca.pem'));
    const stranger = await (await newAuthority()).issue({ name: 'switchyard', uses: ['client'], days: 1 });
    const { password } = new URL(servers.redis.url);
    const strangers: ConnectionOptions[] = [{ ca }, { ca, cert: stranger.certificate, key: stranger.key }];
    for (const who of strangers)
      expect(await heardFrom(servers.redis.port, `AUTH admin ${password}\r\nPING\r\n`, who)).toMatch(/^\|ERR_SSL/);
    const without = storeOf({ ca: join(dir, 'ca.pem') });
    await expect(without.ping()).rejects.toThrow();
    await without.close();
  });

  it('let nobody use the certificate of another service on PostgreSQL', async () => {
    const store = storeOf(filesOf('orchestrator'));
    await expect(store.ping()).rejects.toThrow();
    await store.close();
  });

  it('are not believed by a service whose authority is another one, which says so', async () => {
    const other = join(servers.dir, 'other-ca.pem');
    writeFileSync(other, (await newAuthority()).certificate);
    const said: object[] = [];
    const log = Object.assign(Object.create(silent) as typeof silent, {
      isLevelEnabled: () => true,
      warn: (fields: object) => void said.push(fields),
    });
    const limit = new AbortController();
    const access = { ...servers.busOf('gateway'), tls: { ...filesOf('gateway'), ca: other } };
    const connecting = connectBus({ ...access, log, signal: limit.signal });
    await until(() => said.length > 0, 20_000);
    limit.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
    expect(said[0]).toMatchObject({ why: expect.stringMatching(/not of the authority in the CA file/) });
  });

  it('change their clients while they work: nothing is lost, and what is connected anew shows the new certificate', async () => {
    const admin = new pg.Client({ connectionString: servers.postgres.url });
    await admin.connect();
    const serials = async (): Promise<string[]> => {
      const { rows } = await admin.query<{ serial: string }>(
        `select client_serial::text as serial from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'switchyard-audit'`,
      );
      return rows.map(({ serial }) => serial);
    };
    const store = storeOf(filesOf('audit'));
    const bus = await connectBus({ ...servers.busOf('gateway'), log: silent });
    await store.ping();
    const [before] = await serials();
    let [going, asked, failed] = [true, 0, 0];
    const load = (async () => {
      while (going) {
        await store.ping().then(
          () => (asked += 1),
          () => (failed += 1),
        );
        await sleep(2);
      }
    })();

    const told: string[] = [];
    const options = tlsOptions(filesOf('audit'), (sentence) => told.push(sentence));
    const own = options.cert;
    // In the middle of a rotation the certificate is new and the key is not: the pair of before goes on.
    const key = readFileSync(filesOf('audit').key);
    authority = await issueCertificates(dir);
    writeFileSync(filesOf('audit').key, key);
    await sleep(100);
    expect(bus.status().connected).toBe(true);
    expect(await serials()).toContain(before);
    expect(options.cert).toBe(own);
    expect(told).toEqual([expect.stringMatching(/^the key in .*audit\.key does not fit the certificate in /)]);

    // The servers know the new authority when they were told to read their files; here they are asked to know both.
    authority = await issueCertificates(dir, { authority });
    writeFileSync(join(servers.postgres.dir, 'tls-ca.pem'), authority.certificate);
    for (const [name, file] of [
      ['tls-server.pem', 'server.pem'],
      ['tls-server.key', 'server.key'],
    ] as const)
      writeFileSync(join(servers.postgres.dir, name), readFileSync(join(dir, file)));
    await admin.query('select pg_reload_conf()');
    await sleep(200);
    const second = storeOf(filesOf('audit'));
    await second.ping();
    await until(async () => (await serials()).some((serial) => serial !== before), 5_000);
    going = false;
    await load;
    expect(failed).toBe(0);
    expect(asked).toBeGreaterThan(10);
    await Promise.all([store.close(), second.close(), bus.close(), admin.end()]);
  });
});
