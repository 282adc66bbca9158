import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, processStartTime } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';

/** `demo federation` as a person calls it: real processes on both sides, in a clone of their own. */

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'switchyard-demo-'));
let port = 0;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function call(...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<Ended> } {
  const cli = join(repository, 'apps', 'cli', 'dist', 'main.js');
  const program = `const { main } = await import(${JSON.stringify(cli)}); process.exitCode = await main(process.argv.slice(1), ${JSON.stringify(root)});`;
  const own = /^(OPENAI_|AZTM_|XMPP_|SERVICE_MAP$|A2A_AGENTS$|NATS_URL$|DATABASE_URL$|REDIS_URL$)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, '--', ...args], {
    cwd: root,
    env: { ...env, GATEWAY_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk) => (texts[name] += String(chunk)));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...texts })));
  return { child, said: () => texts.stdout + texts.stderr, ended };
}

const pidsOf = (name: string): number[] => {
  const file = join(root, '.switchyard', name);
  if (!existsSync(file)) return [];
  return (JSON.parse(readFileSync(file, 'utf8')) as { processes: { pid: number }[] }).processes.map(({ pid }) => pid);
};
const living = (pids: readonly number[]): number[] => pids.filter((pid) => processStartTime(pid) !== undefined);

beforeAll(async () => {
  chmodSync(root, 0o711);
  for (const name of ['apps', 'libs', 'infra', 'node_modules', 'package.json'])
    symlinkSync(join(repository, name), join(root, name));
  port = await freePort();
});
afterAll(async () => {
  await call('down').ended;
  rmSync(root, { recursive: true, force: true });
});

describe('the demo of two organisations', () => {
  it('runs a task by the agent of the other one, over XMPP, where nobody listens for HTTP', async () => {
    expect((await call('up', '--detach').ended).code).toBe(0);
    const demo = await call('demo', 'federation', '--json').ended;
    expect(demo.stderr).toContain('the stack goes on');
    expect(JSON.parse(demo.stdout)).toMatchObject({
      ok: true,
      status: 'success',
      answer: expect.stringContaining('HELLO FROM THE OTHER SIDE'),
      carried: expect.arrayContaining([
        expect.objectContaining({ from: 'switchyard@localhost', to: 'partner@localhost', method: 'POST', status: 200 }),
      ]),
      listening: [
        expect.stringMatching(/^federation-nats .* 127\.0\.0\.1:\d+$/),
        expect.stringMatching(/^federation-bridge .* nowhere$/),
        expect.stringMatching(/^federation-agent .* nowhere$/),
      ],
    });
    expect(demo.code).toBe(0);
    expect(pidsOf('federation.json')).toEqual([]);
    expect(living(pidsOf('pids.json'))).not.toEqual([]);
  }, 300_000);

  it('shows both ends, and leaves nothing of the second one behind when it is interrupted', async () => {
    const demo = call('demo', 'federation', 'Ask the partner agent to slow 300 hello');
    let over = false;
    void demo.ended.then(() => (over = true));
    await until(() => over || demo.said().includes('POST /a2a by switchyard@localhost'), 120_000);
    expect(over ? demo.said() : 'it goes on').toBe('it goes on');
    const second = pidsOf('federation.json');
    expect(living(second)).toHaveLength(3);
    demo.child.kill('SIGINT');
    const { code, stdout } = await demo.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/planning\.completed/);
    expect(living(second)).toEqual([]);
    expect(living(pidsOf('pids.json'))).not.toEqual([]);
  }, 300_000);
});
