import { beforeEach, describe, expect, it } from '@jest/globals';
import { SystemEventPublisher } from '@switchyard/bus';
import {
  AppError,
  type Principal,
  type StepResult,
  type SystemFact,
  type ToolConstraints,
} from '@switchyard/contracts';
import { createLogger, createMetrics } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { z } from 'zod';
import { DEFAULT_OUTPUT_BYTES } from '../tool/bound-output.ts';
import { defineTool, type ToolDefinition } from '../tool/define-tool.ts';
import { memoryEffects } from '../../test/memory-effects.ts';
import { LedgeredExecutor } from '../effects/ledgered-executor.ts';
import type { CallRequest } from '../tool/call.ts';
import { Executor, MAX_OVERDUE } from './executor.ts';
import { adminDebug } from '../builtin-tools/admin-debug.ts';
import { calculator } from '../builtin-tools/calculator.ts';
import { getWeather } from '../builtin-tools/get-weather.ts';
import { Catalog } from '../catalog/catalog.ts';
import { type Tool, type ToolContext, ToolError } from '../tool/tool.ts';
import { Toolbox } from '../catalog/toolbox.ts';
import { NO_AUTHORISATIONS } from '../../test/no-authorisations.ts';

const SECRET = 'canary-31415';
const tool = (name: string, run: ToolDefinition['run'], more: Partial<ToolDefinition> = {}): Tool =>
  defineTool({
    name,
    description: name,
    provider: 'test',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({}),
    output: z.unknown(),
    timeoutMs: 60,
    run,
    ...more,
  });

const facts: SystemFact[] = [];
const bus = { publishSystem: (fact: SystemFact) => Promise.resolve(void facts.push(fact)) };

const contexts: ToolContext[] = [];
const release = new Set<() => void>();
const once = { kind: 'write', idempotency: 'none' } as const;
const catalog = new Catalog();
catalog.put('test', [
  calculator,
  getWeather,
  adminDebug,
  tool('remembers', (_input, context) => contexts.push(context)),
  tool('explodes', () => {
    throw new Error(`postgres://user:${SECRET}@db failed`, { cause: new Error(SECRET) });
  }),
  tool('explains', () => {
    throw new ToolError('The file is locked; try again later.');
  }),
  tool('away', () => Promise.reject(new AppError('unavailable', 'The database does not answer at the moment.'))),
  tool('deaf', () => new Promise<void>((resolve) => release.add(resolve))),
  tool('listens', (_input, { signal }) => new Promise((_, reject) => (signal.onabort = () => reject(new Error('x'))))),
  tool('huge', () => 'x'.repeat(DEFAULT_OUTPUT_BYTES * 2)),
  tool('liar', () => 'text', { output: z.number() }),
  { ...tool('broken_schema', () => 1), check: () => fail(SECRET) },
  tool('deaf_once', () => new Promise(() => undefined), once),
  tool('explodes_once', () => fail(SECRET), once),
  tool('explains_once', () => Promise.reject(new ToolError('The mailbox is full.')), once),
]);
function fail(text: string): never {
  throw new Error(text);
}

const lines: string[] = [];
const log = createLogger({
  app: 'test',
  level: 'warn',
  destination: { write: (line: string) => void lines.push(line) },
});
let metrics = createMetrics('test');
let executor: Executor;
const parts = (credentials: Record<string, string> = {}) => {
  const systemEvents = new SystemEventPublisher(bus, log);
  const effects = new LedgeredExecutor({
    effects: memoryEffects(),
    systemEvents,
    log,
    metrics,
    instance: 'i',
    leaseMs: 6_000,
  });
  const toolbox = new Toolbox({ catalog, authorisations: NO_AUTHORISATIONS, log });
  return { toolbox, effects, systemEvents, log, metrics, credentials };
};
beforeEach(() => {
  metrics = createMetrics('test');
  executor = new Executor(parts());
  facts.length = lines.length = contexts.length = 0;
});

const USER: Principal = { tenantId: 'acme', userId: 'u1', role: 'user', via: 'dev' };
const ADMIN: Principal = { ...USER, userId: 'root', role: 'admin' };
const AUTO: ToolConstraints = { mode: 'auto', providers: [], tools: [] };
const call = (name: string, args = {}, more: Partial<CallRequest> = {}): Promise<StepResult> =>
  executor.run({
    principal: USER,
    constraints: AUTO,
    tool: name,
    arguments: args,
    signal: new AbortController().signal,
    ...more,
  });

describe('who may call what', () => {
  it('answers for a hidden tool exactly as for one that does not exist', async () => {
    const unknown = await call('no_such_tool');
    expect(unknown).toMatchObject({ status: 'failed', code: 'tool_not_found' });
    expect(await call('admin_debug')).toEqual(unknown);
    const nothing: ToolConstraints = { mode: 'custom', providers: [], tools: [] };
    expect(await call('calculator', { expression: '1' }, { constraints: nothing })).toEqual(unknown);
    expect(await call('__proto__')).toEqual(unknown);
    expect(await metrics.text()).not.toContain('no_such_tool');
  });

  it('runs a tool that is kept for a role for that role, and tells the audit', async () => {
    expect(await call('admin_debug', {}, { principal: ADMIN })).toMatchObject({ status: 'succeeded' });
    const data = {
      tenant_id: 'acme',
      user_id: 'root',
      tool: 'admin_debug',
      role: 'admin',
      outcome: 'succeeded',
      run_id: null,
    };
    expect(facts).toEqual([{ type: 'tools.access.granted', data }]);
    await call('calculator', { expression: '1' }, { principal: ADMIN });
    expect(facts).toHaveLength(1);
  });

  it('never calls a tool outside the custom constraint list, and lists the same tools that it calls', async () => {
    const constraints: ToolConstraints = { mode: 'custom', providers: ['math'], tools: [] };
    const listed = await parts().toolbox.list(USER, constraints);
    expect(listed.map(({ name }) => name)).toEqual(['calculator']);
    expect(await call('get_weather', { city: 'London' }, { constraints })).toMatchObject({ code: 'tool_not_found' });
    expect(await call('calculator', { expression: '1' }, { constraints })).toMatchObject({ status: 'succeeded' });
  });

  it('tells the audit who was refused what and why, and nothing of a tool that does not exist', async () => {
    await call('admin_debug', {}, { runId: 'run1' });
    await call('no_such_tool');
    expect(facts).toEqual([
      {
        type: 'tools.access.denied',
        data: { tenant_id: 'acme', user_id: 'u1', tool: 'admin_debug', reason: 'role', run_id: 'run1' },
      },
    ]);
  });
});

describe('a bus that takes no facts', () => {
  it('costs no call', async () => {
    const broken = { publishSystem: () => Promise.reject(new Error('no stream')) };
    metrics = createMetrics('test');
    executor = new Executor({ ...parts(), systemEvents: new SystemEventPublisher(broken, log) });
    expect(await call('get_weather', { city: 'London' })).toMatchObject({ code: 'credentials_missing' });
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(lines.join('')).toContain('"event":"system_event_publish_failed"');
  });
});

describe('what a tool gets', () => {
  it('runs a tool with arguments that fit', async () => {
    expect(await call('calculator', { expression: '6*7' })).toEqual({
      status: 'succeeded',
      output: { expression: '6*7', result: 42 },
    });
  });

  it('names the wrong arguments, so that the model can correct them', async () => {
    const result = await call('calculator', { expr: 1 });
    expect(result).toMatchObject({ code: 'tool_invalid_arguments', message: expect.stringContaining('expression: ') });
  });

  it('hands on the idempotency key, the run and the step', async () => {
    await call('remembers', {}, { idempotencyKey: 'run1:step1', runId: 'run1', stepId: 'step1' });
    expect(contexts).toMatchObject([
      { idempotencyKey: 'run1:step1', runId: 'run1', stepId: 'step1', principal: USER, credentials: {} },
    ]);
  });

  it('does not run a tool whose credential is missing, and says which', async () => {
    expect(await call('get_weather', { city: 'London' })).toMatchObject({
      code: 'credentials_missing',
      message: expect.stringContaining('MOCK_WEATHER_TOOL_API_KEY'),
    });
    expect(facts).toEqual([
      { type: 'tools.credential.missing', data: { tool: 'get_weather', credential: 'MOCK_WEATHER_TOOL_API_KEY' } },
    ]);
  });

  it('passes the credential where it is there, and never on', async () => {
    metrics = createMetrics('test');
    executor = new Executor(parts({ MOCK_WEATHER_TOOL_API_KEY: SECRET }));
    const result = await call('get_weather', { city: 'London' });
    expect(result).toMatchObject({ status: 'succeeded', output: { city: 'London' } });
    expect(JSON.stringify(result)).not.toContain(SECRET);
  });
});

describe('what leaves', () => {
  it('tells of an unexpected error where the log has it, and nothing else; the whole text of one that is meant to be read', async () => {
    for (const [name, said] of [
      ['explodes', 'The tool explodes failed.'],
      ['broken_schema', 'The tool broken_schema failed.'],
      ['liar', 'The tool liar gave an answer that it should not give.'],
      ['explodes_once', 'The tool explodes_once failed.'],
    ] as const) {
      lines.length = 0;
      const { message } = (await call(name)) as { message: string };
      const [reference = ''] = /[0-9a-f]{8}/.exec(message) ?? [];
      const unsure = name === 'explodes_once' ? ' Whether its effect happened is not known.' : '';
      expect(message).toBe(`${said} The log of the service says why, under ${reference}.${unsure}`);
      expect(lines.filter((line) => line.includes(`"reference":"${reference}"`))).toHaveLength(1);
    }
    expect(JSON.stringify(facts)).not.toContain(SECRET);
    expect(await call('explains')).toMatchObject({
      code: 'tool_failed',
      message: 'The file is locked; try again later.',
    });
    expect(await call('away')).toMatchObject({ code: 'unavailable', message: expect.stringContaining('database') });
  });

  it('bounds what a tool may say', async () => {
    const result = await call('huge');
    expect(JSON.stringify(result).length).toBeLessThan(DEFAULT_OUTPUT_BYTES * 1.1);
    expect(result).toMatchObject({ status: 'succeeded', output: { truncated: true } });
  });

  it('does not pass on an answer that breaks the tool’s own schema', async () => {
    expect(await call('liar')).toMatchObject({ status: 'failed', code: 'tool_failed' });
  });

  it('does not guess whether the effect of a tool happened that may not be repeated', async () => {
    expect(await call('deaf_once')).toMatchObject({ status: 'in_doubt', code: 'tool_in_doubt' });
    const exploded = await call('explodes_once');
    expect(exploded).toMatchObject({ status: 'in_doubt' });
    expect(JSON.stringify(exploded)).not.toContain(SECRET);
    expect(await call('explains_once')).toMatchObject({ status: 'failed', message: 'The mailbox is full.' });
  });

  it('counts calls by tool and outcome', async () => {
    await call('calculator', { expression: '1' });
    await call('calculator', {});
    const text = await metrics.text();
    expect(text).toMatch(/tool_calls_total\{tool="calculator",outcome="succeeded",app="test"\} 1/);
    expect(text).toMatch(/tool_calls_total\{tool="calculator",outcome="tool_invalid_arguments",app="test"\} 1/);
    expect(text).toMatch(/tool_duration_seconds_count\{.*tool="calculator".*\} 2/);
  });
});

describe('a call that ends early', () => {
  it('answers at the time limit for a tool that does not listen, and logs its late end', async () => {
    const started = performance.now();
    expect(await call('deaf')).toMatchObject({ status: 'failed', code: 'tool_timeout' });
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(await metrics.text()).toMatch(/tool_calls_overdue\{.*\} 1/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const resolve of release) resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(lines.join('')).toContain('"event":"tool_returned_late"');
    expect(await metrics.text()).toMatch(/tool_calls_overdue\{.*\} 0/);
  });

  it('answers at once when the caller cancels', async () => {
    for (const name of ['deaf', 'listens']) {
      const abort = new AbortController();
      const result = call(name, {}, { signal: abort.signal });
      abort.abort();
      expect(await result).toMatchObject({ code: 'cancelled' });
    }
  });

  it('does not begin a call that was cancelled before', async () => {
    expect(await call('remembers', {}, { signal: AbortSignal.abort() })).toMatchObject({ code: 'cancelled' });
    expect(contexts).toEqual([]);
  });

  it('takes no more calls of a tool that never returns than it can keep', async () => {
    const aborts = Array.from({ length: MAX_OVERDUE }, () => new AbortController());
    release.clear();
    const calls = aborts.map(({ signal }) => call('deaf', {}, { signal }));
    await until(() => release.size === MAX_OVERDUE);
    for (const abort of aborts) abort.abort();
    await Promise.all(calls);
    expect(await call('deaf')).toMatchObject({ status: 'failed', code: 'overloaded' });
    expect(await call('calculator', { expression: '1' })).toMatchObject({ status: 'succeeded' });
  });
});
