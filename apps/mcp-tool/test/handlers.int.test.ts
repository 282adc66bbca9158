import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Bus, createMemoryBus, type Service } from '@switchyard/bus';
import {
  AppError,
  callTool,
  explainTools,
  listEffects,
  listTools,
  parseFact,
  performStep,
  type Principal,
  type RequestOf,
  type SystemEvent,
} from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { z } from 'zod';
import { Config, createMcpTool, defineTool, type ToolContext } from '../src/index.ts';
import { memoryStore } from './memory-store.ts';

/** The service on a bus in this process: what its callers see. */

const USER: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };
const ADMIN: Principal = { ...USER, userId: 'root', role: 'admin' };
const SECRET = 'canary-31415';

const contexts: ToolContext[] = [];
const payOnce = defineTool({
  name: 'pay_once',
  description: 'Pay; what it did is told by the key that it was given.',
  provider: 'bank',
  kind: 'write',
  idempotency: 'key',
  input: z.object({ cents: z.number().int().positive(), memo: z.string().optional() }),
  output: z.object({ key: z.string().optional() }),
  timeoutMs: 1_000,
  run: (_input, context) => {
    contexts.push(context);
    return { key: context.idempotencyKey };
  },
});
const waits = defineTool({
  name: 'waits',
  description: 'Never answers.',
  provider: 'test',
  kind: 'read',
  idempotency: 'safe',
  input: z.object({}),
  output: z.null(),
  timeoutMs: 60_000,
  run: (_input, context) => {
    contexts.push(context);
    return new Promise<null>(() => undefined);
  },
});

const worksOn = defineTool({
  name: 'works_on',
  description: 'Works for long.',
  provider: 'test',
  kind: 'write',
  idempotency: 'none',
  requiredRole: 'admin',
  input: z.object({}),
  output: z.null(),
  timeoutMs: 60_000,
  run: (_input, context) => {
    contexts.push(context);
    return new Promise<null>((resolve) => setTimeout(() => resolve(null), 6_000).unref());
  },
});

const hub = createMemoryBus();
/** Dispatches steps. */
let asker: Bus;
/** Calls and lists for users. */
let gateway: Bus;
let service: Service;
const facts: SystemEvent[] = [];

beforeAll(async () => {
  asker = hub.connect('orchestrator');
  gateway = hub.connect('gateway');
  asker.consume({
    stream: 'SYSTEM',
    durable: 'test',
    handle: async (messages) => void facts.push(...messages.flatMap(({ system }) => system ?? [])),
  });
  service = createMcpTool(
    Config.parse({ BUS_TRUST: 'open', DATABASE_URL: 'postgres://unused', MOCK_WEATHER_TOOL_API_KEY: SECRET }),
    {
      bus: hub.connect('mcp-tool'),
      store: memoryStore(),
      log: createLogger({ app: 'test', level: 'silent' }),
      tools: [payOnce, waits, worksOn],
      handleSignals: false,
    },
  );
  await service.start();
});
afterAll(async () => {
  await service.stop();
  await asker.close();
  await gateway.close();
});
beforeEach(() => void (contexts.length = 0));

const step = (call?: { tool: string; arguments: Record<string, unknown> }): RequestOf<typeof performStep.mcp> => ({
  principal: USER,
  runId: 'run1',
  stepId: 'step-mcp-001',
  threadId: 'thread1',
  idempotencyKey: 'run1:step-mcp-001',
  attempt: 1,
  task: 'do it',
  ...(call ? { call } : {}),
});

/** Performs a step; every frame must be a fact as the contracts have it. */
async function perform(request: RequestOf<typeof performStep.mcp>) {
  const told: { type: string; data: Record<string, unknown> }[] = [];
  const result = await asker.request(performStep.mcp, request, {
    onProgress: (frame) => {
      expect(parseFact(frame)).toEqual(frame);
      told.push(frame as (typeof told)[number]);
    },
  });
  return { result, told, types: told.map(({ type }) => type) };
}

const call = (tool: string, args: Record<string, unknown> = {}, principal = USER) =>
  gateway.request(callTool, { principal, tool, arguments: args });

describe('a step', () => {
  it('tells what it does as facts, in order, then answers', async () => {
    const { result, told, types } = await perform(step({ tool: 'calculator', arguments: { expression: '6*7' } }));
    const output = { expression: '6*7', result: 42 };
    expect(result).toEqual({ status: 'succeeded', output });
    expect(types).toEqual([
      'mcp.task.started',
      'mcp.toolbox.generated',
      'mcp.tool.selected',
      'mcp.tool.execution',
      'mcp.task.completed',
    ]);
    expect(told.map(({ data }) => data)).toMatchObject([
      { step_id: 'step-mcp-001', task: 'do it', user_id: 'ann', tool_constraints: { mode: 'auto' } },
      {
        tool_count: 7,
        providers: ['bank', 'math', 'notes', 'test', 'weather'],
        cache_hit: expect.any(Boolean) as unknown,
      },
      { tool: 'calculator', provider: 'math' },
      { tool: 'calculator', params: { expression: '6*7' }, success: true, result: output, error: null },
      { success: true, result: output, error: null, error_code: null },
    ]);
  });

  it('tells of a tool that is hidden what it tells of one that does not exist', async () => {
    const seen = async (tool: string) =>
      JSON.stringify(await perform(step({ tool, arguments: {} }))).replace(/"(duration_ms|cache_hit)":\w+/g, '"$1":0');
    const unknown = await seen('no_such_tool');
    expect(await seen('admin_debug')).toBe(unknown.replaceAll('no_such_tool', 'admin_debug'));
    expect(JSON.parse(unknown)).toMatchObject({
      result: { status: 'failed', code: 'tool_not_found' },
      types: ['mcp.task.started', 'mcp.toolbox.generated', 'mcp.tool.execution', 'mcp.task.completed'],
    });
  });

  it('tells a failure with its code, and ends with it', async () => {
    const { result, told } = await perform(step({ tool: 'calculator', arguments: { expression: '1/0' } }));
    expect(result).toEqual({ status: 'failed', code: 'tool_failed', message: 'Division by zero.' });
    expect(told.at(-1)).toMatchObject({
      data: { success: false, result: null, error: 'Division by zero.', error_code: 'tool_failed' },
    });
  });

  it('ends a task in words where nobody has a language model for it', async () => {
    const { result, types } = await perform(step());
    expect(result).toMatchObject({ status: 'failed', code: 'no_responders' });
    expect(types).toEqual(['mcp.task.started', 'mcp.toolbox.generated', 'mcp.task.completed']);
  });

  it('gives the tool the key, the run and the step', async () => {
    const { result } = await perform(step({ tool: 'pay_once', arguments: { cents: 1 } }));
    expect(result).toEqual({ status: 'succeeded', output: { key: 'run1:step-mcp-001' } });
    expect(contexts).toMatchObject([{ runId: 'run1', stepId: 'step-mcp-001', principal: USER }]);
  });

  it('with a key that belongs to another call is refused', async () => {
    const { result } = await perform(step({ tool: 'pay_once', arguments: { cents: 2 } }));
    expect(result).toMatchObject({ status: 'failed', code: 'conflict' });
    expect(contexts).toEqual([]);
  });

  it('answers also where the arguments are nearly as large as a message', async () => {
    const { result, told } = await perform({
      ...step({ tool: 'pay_once', arguments: { cents: 1, memo: 'x'.repeat(800_000) } }),
      idempotencyKey: 'large',
    });
    expect(result).toMatchObject({ status: 'succeeded' });
    expect(told[3]).toMatchObject({ type: 'mcp.tool.execution', data: { params: { truncated: true } } });
  });

  it('aborts the tool when its caller gives up', async () => {
    const abort = new AbortController();
    const asked = asker.request(performStep.mcp, step({ tool: 'waits', arguments: {} }), { signal: abort.signal });
    await until(() => contexts.length > 0);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => contexts[0]!.signal.aborted);
  });

  it('lets a call with an effect go on whose caller is gone: somebody may ask for its outcome', async () => {
    contexts.length = 0;
    const dying = hub.connect('orchestrator');
    const work = { ...step({ tool: 'works_on', arguments: {} }), principal: ADMIN, idempotencyKey: 'orphan' };
    const lost = dying.request(performStep.mcp, work);
    lost.catch(() => undefined);
    await until(() => contexts.length > 0);
    await dying.close();
    await new Promise((resolve) => setTimeout(resolve, 4_000)); // it is noticed within 2 s
    expect(contexts[0]!.signal.aborted).toBe(false);
  });
});

describe('listing and calling', () => {
  it('lists to each caller what it may call, with schemas', async () => {
    const names = async (principal: Principal) =>
      (await gateway.request(listTools, { principal })).tools.map(({ name }) => name);
    expect(await names(USER)).toEqual([
      'add_note',
      'calculator',
      'delete_note',
      'get_note',
      'get_weather',
      'pay_once',
      'waits',
    ]);
    expect(await names(ADMIN)).toContain('admin_debug');
    const { tools } = await gateway.request(listTools, {
      principal: USER,
      constraints: { mode: 'custom', tools: ['calculator'] },
    });
    expect(tools).toMatchObject([{ name: 'calculator', inputSchema: { required: ['expression'] }, kind: 'read' }]);
  });

  it('is nobody’s where no principal is given: least rights', async () => {
    const { tools } = await gateway.request(listTools, {});
    expect(tools.map(({ name }) => name)).not.toContain('admin_debug');
    expect(await gateway.request(callTool, { tool: 'admin_debug' })).toMatchObject({ code: 'tool_not_found' });
  });

  it('takes the second name of a tool wherever one is named, and lists it once, under the first', async () => {
    const aliases = ['get_weather_tool', 'calculator_tool', 'add_note_tool', 'get_note_tool', 'admin_debug_tool'];
    const named = { mode: 'custom' as const, tools: aliases };
    const { tools } = await gateway.request(listTools, { principal: ADMIN, constraints: named });
    expect(tools.map(({ name }) => name)).toEqual(['add_note', 'admin_debug', 'calculator', 'get_note', 'get_weather']);
    expect(await call('calculator_tool', { expression: '6*7' })).toMatchObject({ output: { result: 42 } });
    expect(await call('get_weather_tool', { city: 'Oslo' })).toMatchObject({ output: { city: 'Oslo' } });
    expect(await call('admin_debug_tool')).toMatchObject({ code: 'tool_not_found' });
    expect(await call('admin_debug_tool', {}, ADMIN)).toMatchObject({ status: 'succeeded' });
    for (const tool of aliases) {
      const { verdicts } = await gateway.request(explainTools, { principal: ADMIN, tool });
      expect(verdicts).toMatchObject([{ tool: tool.replace(/_tool$/, ''), visible: true }]);
    }
  });

  it('is one effect under both names of a tool: the second call with its key gets the answer of the first', async () => {
    const note = { name: 'twice', body: 'one' };
    const save = (tool: string) => perform({ ...step({ tool, arguments: note }), idempotencyKey: 'note-twice' });
    const first = await save('add_note');
    const second = await save('add_note_tool');
    expect([first.result, second.result]).toEqual([first.result, first.result]);
    expect(second.told.map(({ data }) => data['tool']).filter(Boolean)).toEqual(['add_note', 'add_note']);
    const { effects } = await gateway.request(listEffects, { principal: USER, runId: 'run1' });
    expect(effects.filter(({ idempotencyKey }) => idempotencyKey === 'note-twice')).toMatchObject([
      { tool: 'add_note' },
    ]);
  });

  it('says of a list under constraints that it was made for this request, each time', async () => {
    const hits = async (toolConstraints: RequestOf<typeof performStep.mcp>['toolConstraints']) => {
      const work = { ...step({ tool: 'calculator', arguments: { expression: '1' } }), toolConstraints };
      return (await perform(work)).told[1]!.data;
    };
    await hits({ mode: 'auto' });
    expect(await hits({ mode: 'auto' })).toMatchObject({ cache_hit: true });
    for (const only of [{ providers: ['math'] }, { tools: ['calculator_tool'] }])
      for (let i = 0; i < 2; i += 1)
        expect(await hits({ mode: 'custom', ...only })).toMatchObject({
          tool_count: 1,
          providers: ['math'],
          cache_hit: false,
        });
  });

  it('keeps notes apart by user and tenant', async () => {
    expect(await call('add_note', { name: ' list ', body: 'milk' })).toEqual({
      status: 'succeeded',
      output: { name: 'list', saved: true },
    });
    expect(await call('get_note', { name: 'list' })).toMatchObject({ output: { body: 'milk' } });
    for (const other of [
      { ...USER, userId: 'bob' },
      { ...USER, tenantId: 'other' },
    ])
      expect(await call('get_note', { name: 'list' }, other)).toEqual({
        status: 'failed',
        code: 'tool_failed',
        message: 'There is no note "list". No notes are saved.',
      });
    expect(await call('get_note', { name: 'lost' })).toMatchObject({
      message: expect.stringMatching(/Saved: list[,.]/),
    });
  });

  it('reports the same weather for the same city, and never the credential', async () => {
    const london = await call('get_weather', { city: 'London' });
    expect(london).toMatchObject({ status: 'succeeded', output: { unit: 'celsius', temperature: expect.any(Number) } });
    const again = await call('get_weather', { city: ' london ' });
    expect(again).toEqual({ ...london, output: { ...(london as { output: object }).output, city: 'london' } });
    expect(await call('get_weather', { city: 'Paris' })).not.toEqual(london);
    expect(JSON.stringify(london)).not.toContain(SECRET);
  });

  it('takes the idempotency key of the header where the call has none of its own', async () => {
    const key = async (own: object) =>
      gateway.request(
        callTool,
        { principal: USER, tool: 'pay_once', arguments: { cents: 1 }, ...own },
        {
          idempotencyKey: 'header',
        },
      );
    expect(await key({})).toMatchObject({ output: { key: 'header' } });
    expect(await key({ idempotencyKey: 'own' })).toMatchObject({ output: { key: 'own' } });
  });

  it('runs a tool that needs an approval only for a step that brings one', async () => {
    await call('add_note', { name: 'old', body: 'x' });
    const remove = { tool: 'delete_note', arguments: { name: 'old' } };
    expect(await call('delete_note', remove.arguments)).toMatchObject({ code: 'approval_required' });
    expect((await perform(step(remove))).result).toMatchObject({ code: 'approval_required' });
    const approval = { approvalId: 'ask-1', by: 'ann' };
    const approved = { ...step(remove), approval, idempotencyKey: 'approved' };
    expect((await perform(approved)).result).toMatchObject({ output: { deleted: true } });
  });

  it('publishes who was refused what', async () => {
    facts.length = 0;
    await call('admin_debug');
    await until(() => facts.length > 0);
    expect(facts).toMatchObject([
      { app: 'mcp-tool', type: 'tools.access.denied', data: { user_id: 'ann', tool: 'admin_debug', reason: 'role' } },
    ]);
  });

  it('refuses what is no request, naming the field', async () => {
    const wrong = gateway.request(callTool, { tool: '' });
    await expect(wrong).rejects.toBeInstanceOf(AppError);
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_input', details: [expect.stringContaining('tool: ')] });
  });
});
