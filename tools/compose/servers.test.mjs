import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { SERVERS } from '../../libs/local-servers/binaries.mjs';
import { writeSecrets } from '../../infra/compose-secrets.mjs';
import { pack } from '../../infra/pack.mjs';

/*
 * The real servers with what Compose gives their containers: the configuration of NATS, the command of Redis, the script of
 * the database's logins. Left out where a server is not installed.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true });
const binaryOf = (name) => SERVERS.find((server) => server.name === name).find();
const missing = (name) => (binaryOf(name) === undefined ? `${name} is not installed` : false);
const folder = mkdtempSync(join(tmpdir(), 'switchyard-compose-servers-'));
const secrets = join(folder, 'secrets');
const variablesOf = (container) =>
  Object.fromEntries(
    readFileSync(join(secrets, `${container}.env`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => /^([A-Z0-9_]+)='([^']*)'$/.exec(line).slice(1)),
  );

/** What a server says to some lines within half a second. */
function talk(port, text) {
  return new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (bytes) => (heard += bytes.toString('latin1')));
    socket.on('error', reject);
    setTimeout(() => {
      socket.destroy();
      resolve(heard);
    }, 500);
  });
}

/** What a service says to NATS of itself. */
function loginOf(app) {
  const { username, password } = new URL(variablesOf(app).NATS_URL);
  return JSON.stringify({ verbose: false, user: username, pass: password });
}

async function untilListening(port) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (
      await talk(port, '').then(
        () => true,
        () => false,
      )
    )
      return;
    await sleep(50);
  }
  throw new Error(`nobody listens on ${port}`);
}

describe('what Compose gives the servers', () => {
  const started = [];
  let freePort;
  before(async () => {
    // Passwords that nats-server would take for numbers, did they not stand in quotes.
    mkdirSync(secrets, { mode: 0o700 });
    const odd = { 'nats.audit': '12e4567890abcdef12e4567890abcdef', 'nats.a2a': '5k5k0000000000000000000000000000' };
    writeFileSync(join(secrets, 'passwords.json'), JSON.stringify(odd), { mode: 0o600 });
    await writeSecrets(secrets);
    ({ freePort } = await import('../../libs/local-servers/dist/index.js'));
  });
  after(async () => {
    for (const child of started) child.kill('SIGTERM');
    await sleep(200);
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets nobody into NATS without a login, and a service as itself', { skip: missing('nats') }, async () => {
    const port = await freePort();
    for (const file of ['nats.conf', 'permissions.conf'])
      copyFileSync(join(root, 'infra/nats', file), join(folder, file));
    const config = readFileSync(join(folder, 'nats.conf'), 'utf8')
      .replace('"0.0.0.0:4222"', `"127.0.0.1:${port}"`)
      .replace('"127.0.0.1:8222"', `"127.0.0.1:${await freePort()}"`)
      .replace('"/data"', JSON.stringify(join(folder, 'nats')));
    writeFileSync(join(folder, 'nats.conf'), config);
    const env = { PATH: process.env.PATH, ...variablesOf('nats') };
    started.push(spawn(binaryOf('nats'), ['-c', join(folder, 'nats.conf')], { env, stdio: 'ignore' }));
    await untilListening(port);
    assert.match(await talk(port, 'CONNECT {"verbose":false}\r\nPING\r\n'), /Authorization Violation/);
    const login = loginOf('gateway');
    for (const app of ['audit', 'a2a'])
      assert.match(await talk(port, `CONNECT ${loginOf(app)}\r\nPING\r\n`), /PONG/, app);
    const heard = await talk(port, `CONNECT ${login}\r\nSUB $JS.API.> 1\r\nPING\r\n`);
    assert.match(heard, /Permissions Violation for Subscription/);
    assert.match(heard, /PONG/);
  });

  it(
    'lets nobody into Redis without a login, and each service to its own keys',
    { skip: missing('redis') },
    async () => {
      const port = await freePort();
      const [shell, flag, script] = compose.services.redis.command;
      mkdirSync(join(folder, 'redis'));
      const text = script
        .replaceAll('$$', '$')
        .replaceAll('/run/redis', folder)
        .replace('redis-server', `redis-server --port ${port} --bind 127.0.0.1`);
      const env = { PATH: `${dirname(binaryOf('redis'))}:${process.env.PATH}`, ...variablesOf('redis') };
      started.push(spawn(shell, [flag, text], { env, cwd: join(folder, 'redis'), stdio: 'ignore' }));
      await untilListening(port);
      assert.match(await talk(port, 'GET rl:acme/dave\r\n'), /^-NOAUTH/);
      const { username, password } = new URL(variablesOf('gateway').REDIS_URL);
      const heard = await talk(
        port,
        `AUTH ${username} ${password}\r\nSET rl:acme/dave 1\r\nSET budget:x 1\r\nCONFIG GET dir\r\n`,
      );
      assert.match(heard, /^\+OK\r\n\+OK\r\n-NOPERM.*\r\n-NOPERM/);
    },
  );

  it(
    'gives each owner a login on PostgreSQL with its own tables, as often as it is run',
    { skip: missing('postgres'), timeout: 120_000 },
    async () => {
      const { startServers } = await import('../../libs/local-servers/dist/index.js');
      const { postgres, stop } = await startServers(['postgres']);
      try {
        const script = join(root, 'infra/postgres');
        const psql = (url, args, env = {}) =>
          spawnSync(join(binaryOf('postgres'), 'psql'), ['-qXtA', '-v', 'ON_ERROR_STOP=1', '-d', url, ...args], {
            encoding: 'utf8',
            env: { PATH: process.env.PATH, ...env },
          });
        assert.equal(psql(postgres.url, ['-f', join(script, 'init.sql')]).stderr, '');
        const env = { PATH: process.env.PATH, HOME: folder, DATABASE_URL: postgres.url };
        // As the container does it: with what its image holds and nothing else.
        pack('migrate', join(folder, 'image'));
        const migrated = spawnSync(process.execPath, ['tools/prisma.mjs', 'migrate'], {
          cwd: join(folder, 'image/libs/store'),
          env,
          encoding: 'utf8',
        });
        assert.equal(migrated.status, 0, migrated.stderr);
        for (let round = 0; round < 2; round += 1) {
          const made = psql(postgres.url, ['-f', join(script, 'logins.sql')], variablesOf('database-logins'));
          assert.deepEqual([made.status, made.stderr], [0, '']);
        }
        const asAudit = (sql) => {
          const { username, password } = new URL(variablesOf('audit').DATABASE_URL);
          const own = Object.assign(new URL(postgres.url), { username, password });
          return psql(own.href, ['-c', sql]);
        };
        assert.equal(asAudit('select count(*) from audit.audit_events').stdout.trim(), '0');
        assert.match(asAudit('select count(*) from orchestrator.runs').stderr, /permission denied/);
        assert.match(asAudit('set role switchyard').stderr, /permission denied/);
        assert.match(asAudit('create table public.x (y int)').stderr, /permission denied/);
      } finally {
        await stop();
      }
    },
  );
});
