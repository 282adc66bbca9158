import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createMemoryBus, type Bus, type ConsumedMessage, type MemoryHub, type Service } from '@switchyard/bus';
import { listAgents, performStep, type RequestOf } from '@switchyard/contracts';
import { createMockA2a, type MockA2a } from '@switchyard/mock-a2a';
import { createLogger } from '@switchyard/platform';
import { until } from '@switchyard/testing';
import { Config, createA2a } from '../src/index.ts';

const log = createLogger({ app: 'a2a', level: 'silent' });
const principal = { tenantId: 't', userId: 'u', role: 'user', via: 'dev' } as const;

let hub: MemoryHub;
let asker: Bus;
let agent: MockA2a;
let service: Service;
const facts: ConsumedMessage[] = [];

beforeAll(async () => {
  agent = await createMockA2a({ port: 0 });
  hub = createMemoryBus();
  asker = hub.connect('orchestrator');
  asker.consume({
    stream: 'SYSTEM',
    durable: 'test',
    handle: async (messages) => void facts.push(...messages),
  });
  const config = Config.parse({
    BUS_TRUST: 'open',
    A2A_AGENTS: `${agent.url},http://127.0.0.1:9`,
    A2A_CARD_TTL_MS: '200',
    A2A_TIMEOUT_MS: '8000',
  });
  service = createA2a(config, { bus: hub.connect('a2a'), log, handleSignals: false });
  await service.start();
});
afterAll(async () => {
  await service.stop();
  await asker.close();
  await agent.stop();
});

let steps = 0;
function step(task: string, over: Partial<RequestOf<typeof performStep.a2a>> = {}): RequestOf<typeof performStep.a2a> {
  steps += 1;
  const stepId = `step-a2a-${String(steps).padStart(3, '0')}`;
  return {
    principal,
    runId: 'run1',
    stepId,
    threadId: 'thread1',
    idempotencyKey: `run1:${stepId}`,
    attempt: 1,
    task,
    agent: 'mock_agent',
    ...over,
  };
}

describe('the service on the bus', () => {
  it('lists its agents, the one that is down as unreachable', async () => {
    const { agents } = await asker.request(listAgents, { principal });
    expect(agents).toMatchObject([
      { id: 'mock_agent', name: 'Mock agent', reachable: true },
      { id: '127_0_0_1_9', reachable: false, skills: [] },
    ]);
    expect(agents[0]!.skills.map(({ id }) => id)).toContain('uppercase');
  });

  it('performs a step and sends its facts as progress frames', async () => {
    const frames: unknown[] = [];
    const request = step('uppercase hello');
    const result = await asker.request(performStep.a2a, request, { onProgress: (frame) => frames.push(frame) });
    expect(result).toEqual({ status: 'succeeded', output: 'HELLO' });
    expect(frames).toMatchObject([
      { type: 'a2a.delegation.started', data: { step_id: request.stepId, agent: 'mock_agent' } },
      { type: 'a2a.delegation.completed', data: { result: 'HELLO' } },
    ]);
  });

  it('cancels the remote task when the asker cancels', async () => {
    const cancel = new AbortController();
    const asked = asker.request(performStep.a2a, step('slow 60 x'), { signal: cancel.signal });
    setTimeout(() => cancel.abort(), 200);
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('says that an agent cannot be reached', async () => {
    const result = await asker.request(performStep.a2a, step('x', { agent: '127_0_0_1_9' }));
    expect(result).toMatchObject({ status: 'failed', code: 'agent_unreachable' });
  });

  it('publishes once that an agent is unreachable', async () => {
    await asker.request(listAgents, { principal });
    await sleep(300);
    await asker.request(listAgents, { principal });
    const unreachable = () => facts.filter(({ system }) => system?.type === 'a2a.agent.unreachable');
    await until(() => unreachable().length > 0);
    await sleep(50);
    expect(unreachable().map(({ system }) => system)).toMatchObject([{ app: 'a2a', data: { agent: '127_0_0_1_9' } }]);
  });

  it('is ready while an agent is down, and shows its metrics', async () => {
    const readiness = await fetch(`http://127.0.0.1:${service.opsPort}/readiness`);
    expect(readiness.status).toBe(200);
    expect(await readiness.json()).toMatchObject({
      checks: { nats: { ok: true }, agents: { ok: false, required: false } },
    });
    const metrics = await (await fetch(`http://127.0.0.1:${service.opsPort}/metrics`)).text();
    expect(metrics).toMatch(/a2a_delegations_total\{.*agent="mock_agent".*status="succeeded".*\} 1/);
  });
});

describe('an asker that goes away', () => {
  it('leaves the remote task running, and the next dispatch of the step finds it', async () => {
    const before = agent.executions();
    const request = step('slow 6 still done');
    const gone = hub.connect('orchestrator');
    const asked = gone.request(performStep.a2a, request).catch((error: unknown) => error);
    await sleep(200);
    await gone.close();
    await asked;
    await sleep(2_500); // the answering side notices with its next frame
    const result = await asker.request(performStep.a2a, { ...request, attempt: 2 });
    expect(result).toEqual({ status: 'succeeded', output: 'still done' });
    expect(agent.executions() - before).toBe(1);
  });
});

describe('the way out', () => {
  it('never follows a card to a private address that nobody named', async () => {
    const { createServer } = await import('node:http');
    let hits = 0;
    const canary = createServer((_, response) => {
      hits += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
    const target = `http://127.0.0.1:${(canary.address() as { port: number }).port}`;
    const liar = createServer((request, response) => {
      if (request.url === '/redirect/.well-known/agent-card.json')
        return response.writeHead(302, { location: `${target}/` }).end();
      const card = {
        name: 'Liar',
        supportedInterfaces: [{ url: `${target}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
      };
      return response.end(
        request.url === '/big/.well-known/agent-card.json'
          ? JSON.stringify({ ...card, description: 'x'.repeat(300_000) })
          : JSON.stringify(card),
      );
    });
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(liar.address() as { port: number }).port}`;
    const own = createMemoryBus();
    const client = own.connect('orchestrator');
    const other = createA2a(Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: `${base}/,${base}/redirect,${base}/big` }), {
      bus: own.connect('a2a'),
      log,
      handleSignals: false,
    });
    await other.start();
    try {
      const { agents } = await client.request(listAgents, { principal });
      expect(agents.map(({ reachable }) => reachable)).toEqual([false, false, false]);
      expect(hits).toBe(0);
    } finally {
      await other.stop();
      await client.close();
      for (const server of [canary, liar]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});
