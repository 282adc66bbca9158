import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Bus, connectBus, type Service } from '@switchyard/bus';
import { listAgents, performStep } from '@switchyard/contracts';
import { type Servers, startServers } from '@switchyard/local-servers';
import { createMockA2a, type MockA2a } from '@switchyard/mock-a2a';
import { createLogger } from '@switchyard/platform';
import { Config, createA2a } from '../src/index.ts';

const log = createLogger({ app: 'test', level: 'silent' });
const principal = { tenantId: 't', userId: 'u', role: 'user', via: 'dev' } as const;
const dir = mkdtempSync(join(tmpdir(), 'a2a-nats-'));

let servers: Servers<'nats'>;
let agent: MockA2a;
let service: Service;
let asker: Bus;

beforeAll(async () => {
  servers = await startServers(['nats']);
  agent = await createMockA2a({ port: 0 });
  service = createA2a(Config.parse({ ...servers.accessOf('a2a'), A2A_AGENTS: agent.url }), {
    log,
    handleSignals: false,
  });
  await service.start();
  asker = await connectBus({ ...servers.busOf('orchestrator'), log });
});
afterAll(async () => {
  await asker?.close();
  await service?.stop();
  await agent?.stop();
  await servers?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const step = (task: string, number: number) => ({
  principal,
  runId: 'run1',
  stepId: `step-a2a-00${number}`,
  threadId: 'thread1',
  idempotencyKey: `run1:step-a2a-00${number}`,
  attempt: 1,
  task,
  agent: 'mock_agent',
});

describe('the service on a real NATS server', () => {
  it('lists its agents and performs a step, facts first', async () => {
    const { agents } = await asker.request(listAgents, { principal });
    expect(agents.map(({ id, reachable }) => [id, reachable])).toEqual([['mock_agent', true]]);
    const types: unknown[] = [];
    const result = await asker.request(performStep.a2a, step('reverse abc', 1), {
      onProgress: (frame) => types.push((frame as { type: string }).type),
    });
    expect(result).toEqual({ status: 'succeeded', output: 'cba' });
    expect(types).toEqual(['a2a.delegation.started', 'a2a.delegation.completed']);
  });

  it('keeps a slow step alive beyond three frames, and stops it when it is cancelled', async () => {
    const slow = await asker.request(performStep.a2a, step('slow 7 done', 2));
    expect(slow).toEqual({ status: 'succeeded', output: 'done' });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 300);
    await expect(asker.request(performStep.a2a, step('slow 60 x', 3), { signal: cancel.signal })).rejects.toMatchObject(
      {
        code: 'cancelled',
      },
    );
  });
});
