import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import type { StatusFile } from '../src/environment/process-files.ts';
import { openToOthers } from './open-to-others.ts';

/*
 * The real services on the real servers, as `up` starts them, and another account of the same machine. Only root can act
 * as another account: for anybody else that part is skipped.
 */

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const APPS = ['gateway', 'orchestrator', 'mcp-tool', 'a2a', 'audit', 'xmpp-bridge', 'dev-model', 'mock-a2a'];
const CANARY = 'canary-of-the-task-0123456789';
const isRoot = process.getuid?.() === 0;
const idOf = (flag: string): number =>
  Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout.trim() || 65_534);

function makeClone(): string {
  const root = mkdtempSync(join(tmpdir(), 'switchyard-closed-'));
  chmodSync(root, 0o711);
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('package.json', JSON.stringify({ name: 'clone', version: '9.9.9', private: true, workspaces: ['libs/*'] }));
  const migrate = `cd ${JSON.stringify(repository)} && npm run --silent migrate -w @switchyard/store`;
  put('libs/store/package.json', JSON.stringify({ name: '@switchyard/store', version: '1.0.0', scripts: { migrate } }));
  for (const app of APPS)
    put(`apps/${app}/dist/main.js`, `import ${JSON.stringify(join(repository, 'apps', app, 'dist', 'main.js'))};`);
  cpSync(join(repository, 'infra', 'nats'), join(root, 'infra', 'nats'), { recursive: true });
  return root;
}

/** What a program sees that another account runs, as that account. */
function asNobody(program: string, ...args: string[]): { stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['-e', program, ...args], {
    uid: idOf('-u'),
    gid: idOf('-g'),
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
    timeout: 20_000,
  });
}

/** Says `text` to a port and answers with what comes back within a second. */
const TALK = `
const [port, text] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), '127.0.0.1', () => socket.write(Buffer.from(text, 'base64')));
socket.on('data', (bytes) => process.stdout.write(bytes.toString('latin1')));
socket.on('error', (error) => process.stdout.write(error.code));
socket.on('close', () => process.exit());
setTimeout(() => process.exit(), 1000);`;
const talk = (port: string, text: string | Buffer): string =>
  asNobody(TALK, port, Buffer.from(text).toString('base64')).stdout;

describe('a stack that runs', () => {
  const root = makeClone();
  let port = 0;
  const run = (...args: string[]) => {
    const cli = join(repository, 'apps', 'cli', 'dist', 'main.js');
    const program = `const { main } = await import(${JSON.stringify(cli)}); process.exitCode = await main(process.argv.slice(1), ${JSON.stringify(root)});`;
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, GATEWAY_PORT: String(port), VAULT_KEYS: `k:${Buffer.alloc(32, 7).toString('base64')}` };
    const how = { cwd: root, env, encoding: 'utf8' as const };
    return spawnSync(process.execPath, ['--input-type=module', '-e', program, '--', ...args], how);
  };
  const processes = () =>
    (JSON.parse(readFileSync(join(root, '.switchyard', 'status.json'), 'utf8')) as StatusFile).processes;
  const portOf = (name: string): string => new URL(processes().find((each) => each.name === name)!.url).port;

  beforeAll(async () => {
    port = await freePort();
    const up = run('up', '--detach');
    expect([up.status, up.stderr]).toEqual([0, expect.any(String)]);
    expect(run('run', `What is 6 times 7? ${CANARY}`).status).toBe(0);
    // Audit makes the folder with the first run that it writes down.
    const tree = () =>
      existsSync(join(root, 'logs')) ? (readdirSync(join(root, 'logs'), { recursive: true }) as string[]) : [];
    await until(() => tree().some((path) => path.endsWith('main.jsonl')), 15_000);
  }, 180_000);
  afterAll(() => {
    run('down');
    rmSync(root, { recursive: true, force: true });
  });

  it('has written nothing that others can read: state, logs, data of the servers, log tree', () => {
    const state = openToOthers(join(root, '.switchyard'));
    // Root's PostgreSQL and Prosody have accounts of their own, which pass through to their data.
    const passages = isRoot ? ['', 'data'] : [];
    expect(state.filter(({ path, mode }) => !(passages.includes(path) && mode === 0o711))).toEqual([]);
    expect(openToOthers(join(root, 'logs'))).toEqual([]);
  });

  it('gives metrics to the operator alone', async () => {
    const token = readFileSync(join(root, '.switchyard', 'ops.key')).toString('hex');
    const services = processes().filter(({ name }) => APPS.slice(0, 6).includes(name));
    expect(services).toHaveLength(6);
    for (const { name, url } of services) {
      const status = async (headers: Record<string, string>) => (await fetch(`${url}/metrics`, { headers })).status;
      expect([name, await status({}), await status({ authorization: `Bearer ${token}` })]).toEqual([name, 401, 200]);
    }
  });

  const ofRoot = isRoot ? describe : describe.skip;
  ofRoot('is to another account of the machine', () => {
    it('nothing that it can read: state, logs, environments, and nothing in command lines', () => {
      const READ = `
const fs = require('node:fs');
const seen = [];
const look = (path) => { try { seen.push([path, fs.readFileSync(path, 'latin1').length]); } catch {} };
const list = (path) => { try { seen.push([path, fs.readdirSync(path).length]); } catch {} };
for (const path of process.argv.slice(1)) { look(path); list(path); }
process.stdout.write(JSON.stringify(seen));`;
      const state = readdirSync(join(root, '.switchyard'), { recursive: true }) as string[];
      const paths = [
        ...state.map((path) => join(root, '.switchyard', path)),
        join(root, '.switchyard'),
        ...(readdirSync(join(root, 'logs'), { recursive: true }) as string[]).map((path) => join(root, 'logs', path)),
        ...processes().map(({ pid }) => `/proc/${pid}/environ`),
      ];
      expect(paths.length).toBeGreaterThan(50);
      const seen: unknown[] = [];
      for (let n = 0; n < paths.length; n += 200)
        seen.push(...(JSON.parse(asNobody(READ, ...paths.slice(n, n + 200)).stdout) as unknown[]));
      expect(seen).toEqual([]);

      // Every password that this clone made, wherever it keeps them.
      const kept = state.filter((path) => path.endsWith('passwords.json'));
      const passwords = kept.flatMap(
        (path) =>
          Object.values(JSON.parse(readFileSync(join(root, '.switchyard', path), 'utf8')) as object) as string[],
      );
      expect(passwords.length).toBeGreaterThan(5);
      const lines = processes().map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      for (const word of [...passwords, CANARY]) expect(lines.join('\n')).not.toContain(word);
    });

    it('a PostgreSQL that asks for a password', () => {
      const pairs = Buffer.from('user\0switchyard\0database\0switchyard\0\0');
      const head = Buffer.alloc(8);
      head.writeInt32BE(pairs.length + 8, 0);
      head.writeInt32BE(196_608, 4);
      const answer = talk(portOf('postgres'), Buffer.concat([head, pairs]));
      expect(answer).toContain('SCRAM-SHA-256');
      expect(answer).not.toContain('R\0\0\0\x08\0\0\0\0'); // AuthenticationOk
    });

    it('a Redis that asks for a password', () => {
      expect(talk(portOf('redis'), 'PING\r\nSET rl:acme/dave 999999\r\n')).toMatch(/^-NOAUTH.*\r\n-NOAUTH/);
    });

    it('a NATS server that lets nobody in without a login', () => {
      const words = ['CONNECT {"verbose":false}', 'SUB run.> 1', 'PUB rpc.runs.get _INBOX.x 2', '{}', 'PING', ''];
      const answer = talk(portOf('nats'), words.join('\r\n'));
      expect(answer).toMatch(/-ERR 'Authorization Violation'/);
      expect(answer).not.toContain('PONG');
    });

    it('a Prosody that lets nobody in without a login', () => {
      const stream = `<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
      const anonymous = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>`;
      const answer = talk(portOf('prosody'), `${stream}${anonymous}`);
      expect(answer).toContain('<starttls');
      expect(answer).not.toMatch(/ANONYMOUS|<success|iq-register/);
    });

    it('services of which it learns that they live and are ready, and nothing more', () => {
      for (const { name, url } of processes().filter((each) => APPS.slice(1, 6).includes(each.name))) {
        const at = new URL(url).port;
        const get = (path: string): string => talk(at, `GET ${path} HTTP/1.0\r\n\r\n`).split('\r\n')[0]!;
        expect([name, get('/health'), get('/metrics'), get('/')].map((line) => line.replace('HTTP/1.1 ', ''))).toEqual([
          name,
          '200 OK',
          '401 Unauthorized',
          '404 Not Found',
        ]);
        expect(talk(at, 'GET /readiness HTTP/1.0\r\n\r\n')).not.toContain(CANARY);
      }
    });
  });
});
