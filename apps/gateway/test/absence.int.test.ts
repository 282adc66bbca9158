import { afterEach, describe, expect, it } from '@jest/globals';
import { callTool, cancelRun, decideApproval, getRun } from '@switchyard/contracts';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway, parseSse, readUntil } from './http.ts';

/* A service of which no replica is there for a while: it was killed, and is being started again. */

const gateways: TestGateway[] = [];
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

async function open(env: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ SERVICE_ABSENCE_MS: '15000', ...env }, { orchestrator: false });
  gateways.push(gateway);
  return gateway;
}
const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'x-user-id': 'alice', 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const waiting = async ({ url }: TestGateway): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/requests_waiting(?:\{[^}]*\})? (\d+)/.exec(text)?.[1] ?? 0);
};

describe('while the only orchestrator is being started again', () => {
  it('a task waits and is started once it is there, and only once', async () => {
    const gateway = await open();
    const asked = fetch(`${gateway.url}/orchestrate/stream`, json({ task: 'hello' }));
    await until(async () => (await waiting(gateway)) === 1);
    await gateway.orchestrator.listen();
    const response = await asked;
    expect(response.status).toBe(200);
    const text = await readUntil(response, (all) => all.includes('response.completed'));
    expect(parseSse(text).map(({ event }) => event)).toContain('orchestrator.task.completed');
    expect(gateway.orchestrator.starts).toHaveLength(1);
  });

  it('a stream that is attached again gets its events instead of a status after which it never comes back', async () => {
    const gateway = await open();
    await gateway.orchestrator.listen();
    const started = await fetch(`${gateway.url}/orchestrate`, json({ task: 'hello', run_id: 'run-1' }));
    expect(started.status).toBe(200);
    const next = gateway.hub.connect('orchestrator');
    gateway.buses.push(next);
    await gateway.orchestrator.leave(next);
    const asked = fetch(`${gateway.url}/runs/run-1/events`, {
      headers: { 'x-user-id': 'alice', accept: 'text/event-stream' },
    });
    await until(async () => (await waiting(gateway)) === 1);
    await gateway.orchestrator.listen();
    const response = await asked;
    expect(response.status).toBe(200);
    expect(await readUntil(response, (all) => all.includes('response.completed'))).toContain('task.completed');
  });

  it.each([
    ['a look at a run', getRun, '/runs/run-1', undefined],
    ['a cancel', cancelRun, '/runs/run-1/cancel', {}],
    ['an answer', decideApproval, '/runs/run-1/approvals/ask-1', { decision: 'approve' }],
    ['a call of a tool', callTool, '/tools/calculator/call', { arguments: {} }],
  ] as const)('%s waits, too, and reaches it once', async (_what, contract, path, body) => {
    const gateway = await open();
    const asked = fetch(
      `${gateway.url}${path}`,
      body === undefined ? { headers: { 'x-user-id': 'alice' } } : json(body),
    );
    await until(async () => (await waiting(gateway)) === 1);
    let reached = 0;
    const late = gateway.hub.connect(contract.answeredBy);
    await late.answer(contract, () => {
      reached += 1;
      throw new Error('it was here');
    });
    expect((await asked).status).toBe(500);
    expect(reached).toBe(1);
    await late.close();
  });
});

describe('the wait for a service', () => {
  it('ends with its limit, by 503 with a Retry-After', async () => {
    const gateway = await open({ SERVICE_ABSENCE_MS: '300' });
    const begun = Date.now();
    const answer = await fetch(`${gateway.url}/runs/run-1`, { headers: { 'x-user-id': 'alice' } });
    expect(Date.now() - begun).toBeGreaterThanOrEqual(300);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ code: 'no_responders' });
  });

  it('ends with the client, and nothing is started for one that has gone', async () => {
    const gateway = await open();
    const stop = new AbortController();
    const asked = fetch(`${gateway.url}/runs`, { ...json({ task: 'hello' }), signal: stop.signal });
    await until(async () => (await waiting(gateway)) === 1);
    stop.abort();
    await expect(asked).rejects.toThrow();
    await until(async () => (await waiting(gateway)) === 0);
    await gateway.orchestrator.listen();
    expect(gateway.orchestrator.starts).toHaveLength(0);
  });

  it('ends when this gateway stops', async () => {
    const gateway = await open();
    const asked = fetch(`${gateway.url}/runs/run-1`, { headers: { 'x-user-id': 'alice' } });
    await until(async () => (await waiting(gateway)) === 1);
    await gateway.gateway.stop();
    expect((await asked).status).toBe(503);
  });

  it('is for so many requests and no more; the others are told at once', async () => {
    const gateway = await open({ MAX_WAITING_REQUESTS: '2' });
    const first = [1, 2].map(() => fetch(`${gateway.url}/runs/run-1`, { headers: { 'x-user-id': 'alice' } }));
    await until(async () => (await waiting(gateway)) === 2);
    const third = await fetch(`${gateway.url}/runs/run-1`, { headers: { 'x-user-id': 'alice' } });
    expect(third.status).toBe(503);
    await gateway.orchestrator.listen();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([404, 404]);
  });
});
