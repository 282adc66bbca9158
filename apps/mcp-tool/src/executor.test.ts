import { afterAll, describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@switchyard/bus';
import type { Principal, StepResult, ToolConstraints } from '@switchyard/contracts';
import { createLogger, createMetrics } from '@switchyard/platform';
import { z } from 'zod';
import { MAX_OUTPUT_CHARS } from './bound-output.ts';
import { defineTool, type Tool, ToolError } from './define-tool.ts';
import { Executor } from './executor.ts';
import { Lister } from './lister.ts';
import { adminDebug } from './tool-admin-debug.ts';
import { calculator } from './tool-calculator.ts';
import { createRegistry } from './toolbox.ts';
import { getWeather } from './tool-get-weather.ts';

const SECRET = 'canary-31415';
const tool = (name: string, run: Tool['run'], more: Partial<Tool> = {}): Tool => ({
  ...defineTool({
    name,
    description: name,
    provider: 'test',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({}),
    output: z.unknown(),
    timeoutMs: 200,
    run: () => null,
  }),
  run,
  ...more,
});

const hub = createMemoryBus();
const bus = hub.connect('mcp-tool');
afterAll(() => bus.close());

const registry = createRegistry([
  calculator,
  getWeather,
  adminDebug,
  tool('explodes', () => {
    throw new Error(`postgres://user:${SECRET}@db failed`);
  }),
  tool('explains', () => {
    throw new ToolError('The file is locked; try again later.');
  }),
  tool('deaf', () => new Promise(() => undefined)),
  tool('huge', () => 'x'.repeat(MAX_OUTPUT_CHARS * 2)),
  tool('liar', () => 'text', { output: z.number() }),
]);
const log = createLogger({ app: 'test', level: 'silent' });
const executor = (credentials = {}) =>
  new Executor({ registry, bus, log, metrics: createMetrics('test'), credentials });

const USER: Principal = { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' };
const ADMIN: Principal = { ...USER, userId: 'root', role: 'admin' };
const AUTO: ToolConstraints = { mode: 'auto', providers: [], tools: [] };
const call = (
  name: string,
  args = {},
  more: { principal?: Principal; constraints?: ToolConstraints; signal?: AbortSignal; credentials?: object } = {},
): Promise<StepResult> =>
  executor(more.credentials).run({
    principal: more.principal ?? USER,
    constraints: more.constraints ?? AUTO,
    tool: name,
    arguments: args,
    signal: more.signal ?? new AbortController().signal,
  });

describe('Executor', () => {
  it('runs a tool with arguments that fit', async () => {
    expect(await call('calculator', { expression: '6*7' })).toEqual({
      status: 'succeeded',
      output: { expression: '6*7', result: 42 },
    });
  });

  it('names the wrong arguments, so that the model can correct them', async () => {
    const result = await call('calculator', { expr: 1 });
    expect(result).toMatchObject({
      status: 'failed',
      code: 'tool_invalid_arguments',
      message: expect.stringContaining('expression'),
    });
  });

  it('answers for a hidden tool exactly as for one that does not exist', async () => {
    const unknown = await call('no_such_tool');
    expect(await call('admin_debug')).toEqual(unknown);
    expect(
      await call('calculator', { expression: '1' }, { constraints: { mode: 'custom', providers: [], tools: [] } }),
    ).toEqual(unknown);
    expect(await call('__proto__')).toEqual(unknown);
  });

  it('runs a role-restricted tool for that role', async () => {
    expect(await call('admin_debug', {}, { principal: ADMIN })).toMatchObject({ status: 'succeeded' });
  });

  it('never calls a tool outside the custom constraint list, and lists the same tools that it calls', async () => {
    const constraints: ToolConstraints = { mode: 'custom', providers: ['math'], tools: [] };
    expect(new Lister(registry).list(USER, constraints).map((info) => info.name)).toEqual(['calculator']);
    expect(await call('get_weather', { city: 'London' }, { constraints })).toMatchObject({ code: 'tool_not_found' });
    expect(await call('calculator', { expression: '1' }, { constraints })).toMatchObject({ status: 'succeeded' });
  });

  it('does not run a tool whose credential is missing, and passes it where it is there', async () => {
    expect(await call('get_weather', { city: 'London' })).toMatchObject({ code: 'credentials_missing' });
    const result = await call(
      'get_weather',
      { city: 'London' },
      { credentials: { MOCK_WEATHER_TOOL_API_KEY: SECRET } },
    );
    expect(result).toMatchObject({ status: 'succeeded', output: { city: 'London' } });
    expect(JSON.stringify(result)).not.toContain(SECRET);
  });

  it('tells nothing of an unexpected error, and the whole text of a ToolError', async () => {
    const result = await call('explodes');
    expect(result).toMatchObject({ status: 'failed', code: 'tool_failed' });
    expect(JSON.stringify(result)).not.toContain(SECRET);
    expect(await call('explains')).toMatchObject({ message: 'The file is locked; try again later.' });
  });

  it('answers at the time limit for a tool that does not listen', async () => {
    expect(await call('deaf')).toMatchObject({ code: 'tool_timeout' });
  });

  it('answers at once when the caller cancels', async () => {
    const abort = new AbortController();
    const result = call('deaf', {}, { signal: abort.signal });
    abort.abort();
    expect(await result).toMatchObject({ code: 'cancelled' });
  });

  it('bounds what a tool may say', async () => {
    const result = await call('huge');
    expect(JSON.stringify(result).length).toBeLessThan(MAX_OUTPUT_CHARS * 1.1);
    expect(result).toMatchObject({ output: { truncated: true } });
  });

  it('does not pass on an answer that breaks the tool’s own schema', async () => {
    expect(await call('liar')).toMatchObject({ code: 'tool_failed' });
  });
});
