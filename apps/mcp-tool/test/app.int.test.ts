import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import {
  APPS,
  callTool,
  listTools,
  performStep,
  type Principal,
  type RequestContract,
  REQUESTS,
} from '@switchyard/contracts';
import { type Servers, startServers, stockClient } from '@switchyard/local-servers';
import { createLogger, parseConfig } from '@switchyard/platform';
import { migrateDatabase } from '@switchyard/store';
import { signedAs } from '@switchyard/testing';
import { connect, headers, type Msg, type NatsConnection } from 'nats';
import { Config, createMcpTool } from '../src/index.ts';

/** The whole service, wired by app.ts, on a real NATS server and a real PostgreSQL. */

const log = createLogger({ app: 'test', level: 'silent' });
const ANN: Principal = { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' };

let servers: Servers<'nats' | 'postgres'>;
let service: Service;
let asker: Bus;
let gateway: Bus;
/** A stock client, as an operator has it. */
let raw: NatsConnection;

function start(): Promise<Service> {
  const config = parseConfig(Config, {
    ...servers.accessOf('mcp-tool'),
    MOCK_WEATHER_TOOL_API_KEY: 'test',
  });
  if (!config.ok) throw new Error(JSON.stringify(config.problems));
  const made = createMcpTool(config.value, { log, handleSignals: false });
  return made.start().then(() => made);
}

beforeAll(async () => {
  servers = await startServers(['nats', 'postgres']);
  await migrateDatabase(servers.postgres.url);
  service = await start();
  asker = await connectBus({ ...servers.busOf('orchestrator'), log });
  gateway = await connectBus({ ...servers.busOf('gateway'), log });
  raw = await connect(stockClient(servers.nats.url, 'operator'));
});
afterAll(async () => {
  await Promise.all([raw?.close(), asker?.close(), gateway?.close()]);
  await service?.stop();
  await servers?.stop();
});

const call = (principal: Principal, tool: string, args: Record<string, unknown>) =>
  gateway.request(callTool, { principal, tool, arguments: args });

describe('the service on real servers', () => {
  it('performs a step, facts first', async () => {
    const types: string[] = [];
    const result = await asker.request(
      performStep.mcp,
      {
        principal: ANN,
        runId: 'run1',
        stepId: 'step-mcp-001',
        threadId: 't',
        idempotencyKey: 'run1:step-mcp-001',
        attempt: 1,
        task: 'x',
        call: { tool: 'calculator', arguments: { expression: '17% of 2340' } },
      },
      { onProgress: (frame) => types.push((frame as { type: string }).type) },
    );
    expect(result).toMatchObject({ status: 'succeeded', output: { result: 397.8 } });
    expect(types).toEqual([
      'mcp.task.started',
      'mcp.toolbox.generated',
      'mcp.tool.selected',
      'mcp.tool.execution',
      'mcp.task.completed',
    ]);
  });

  it('keeps the notes of a user from everybody else, and over a restart', async () => {
    await call(ANN, 'add_note', { name: 'list', body: 'milk\n🥛' });
    await call(ANN, 'add_note', { name: 'list', body: 'bread' });
    await service.stop();
    service = await start();
    expect(await call(ANN, 'get_note', { name: 'list' })).toMatchObject({ output: { name: 'list', body: 'bread' } });
    for (const other of [
      { ...ANN, userId: 'bob' },
      { ...ANN, tenantId: 'other' },
      { ...ANN, userId: 'root', role: 'admin' } as const,
    ])
      expect(await call(other, 'get_note', { name: 'list' })).toMatchObject({ status: 'failed', code: 'tool_failed' });
  });

  it('says of a text that cannot be stored that it cannot', async () => {
    expect(await call(ANN, 'add_note', { name: 'nul', body: 'a\0b' })).toMatchObject({
      status: 'failed',
      code: 'invalid_input',
      message: expect.stringContaining('cannot be stored'),
    });
  });

  it('is ready, and shows its metrics', async () => {
    const readiness = await fetch(`http://127.0.0.1:${service.opsPort}/readiness`);
    expect(await readiness.json()).toMatchObject({
      status: 'ready',
      checks: { nats: { ok: true }, postgres: { ok: true } },
    });
    await call(ANN, 'calculator', { expression: '1' });
    const metrics = await (await fetch(`http://127.0.0.1:${service.opsPort}/metrics`)).text();
    expect(metrics).toMatch(/tool_calls_total\{tool="calculator",outcome="succeeded",app="mcp-tool"\} \d/);
  });
});

/** What somebody asks who has the keys of a service, and none of our library. */
function signed({ subject, askedBy }: RequestContract, body: Uint8Array | string): Promise<Msg> {
  const asker = APPS.find((app) => askedBy.includes(app))!;
  const { caller, reply } = signedAs(asker, 'mcp-tool', servers.busOf(asker).trust, { subject, body });
  const beside = headers();
  beside.set('caller', caller);
  return raw.request(subject, body, { timeout: 30_000, noMux: true, reply, headers: beside });
}

describe('a stock client', () => {
  it('whose question nobody signed is told so, and nothing else', async () => {
    const answer = await raw.request(listTools.subject, '{}', { timeout: 30_000 });
    expect(answer.headers?.get('error-code')).toBe('caller_not_trusted');
    expect(answer.string()).not.toContain('calculator');
  });

  it('lists the tools with nothing but {}, or nothing at all', async () => {
    for (const body of ['{}', '']) {
      const answer = await signed(listTools, body);
      expect(answer.headers?.get('error-code') ?? '').toBe('');
      const { tools } = answer.json<{ tools: { name: string }[] }>();
      expect(tools.map(({ name }) => name)).toEqual([
        'add_note',
        'calculator',
        'delete_note',
        'get_note',
        'get_weather',
      ]);
    }
  });

  // What only one replica hears, by a name that it made up, nobody can call here.
  const answered = REQUESTS.filter(({ answeredBy, subject }) => answeredBy === 'mcp-tool' && !subject.endsWith('.*'));
  it.each(answered.map((contract) => [contract.subject, contract] as const))(
    'is refused garbage on %s with a stable code, and the service goes on',
    async (_subject, contract) => {
      const garbage = [
        '{',
        '[]',
        '5',
        'null',
        new Uint8Array([0xff, 0xfe, 0x00, 0x80]),
        '{"principal": 5, "tool": null, "constraints": "x", "task": 7}',
        '{"principal": {"tenantId": "a.>", "userId": "*", "role": "root", "via": "dev"}, "tool": {}}',
        '['.repeat(50_000) + ']'.repeat(50_000),
        `"${'x'.repeat(1_000_000)}"`,
      ];
      for (const body of garbage) {
        const answer = await signed(contract, body);
        expect(answer.headers?.get('error-code')).toBe('invalid_input');
        expect(answer.json()).toMatchObject({ code: 'invalid_input', message: expect.any(String) });
      }
      expect(await call(ANN, 'calculator', { expression: '6*7' })).toMatchObject({ output: { result: 42 } });
    },
  );
});

describe('without PostgreSQL', () => {
  it('calculates on, says of notes that they are unavailable, and is not ready', async () => {
    await servers.postgres.stop();
    expect(await call(ANN, 'get_note', { name: 'list' })).toMatchObject({ status: 'failed', code: 'unavailable' });
    expect(await call(ANN, 'calculator', { expression: '1+1' })).toMatchObject({ output: { result: 2 } });
    const readiness = await fetch(`http://127.0.0.1:${service.opsPort}/readiness`);
    expect(readiness.status).toBe(503);
    expect(JSON.stringify(await readiness.json())).not.toContain('postgresql://');
  });
});
