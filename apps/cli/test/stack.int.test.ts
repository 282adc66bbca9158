import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, processStartTime } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import type { DoctorReport } from '@switchyard/contracts';
import { APPS, call, CANARIES, canaryOf, makeClone, processes, repository, withVariables } from './clone.ts';
import { openToOthers } from './open-to-others.ts';

/*
 * The real supervisor with real servers, over small stand-ins for the services: what is tested here is that
 * processes start, come back and end, not what they do.
 */

/** What a server says to a client without a login. */
function firstWords(port: number, say: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(say));
    let heard = '';
    socket.once('error', reject);
    socket.once('close', () => resolve(heard));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      if (/NOAUTH|Violation|PONG/.test(heard)) socket.destroy();
    });
  });
}

describe('the stack of one clone', () => {
  const root = makeClone();
  const run = (...args: string[]) => spawnSync(...call(root, port, ...args));
  let port = 0;

  beforeAll(async () => {
    execFileSync(
      process.execPath,
      [join(repository, 'node_modules/typescript-7/bin/tsc'), '-b', 'apps/cli', 'apps/mcp-tool'],
      {
        cwd: repository,
      },
    );
    port = await freePort();
  });
  afterAll(() => {
    run('down');
    rmSync(root, { recursive: true, force: true });
  });

  it('comes up with everything, and says where', () => {
    const up = run('up', '--detach', '--replicas', 'orchestrator=2');
    expect(up.stderr + up.stdout).toContain(`Running: http://127.0.0.1:${port}`);
    expect(up.status).toBe(0);
    const names = processes(root)
      .map(({ name }) => name)
      .sort();
    expect(names).toEqual([...APPS, 'nats', 'orchestrator-2', 'postgres', 'prosody', 'redis'].sort());
    const gateway = processes(root).find(({ name }) => name === 'gateway');
    expect(gateway).toEqual({
      name: 'gateway',
      pid: gateway?.pid,
      url: `http://127.0.0.1:${port}`,
      log: '.switchyard/log/gateway.log',
    });
    expect(run('status').stdout).toMatch(/orchestrator-2 +\d+ {2}ready/);
  });

  it('gives each service its addresses', async () => {
    const url = processes(root).find(({ name }) => name === 'orchestrator')?.url ?? '';
    const environment = (await (await fetch(`${url}/environment`)).json()) as Record<string, string>;
    expect(environment).toMatchObject({ OPENAI_API_KEY: 'dev', OPS_HOST: '127.0.0.1' });
    const own = new URL(environment['DATABASE_URL'] ?? '');
    expect(own.username).toBe('switchyard_orchestrator_login');
    expect(own.host).toBe(new URL(processes(root).find(({ name }) => name === 'postgres')?.url ?? '').host);
    expect(new URL(environment['NATS_URL']!).username).toBe('orchestrator');
    expect(new URL(environment['REDIS_URL']!).username).toBe('orchestrator');
    expect(environment['BUS_KEYS']).toMatch(/^(gateway|orchestrator)>/);
  });

  it('gives the bridge, and nobody else, an account on the private XMPP server, over TLS', async () => {
    const of = async (name: string) => {
      const url = processes(root).find((process) => process.name === name)?.url ?? '';
      return (await (await fetch(`${url}/environment`)).json()) as Record<string, string>;
    };
    const bridge = await of('xmpp-bridge');
    expect(bridge).toMatchObject({ AZTM_JID: 'switchyard@localhost', AZTM_TLS: 'starttls' });
    expect(bridge['AZTM_PORT']).toBe(new URL(processes(root).find(({ name }) => name === 'prosody')!.url).port);
    expect(readFileSync(bridge['AZTM_CA_FILE']!, 'utf8')).toContain('BEGIN CERTIFICATE');
    expect((await of('a2a'))['AZTM_PASSWORD']).toBeUndefined();
  });

  it('gives each secret to the process that it is for, and to no server and no other service', () => {
    const environs = processes(root).map(
      ({ name, pid }) => [name, readFileSync(`/proc/${pid}/environ`, 'utf8')] as const,
    );
    expect(environs.length).toBeGreaterThan(APPS.length);
    for (const [canary, apps] of Object.entries(CANARIES)) {
      const seenBy = environs.filter(([, text]) => text.includes(canaryOf(canary))).map(([name]) => name);
      expect([canary, seenBy]).toEqual([canary, apps]);
    }
    for (const [name, text] of environs)
      if (['nats', 'postgres', 'redis', 'prosody'].includes(name))
        expect(
          text.split('\0').every((line) => /^(PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR)?(=|$)/.test(line)),
        ).toBe(true);
  });

  it('shows nothing of a secret, and nothing that follows from one, in a command line', () => {
    const supervisor = JSON.parse(readFileSync(join(root, '.switchyard', 'supervisor.json'), 'utf8')) as {
      pid: number;
      settings: Record<string, string>;
    };
    const pids = [...processes(root).map(({ pid }) => pid), supervisor.pid];
    const commands = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).join('\n');
    const digests = (text: string) =>
      ['hex', 'base64url'].map((form) =>
        createHash('sha256')
          .update(text)
          .digest(form as 'hex'),
      );
    for (const name of Object.keys(CANARIES)) {
      const value = canaryOf(name);
      for (const text of [value, ...digests(value)]) expect(commands).not.toContain(text.slice(0, 12));
      if (name in supervisor.settings) expect(commands).not.toContain(supervisor.settings[name]);
    }
    expect(supervisor.settings['VAULT_KEYS']).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it('leaves nothing under .switchyard that another account could read, list or write', () => {
    const open = openToOthers(join(root, '.switchyard'));
    // The accounts of PostgreSQL and Prosody pass through to their data; neither they nor others list what is there.
    const passages = process.getuid?.() === 0 ? ['', 'data'] : [];
    expect(open.filter(({ path, mode }) => !(passages.includes(path) && mode === 0o711))).toEqual([]);
  });

  it('asks the servers itself when the doctor is called, with exit code 2 for a finding', () => {
    const doctor = run('doctor', '--json', '--only', 'nats');
    const { verdict, checks } = JSON.parse(doctor.stdout) as DoctorReport;
    expect(checks.map(({ number, status }) => `${number} ${status}`)).toEqual([
      '30 ok',
      '35 ok',
      '36 fail',
      '37 fail', // The stand-ins make no streams.
      '42 ok',
    ]);
    expect([verdict, doctor.status]).toEqual(['fail', 2]);
  });

  it('lets the doctor into Redis as a service, and nobody in without a login', async () => {
    const doctor = run('doctor', '--json', '--only', 'redis');
    const { checks } = JSON.parse(doctor.stdout) as DoctorReport;
    // The stand-ins bring no doctor of their own.
    expect(checks.map(({ number, status }) => `${number} ${status}`)).toEqual(['32 skipped']);
    const at = (name: string) => new URL(processes(root).find((process) => process.name === name)?.url ?? '');
    expect(await firstWords(Number(at('redis').port), 'PING\r\n')).toMatch(/^-NOAUTH/);
    expect(await firstWords(Number(at('nats').port), 'CONNECT {}\r\nPING\r\n')).toMatch(/Authorization Violation/);
  });

  it('tells a person how to watch the bus, with a login that their account alone can read', () => {
    expect(run('status').stdout).toMatch(/^Watch: nats --server "\$\(cat \.switchyard\/logins\/nats-watcher\.url\)"/m);
    const file = join(root, '.switchyard', 'logins', 'nats-watcher.url');
    expect(readFileSync(file, 'utf8')).toMatch(/^nats:\/\/watcher:/);
    expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).toEqual([0o600, 0o700]);
  });

  it('starts a killed service again, and the log says so', async () => {
    const before = processes(root).find(({ name }) => name === 'mcp-tool')!;
    process.kill(before.pid, 'SIGKILL');
    await until(() => {
      const now = processes(root).find(({ name }) => name === 'mcp-tool');
      return now !== undefined && now.pid !== before.pid;
    }, 15_000);
    expect(run('logs', 'supervisor').stdout).toMatch(/! mcp-tool ended \(ended by SIGKILL\)/);
  });

  it('starts a killed server again, on the same port with the same data', async () => {
    const before = processes(root).find(({ name }) => name === 'nats')!;
    process.kill(before.pid, 'SIGKILL');
    await until(() => {
      const now = processes(root).find(({ name }) => name === 'nats');
      return now !== undefined && now.pid !== before.pid && now.url === before.url;
    }, 15_000);
  });

  it('runs a task through the gateway: the answer on stdout, the progress not', () => {
    const answer = run('run', 'What is it?');
    expect(answer.stdout).toMatch(/orchestrator\.task\.completed +success: 0 steps, 0 failed\n\nIt is 42\.\n$/);
    expect(answer.stderr).toContain('model        apps/dev-model');
    expect(answer.status).toBe(0);
    expect(JSON.parse(run('run', '--json', 'What is it?').stdout.split('\n')[0]!)).toMatchObject({
      event: 'orchestrator.task.completed',
    });
  });

  it('is not started twice; a setting that this call wants different is named, and applied where it says so', () => {
    const pids = processes(root).map(({ pid }) => pid);
    expect(run('up', '--detach').stdout).toContain('Running already');
    expect(processes(root).map(({ pid }) => pid)).toEqual(pids);
    const [command, args, options] = call(root, port, 'up', '--detach');
    const { GATEWAY_PORT: _, ...env } = options.env;
    const wanted = { ...env, LOG_LEVEL: 'debug', EDGE_SHARED_SECRET: 'another-secret-of-more-than-32-letters' };
    const refused = spawnSync(command, args, { ...options, env: wanted });
    expect([refused.status, refused.stdout]).toEqual([78, '']);
    expect(refused.stderr).toMatch(/EDGE_SHARED_SECRET \(gateway\).*LOG_LEVEL \(every service\).*up --apply/);
    expect(spawnSync(...withVariables(call(root, port, 'run', 'x'), wanted)).status).toBe(78);
    expect(processes(root).map(({ pid }) => pid)).toEqual(pids);

    const again = spawnSync(command, [...args, '--apply'], { ...options, env: wanted });
    expect(again.stderr).toMatch(/EDGE_SHARED_SECRET .*LOG_LEVEL .* changed; .*: starting the stack again/);
    expect(again.stdout).toContain(`Running: http://127.0.0.1:${port}`);
    expect(processes(root).some(({ pid }) => pids.includes(pid))).toBe(false);
    expect(readFileSync(join(root, 'migrated'), 'utf8')).toBe('\n');
  });

  it('refuses the development identity in production and on a network, and stops nothing for it', () => {
    const pids = processes(root).map(({ pid }) => pid);
    const opened: Record<string, string>[] = [{ NODE_ENV: 'production' }, { GATEWAY_HOST: '0.0.0.0' }];
    for (const open of opened) {
      const refused = spawnSync(...withVariables(call(root, port, 'up', '--detach', '--apply'), open));
      expect([refused.status, refused.stdout]).toEqual([78, '']);
      expect(refused.stderr).toMatch(/believes everybody\. Set IDENTITY_MODE to jwt or edge/);
    }
    expect(processes(root).map(({ pid }) => pid)).toEqual(pids);
  });

  it('goes down without a trace, and only itself', async () => {
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    const pids = processes(root).map(({ pid }) => pid);
    expect(run('down').stdout).toContain('Stopped: ');
    expect(pids.filter((pid) => processStartTime(pid) !== undefined)).toEqual([]);
    expect(processes(root)).toEqual([]);
    expect(processStartTime(bystander.pid!)).toBeDefined();
    bystander.kill();
    expect(run('down').stdout).toContain('Nothing was running.');
    expect(run('status').status).toBe(69);
    const doctor = run('doctor', '--only', 'nats');
    expect([doctor.status, doctor.stdout]).toEqual([
      0,
      expect.stringMatching(/Nothing runs in this clone, and NATS_URL/),
    ]);
  });

  it('finds and ends what a killed supervisor left behind', async () => {
    expect(run('up', '--detach').status).toBe(0);
    const { pid } = JSON.parse(readFileSync(join(root, '.switchyard', 'supervisor.json'), 'utf8')) as { pid: number };
    const left = processes(root).map((process) => process.pid);
    process.kill(pid, 'SIGKILL');
    await until(() => processStartTime(pid) === undefined);
    expect(run('down').stdout).toContain('gateway');
    expect(left.filter((child) => processStartTime(child) !== undefined)).toEqual([]);
  });

  it('says by whom the port of the gateway is taken and how to choose another', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const taken = (holder.address() as AddressInfo).port;
    const child = spawn(...call(root, taken, 'up', '--detach'));
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    holder.close();
    expect(said).toContain(`Port ${taken} is taken by process ${process.pid} (`);
    expect(said).toMatch(/Choose another: GATEWAY_PORT=\d+ \.\/switchyard up/);
    expect(code).toBe(69);
  });
});
