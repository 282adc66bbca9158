import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { call, makeClone, processes, withVariables } from './clone.ts';

/** What `up` says of a service that does not work, with the real supervisor and real servers. */

let root: string;
let port: number;
const up = (more: Record<string, string> = {}, ...args: string[]) => {
  const own = call(root, port, 'up', '--detach', ...args);
  const { status, stdout, stderr } = spawnSync(...withVariables(own, { XMPP_URL: 'xmpp://127.0.0.1:9', ...more }));
  return { status, stdout, stderr };
};
const put = (app: string, program: string): void => writeFileSync(join(root, 'apps', app, 'dist', 'main.js'), program);
const answering = (status: number, body: object): string => `import { createServer } from 'node:http';
const body = ${JSON.stringify(JSON.stringify(body))};
createServer((request, response) => response.writeHead(${status}).end(body)).listen(process.env.OPS_PORT, '127.0.0.1');`;
const works = answering(200, { checks: {} });

beforeAll(async () => {
  root = makeClone();
  port = await freePort();
});
afterEach(() => {
  for (const app of ['audit', 'xmpp-bridge']) put(app, works);
});
afterAll(() => {
  spawnSync(...call(root, port, 'down'));
  rmSync(root, { recursive: true, force: true });
});

const LOGIN = {
  AZTM_USERID: 'agent',
  AZTM_DOMAIN: 'example.org',
  AZTM_PASSWORD: 'canary-31415',
  AZTM_REQUIRED: 'true',
};

describe('up', () => {
  it('ends with 78 and every problem where a service does not take its configuration', () => {
    put(
      'audit',
      `console.error('The configuration is not valid:\\n  A=/x: set another\\n  B=1: too much'); process.exit(78);`,
    );
    const told = up();
    expect(told).toMatchObject({ status: 78, stdout: '' });
    expect(told.stderr).toContain(
      'audit does not start: the configuration is not valid: A=/x: set another; B=1: too much',
    );
    expect(spawnSync(...call(root, port, 'status')).status).toBe(69); // Nothing is left running.
  });

  it('ends with the last sentence of a service that ends again and again', () => {
    const line = JSON.stringify({ level: 'fatal', message: 'a defect', err: { message: 'no disk' } });
    put('audit', `console.log(${JSON.stringify(line)}); process.exit(1);`);
    const told = up();
    expect(told).toMatchObject({ status: 1, stdout: '' });
    expect(told.stderr).toMatch(/audit ends again and again \(exit code 1\): a defect: no disk/);
  });

  it('ends with 69 and what to check where the login that AZTM_REQUIRED asks for fails, and shows no password', () => {
    const detail = '127.0.0.1:9 refused the connection (ECONNREFUSED): nothing listens there.';
    put('xmpp-bridge', answering(503, { checks: { 'aztm login': { ok: false, detail } } }));
    const told = up({ ...LOGIN, AZTM_XMPP_TIMEOUT: '60' });
    expect(told).toMatchObject({ status: 69, stdout: '' });
    expect(told.stderr).toMatch(/Step 1\/2: connecting to the AZTM transport as agent@example\.org .*at most 60 s/);
    expect(told.stderr).toMatch(/Step 1\/2 failed: 127\.0\.0\.1:9 refused.*\n.*AZTM_HOST, AZTM_PORT, the TLS settings/);
    expect(told.stderr).not.toContain('canary-31415');
  });

  it('says the second step and lists the bridge where the login stands; without an account it lists none', () => {
    const detail = 'The AZTM login stands: online as agent@example.org/r.';
    put('xmpp-bridge', answering(200, { checks: { 'aztm login': { ok: true, detail } } }));
    const told = up(LOGIN);
    expect(told.stderr).toContain(`Step 2/2: ${detail}`);
    expect(told.stderr).toMatch(/xmpp-bridge +ready/);
    expect(told).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Running: /) });
    const none = up({}, '--apply');
    expect([none.status, none.stderr]).toEqual([0, expect.not.stringMatching(/xmpp-bridge +ready|Step/)]);
  });

  it('never calls a stack running of which a service is not ready any more', async () => {
    put('audit', answering(503, { checks: { postgres: { ok: false, required: true, detail: 'It is away.' } } }));
    const { pid } = processes(root).find(({ name }) => name === 'audit')!;
    process.kill(pid, 'SIGKILL');
    await until(() => processes(root).some((each) => each.name === 'audit' && each.pid !== pid), 15_000);
    const told = up();
    expect([told.status, told.stdout]).toEqual([1, expect.stringMatching(/^Not ready: /)]);
    expect(told.stderr).toContain('audit is not ready: It is away.');
  });
});
