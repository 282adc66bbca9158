import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Config, createA2a } from '@switchyard/a2a';
import { createMemoryBus, type Bus, type Service } from '@switchyard/bus';
import { listAgents, performStep } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { type A2aPythonAgent, a2aPythonAgent, until } from '@switchyard/testing';

/* Our client against a server that strangers wrote: the official A2A SDK for Python, its card signed by it. */

const agent: A2aPythonAgent | undefined = await a2aPythonAgent();
const log = createLogger({ app: 'a2a', level: 'silent' });
const principal = { tenantId: 't', userId: 'u', role: 'user', via: 'dev' } as const;

const hub = createMemoryBus();
let asker: Bus;
let service: Service;
beforeAll(async () => {
  if (!agent) return;
  asker = hub.connect('orchestrator');
  service = await started(agent.url);
});
afterAll(async () => {
  await service?.stop();
  await asker?.close();
  await agent?.stop();
});

async function started(url: string): Promise<Service> {
  const config = Config.parse({ BUS_TRUST: 'open', A2A_AGENTS: JSON.stringify([{ url, trust: 'signed' }]) });
  const made = createA2a(config, { bus: hub.connect('a2a'), log, handleSignals: false });
  await made.start();
  return made;
}

let steps = 0;
function step(task: string, over: object = {}) {
  steps += 1;
  const stepId = `step-a2a-${String(steps).padStart(3, '0')}`;
  const ids = { runId: 'run1', stepId, threadId: 'thread1', idempotencyKey: `run1:${stepId}` };
  return { principal, ...ids, attempt: 1, task, agent: 'python_agent', ...over };
}

(agent ? describe : describe.skip)('an agent of the Python SDK', () => {
  it('is trusted by the signature that the Python SDK made', async () => {
    const { agents } = await asker.request(listAgents, { principal });
    expect(agents).toMatchObject([
      { id: 'python_agent', reachable: true, card: { trust: 'signed', signedBy: 'python', refused: null } },
    ]);
  });

  it('performs a step, streamed in pieces', async () => {
    const result = await asker.request(performStep.a2a, step('hello from here'));
    expect(result).toEqual({ status: 'succeeded', output: 'HELLO FROM HERE' });
  });

  it('is asked for the task of a message that a service that is gone may have sent, and does the work once', async () => {
    const sent = step('slow 1 only once');
    const first = await asker.request(performStep.a2a, sent);
    await service.stop();
    service = await started(agent!.url);
    const again = await asker.request(performStep.a2a, { ...sent, attempt: 2, mayHaveWorked: true });
    expect([first, again]).toEqual(Array.from({ length: 2 }, () => ({ status: 'succeeded', output: 'ONLY ONCE' })));
  });

  it('asks for input as a value', async () => {
    const result = await asker.request(performStep.a2a, step('ask'));
    expect(result).toMatchObject({ status: 'failed', code: 'agent_input_required' });
  });

  it('is told of a cancel', async () => {
    const cancel = new AbortController();
    const frames: unknown[] = [];
    const options = { signal: cancel.signal, onProgress: (frame: unknown) => void frames.push(frame) };
    const asked = asker.request(performStep.a2a, step('slow 60 x'), options);
    await until(() => frames.length > 0);
    cancel.abort();
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
  });
});
