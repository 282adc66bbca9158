import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, type ConsumedMessage, connectBus } from '@switchyard/bus';
import { type GuardedLocalServer, startNats, stockClient } from '@switchyard/local-servers';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { connect, type NatsConnection } from 'nats';
import { callTool, type OutputOf, type RunEvent, readRunEvents, subjects } from '../src/index.ts';

// The generated permissions, on a real server, with the real bus: enough for the work, and no more.
const log = createLogger({ app: 'permissions-test', level: 'silent' });
const principal = { tenantId: 'acme', userId: 'ada', role: 'user', via: 'dev' } as const;
const event: RunEvent = {
  type: 'orchestrator.planning.started',
  data: { step_number: 1, last_failed: false },
  runId: 'run-1',
  tenantId: 'acme',
  seq: 1,
  epoch: 1,
  stepId: null,
  ts: 1,
};

let dir: string;
let server: GuardedLocalServer;
const buses: Bus[] = [];
const connections: NatsConnection[] = [];

async function busOf(app: string): Promise<Bus> {
  const bus = await connectBus({ trust: 'open', url: server.urlFor(app), app, log });
  buses.push(bus);
  return bus;
}

async function rawOf(user: string): Promise<NatsConnection> {
  const connection = await connect(stockClient(server.urlFor(user)));
  connections.push(connection);
  return connection;
}

/** True where the server refuses a publish on `subject` to this login. */
async function refuses(user: string, subject: string): Promise<boolean> {
  const connection = await rawOf(user);
  const refused = (async () => {
    for await (const status of connection.status()) if (String(status.data).includes('PERMISSIONS')) return true;
    return false;
  })();
  connection.publish(subject, '{}');
  await connection.flush();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await connection.close();
  return refused;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'permissions-'));
  server = await startNats({ dir: join(dir, 'nats'), durable: false });
});

afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.close()));
  await Promise.all(connections.map((connection) => connection.close()));
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('NATS permissions on a real server', () => {
  it('let the services do their work', async () => {
    const [orchestrator, gateway, audit, tools] = await Promise.all(
      ['orchestrator', 'gateway', 'audit', 'mcp-tool'].map(busOf),
    );
    await orchestrator!.ensureStreams();
    await orchestrator!.answer(readRunEvents, async () => ({ events: [event], lastSeq: 1, ended: false, firstSeq: 1 }));
    await tools!.answer(callTool, async (_input, call): Promise<OutputOf<typeof callTool>> => {
      call.progress({ half: 'way' });
      return { status: 'succeeded', output: 42 };
    });
    const heard: ConsumedMessage[] = [];
    const consumed = audit!.consume({
      stream: 'RUNS',
      durable: 'audit',
      handle: async (messages) => void heard.push(...messages),
    });

    const woken = new Promise((resolve) => {
      orchestrator!.onWakeUp(async (wakeUp) => {
        resolve(wakeUp);
        return 'done';
      });
    });
    await orchestrator!.wakeUp('acme', 'run-1');
    expect(await woken).toEqual({ tenantId: 'acme', runId: 'run-1' });

    await orchestrator!.publishEvents([event]);
    await until(() => heard.length > 0);
    expect(heard[0]?.event).toEqual(event);
    await consumed.stop();

    const page = await gateway!.request(readRunEvents, { principal, runId: 'run-1' });
    expect(page.lastSeq).toBe(1);
    const frames: unknown[] = [];
    const options = { onProgress: (frame: unknown) => void frames.push(frame) };
    expect(await gateway!.request(callTool, { principal, tool: 'x' }, options)).toEqual({
      status: 'succeeded',
      output: 42,
    });
    expect(frames).toEqual([{ half: 'way' }]);
    await gateway!.publishSystem({
      type: 'gateway.rate.limited',
      data: { tenant_id: 'acme', user_id: 'ada', path: '/' },
    });
  });

  it('let one bridge of several hold a lease', async () => {
    const bridges = await Promise.all(['xmpp-bridge', 'xmpp-bridge'].map(busOf));
    const tokens: (number | undefined)[][] = [[], []];
    const leases = bridges.map((bus, n) =>
      bus.lease({ name: 'inbound', holder: `b${n}`, ttlMs: 6_000, onChange: (token) => tokens[n]!.push(token) }),
    );
    await until(() => leases.every((lease) => lease.settled), 20_000);
    expect(leases.filter((lease) => lease.token !== undefined)).toHaveLength(1);
  });

  it.each([
    ['gateway', subjects.runEvent('acme', 'run-1', 'orchestrator.task.completed'), 'claim a fact of a run'],
    ['mcp-tool', subjects.runEvent('acme', 'run-1', 'mcp.tool.execution'), 'write past the owner of the run'],
    ['audit', subjects.wakeUp('acme', 'run-1'), 'wake a run'],
    ['a2a', 'sys.gateway.auth.failed', 'speak as the gateway'],
    ['mcp-tool', 'rpc.runs.cancel', 'ask what it has no business to ask'],
    ['audit', '$JS.API.STREAM.DELETE.RUNS', 'delete a stream'],
    ['orchestrator', '$JS.API.STREAM.PURGE.RUNS', 'purge a stream'],
    ['gateway', '$JS.API.CONSUMER.MSG.NEXT.RUNS.audit', 'take messages from another’s consumer'],
    ['gateway', '_INBOX.orchestrator.x', 'forge an answer'],
    ['gateway', '$KV.leases.xmpp-bridge.inbound', 'take a lease of the bridges'],
    ['xmpp-bridge', '$JS.API.STREAM.DELETE.KV_leases', 'delete the leases'],
  ])('do not let %s publish %s (%s)', async (user, subject) => {
    expect(await refuses(user, subject)).toBe(true);
  });

  it('do not let a service listen to another’s answers', async () => {
    const spy = await rawOf('mcp-tool');
    const failed = new Promise((resolve) => {
      spy.subscribe('_INBOX.gateway.>', { callback: (error) => resolve(error?.message) });
    });
    expect(String(await failed)).toMatch(/permissions violation/i);
  });
});
