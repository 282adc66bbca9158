import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import {
  callTool,
  checkToolFile,
  decideQuarantine,
  explainTools,
  listRegisteredTools,
  listTools,
  lookAtUpstream,
  type Principal,
  refreshAuthorisation,
  registerTool,
  removeTool,
  revokeAuthorisation,
  settleEffect,
  startAuthorisation,
  type StepResult,
} from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { migrateDatabase } from '@switchyard/store';
import { until } from '@switchyard/testing';
import { Config, createMcpTool } from '../src/index.ts';

/** Who sees and registers what, with two replicas on a real NATS server and a real PostgreSQL. */

const log = createLogger({ app: 'test', level: 'silent' });
const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const ROOT: Principal = { ...ANN, userId: 'root', role: 'admin' };
const AUDITOR: Principal = { ...ANN, userId: 'eve', role: 'auditor' };
const OTHER: Principal = { ...ROOT, tenantId: 'other' };

let servers: Servers<'nats' | 'postgres'>;
const replicas: Service[] = [];
let asker: Bus;

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  for (let count = 0; count < 2; count += 1) {
    const config = parseConfig(Config, {
      ...servers.accessOf('mcp-tool'),
      MOCK_WEATHER_TOOL_API_KEY: 'test',
      TOOLS_RELOAD_MS: '1000',
    });
    if (!config.ok) throw new Error(JSON.stringify(config.problems));
    const made = createMcpTool(config.value, { log, handleSignals: false });
    await made.start();
    replicas.push(made);
  }
  asker = await connectBus({ ...servers.busOf('gateway'), log });
});
afterAll(async () => {
  await asker?.close();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await servers?.stop();
});

type Constraints = { mode: 'custom'; providers?: string[] };
const call = (principal: Principal, tool: string, more: object = {}): Promise<StepResult> =>
  asker.request(callTool, { principal, tool, arguments: {}, ...more });
const names = async (principal: Principal, constraints = {}) =>
  (await asker.request(listTools, { principal, constraints })).tools.map(({ name }) => name);
const definition = (name: string, more: object = {}) => ({
  name,
  provider: 'shop',
  description: 'Look into the shop.',
  http: { url: 'https://shop.example/things' },
  ...more,
});
/** Whichever replica is asked. */
const everywhere = (check: () => Promise<boolean>) =>
  until(async () => {
    for (let asked = 0; asked < 8; asked += 1) if (!(await check())) return false;
    return true;
  }, 15_000);

describe('who sees what', () => {
  it('a tool that is hidden is in no list, and answers a call like one that does not exist', async () => {
    const unknown = await call(ANN, 'no_such_tool');
    expect(unknown).toMatchObject({ status: 'failed', code: 'tool_not_found' });
    expect(await names(ANN)).not.toContain('admin_debug');
    expect(await call(ANN, 'admin_debug')).toEqual(unknown);
    const constraints: Constraints = { mode: 'custom', providers: ['notes'] };
    expect(await names(ANN, constraints)).toEqual(['add_note', 'delete_note', 'get_note']);
    expect(await call(ANN, 'calculator', { constraints })).toEqual(unknown);
  });

  it('a custom list is what is allowed, and one that names nothing allows nothing', async () => {
    for (const constraints of [{ mode: 'custom' }, { mode: 'custom', providers: [], tools: [] }]) {
      expect(await names(ROOT, constraints)).toEqual([]);
      expect(await call(ROOT, 'calculator', { constraints })).toMatchObject({ code: 'tool_not_found' });
    }
    const constraints: Constraints = { mode: 'custom', providers: ['weather'] };
    expect(await call(ANN, 'get_note', { constraints })).toMatchObject({ code: 'tool_not_found' });
  });

  it('admin_debug is an admin’s alone', async () => {
    for (const principal of [ANN, AUDITOR])
      expect(await call(principal, 'admin_debug')).toMatchObject({ code: 'tool_not_found' });
    expect(await call(ROOT, 'admin_debug')).toMatchObject({ status: 'succeeded' });
  });

  it('is explained to admins, tool by tool, and to nobody else', async () => {
    const constraints: Constraints = { mode: 'custom', providers: ['math', 'system'] };
    const as = { userId: 'ann', role: 'user' } as const;
    const { verdicts } = await asker.request(explainTools, { principal: ROOT, as, constraints });
    expect(verdicts.filter(({ visible }) => visible).map(({ tool }) => tool)).toEqual(['calculator']);
    const why = Object.fromEntries(verdicts.map(({ tool, rule }) => [tool, rule]));
    expect(why).toMatchObject({ calculator: null, admin_debug: 'role', get_note: 'constraints' });
    const one = asker.request(explainTools, { principal: ROOT, tool: 'no_such_tool' });
    await expect(one).rejects.toMatchObject({ code: 'tool_not_found' });
    await expect(asker.request(explainTools, { principal: ANN })).rejects.toMatchObject({ code: 'forbidden' });
    const first = await asker.request(explainTools, { principal: ROOT, limit: 2 });
    expect(first).toMatchObject({
      verdicts: [{ tool: 'add_note' }, { tool: 'admin_debug' }],
      nextCursor: 'admin_debug',
    });
  });
});

describe('a tool that an admin registers', () => {
  it('is there in every replica for this tenant alone, is replaced, and goes', async () => {
    const register = (more: object = {}) =>
      asker.request(registerTool, { principal: ROOT, definition: definition('look', more) });
    expect(await register()).toMatchObject({ replaced: false, info: { name: 'shop__look', source: 'http_endpoint' } });
    await everywhere(async () => (await names(ANN)).includes('shop__look'));
    expect(await names(OTHER)).not.toContain('shop__look');
    expect(await call(OTHER, 'shop__look')).toMatchObject({ code: 'tool_not_found' });

    expect(await register({ required_role: 'admin' })).toMatchObject({ replaced: true });
    await everywhere(async () => !(await names(ANN)).includes('shop__look'));
    const { tools } = await asker.request(listRegisteredTools, { principal: ROOT });
    expect(tools).toMatchObject([{ tool: 'shop__look', by: 'root', definition: { required_role: 'admin' } }]);
    expect(await asker.request(listRegisteredTools, { principal: OTHER })).toEqual({ tools: [] });

    expect(await asker.request(removeTool, { principal: OTHER, tool: 'shop__look' })).toEqual({ removed: false });
    expect(await asker.request(removeTool, { principal: ROOT, tool: 'shop__look' })).toEqual({ removed: true });
    await everywhere(async () => !(await names(ROOT)).includes('shop__look'));
  });

  it('is there again after a restart', async () => {
    await asker.request(registerTool, { principal: ROOT, definition: definition('stay') });
    const config = Config.parse(servers.accessOf('mcp-tool'));
    const third = createMcpTool(config, { log, handleSignals: false });
    await third.start();
    replicas.push(third);
    await everywhere(async () => (await names(ANN)).includes('shop__stay'));
  });

  it('is refused with all that is wrong with it, is no way to private hosts or credentials, and is for admins', async () => {
    const register = (principal: Principal, more: object, dryRun = true) =>
      asker.request(registerTool, { principal, definition: definition('bad', more), dryRun });
    const local = register(ROOT, { http: { url: 'http://169.254.169.254/latest' } });
    await expect(local).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('not public'),
    });
    const http = { url: 'https://shop.example/{x}', headers: { A: '{credential.MOCK_WEATHER_TOOL_API_KEY}' } };
    await expect(register(ROOT, { http })).rejects.toMatchObject({
      details: [expect.stringContaining('http.url: "x"'), expect.stringContaining('credentials of the deployment')],
    });
    // Nothing that is registered starts a process.
    await expect(register(ROOT, { command: '/bin/sh', kind: 'stdio' })).rejects.toMatchObject({
      details: [expect.stringMatching(/^kind: expected one of/), 'command: there is no such field'],
    });
    await expect(register(ANN, {})).rejects.toMatchObject({ code: 'forbidden' });
    expect(await register(ROOT, {})).toMatchObject({ info: { name: 'shop__bad' }, replaced: false });
    expect(await names(ROOT)).not.toContain('shop__bad');
  });
});

describe('a file of tools, before anybody relies on it', () => {
  const check = (text: string, more: { as?: 'tenant' | 'operator'; principal?: Principal } = {}) =>
    asker.request(checkToolFile, { principal: ROOT, file: 'books.yaml', text, ...more });
  const good = `tools:
  - name: search
    description: Find books.
    http: { url: 'https://books.example/', headers: { X-Key: '{credential.BOOKS_KEY}' } }
`;

  it('is told by line what is wrong with it, by the same rules as a file in use', async () => {
    const { problems, tools } = await check(good.replace('description', 'descripton'));
    expect(tools).toEqual([]);
    expect(problems).toEqual([
      { line: 2, message: 'description: it is missing' },
      { line: 3, message: 'descripton: there is no such field' },
    ]);
    expect((await check('tools: [')).problems[0]).toMatchObject({ line: 1 });
  });

  it('gives the tools that it would be, and registers none of them', async () => {
    const { problems, tools } = await check(good);
    expect(problems).toEqual([]);
    expect(tools).toEqual([
      { tool: 'books__search', definition: expect.objectContaining({ provider: 'books' }) as unknown },
    ]);
    expect(await names(ROOT)).not.toContain('books__search');
  });

  it('may use no credential of the deployment where an admin would register it', async () => {
    const { problems } = await check(good, { as: 'tenant' });
    expect(problems).toContainEqual({ line: 4, message: expect.stringMatching(/credential/) as unknown });
    expect((await check(`policies: { '*': {} }`, { as: 'tenant' })).problems).toHaveLength(1);
  });

  it('is checked for admins alone', async () => {
    await expect(check(good, { principal: ANN })).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('an auditor', () => {
  const hash = 'a'.repeat(64);
  const ACTS: Record<string, () => Promise<unknown>> = {
    register: () => asker.request(registerTool, { principal: AUDITOR, definition: definition('shop_audited') }),
    remove: () => asker.request(removeTool, { principal: AUDITOR, tool: 'shop_audited' }),
    settle: () =>
      asker.request(settleEffect, { principal: AUDITOR, effectId: 'nothing', outcome: 'succeeded', note: 'x' }),
    'decide on a definition': () =>
      asker.request(decideQuarantine, { principal: AUDITOR, upstream: 'u', tool: 't', hash, verdict: 'approve' }),
    'look at an upstream': () => asker.request(lookAtUpstream, { principal: AUDITOR, url: 'https://mcp.example/' }),
    'start an authorisation': () =>
      asker.request(startAuthorisation, { principal: AUDITOR, provider: 'github', session: hash }),
    'refresh an authorisation': () => asker.request(refreshAuthorisation, { principal: AUDITOR, provider: 'github' }),
    'revoke an authorisation': () => asker.request(revokeAuthorisation, { principal: AUDITOR, provider: 'github' }),
  };

  it.each(Object.keys(ACTS))('may not %s', async (act) => {
    await expect(ACTS[act]!()).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('uses the tools that read, and is shown no other', async () => {
    const { tools } = await asker.request(listTools, { principal: AUDITOR });
    expect(new Set(tools.map(({ kind }) => kind))).toEqual(new Set(['read']));
    expect(await call(AUDITOR, 'calculator', { arguments: { expression: '1+1' } })).toMatchObject({
      status: 'succeeded',
    });
    const note = { arguments: { name: 'a', text: 'b' } };
    expect(await call(AUDITOR, 'add_note', note)).toMatchObject({ status: 'failed', code: 'tool_not_found' });
  });
});
