import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@switchyard/testing';
import { CLIENTS } from './ag-ui-clients.ts';
import { type TestGateway, startTestGateway } from './http.ts';

/* Several turns of one thread, with the official clients: stopped ones, answers in words, ids of any text. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

const warnings: unknown[][] = [];
beforeEach(() => {
  warnings.length = 0;
  for (const level of ['warn', 'error'] as const)
    jest.spyOn(console, level).mockImplementation((...args: unknown[]) => void warnings.push(args));
});
afterEach(() => {
  jest.restoreAllMocks();
});

const headers = { 'X-User-Id': 'alice' };
const post = (body: object) =>
  fetch(`${gateway.url}/ag-ui`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const words = (content: string, id = content) => ({ id, role: 'user' as const, content });
const phaseOf = async (runId: string) => {
  const answer = await fetch(`${gateway.url}/runs/${runId}`, { headers });
  return answer.status === 200 ? ((await answer.json()) as { phase: string }).phase : undefined;
};

describe.each(CLIENTS)('@ag-ui/client $version', ({ version, Agent }) => {
  let count = 0;
  const id = (name: string) => `${name}-${version.replaceAll('.', '-')}-${(count += 1)}`;
  const agentFor = (threadId: string) => new Agent({ url: `${gateway.url}/ag-ui`, headers, threadId });
  const said = (agent: { messages: { role: string; content?: unknown }[] }) =>
    agent.messages.filter(
      ({ role, content }) => /^(user|assistant)$/.test(role) && content !== undefined && content !== '',
    );

  it('is stopped, and its next turn begins at once', async () => {
    const [agent, runId, next] = [agentFor(id('thread')), id('run'), id('run')];
    agent.addMessage(words('hang'));
    const stopped = agent.runAgent({ runId }).catch(() => undefined);
    await until(async () => (await phaseOf(runId)) === 'running');
    agent.abortRun();
    await stopped;
    agent.addMessage(words('play success 1'));
    await agent.runAgent({ runId: next });
    expect(said(agent).map(({ content }) => content)).toEqual(['hang', 'play success 1', 'Hello there.']);
    expect(await phaseOf(runId)).toBe('ended');

    // The same turn asked for again is the same run, whatever the thread was like when it was accepted.
    const runs = gateway.orchestrator.count();
    await (
      await post({ threadId: agent.threadId, runId: next, messages: [words('hang'), words('play success 1')] })
    ).text();
    expect(gateway.orchestrator.count()).toBe(runs);
  });

  it('is refused beside a client that is still shown the run, unless it says otherwise', async () => {
    const [agent, runId] = [agentFor(id('thread')), id('run')];
    agent.addMessage(words('hang'));
    const running = agent.runAgent({ runId }).catch(() => undefined);
    await until(async () => (await phaseOf(runId)) === 'running');
    const second = { threadId: agent.threadId, runId: id('run'), messages: [words('play success')] };
    const refused = await post(second);
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: 'thread_busy', run_id: runId }]);
    expect(await phaseOf(runId)).toBe('running');
    const taken = await post({ ...second, forwardedProps: { thread_concurrency: 'cancel_previous' } });
    expect(await taken.text()).toContain('Hello there.');
    await running;
  });

  it('answers an approval in words, after it was shown the call', async () => {
    const [agent, runId] = [agentFor(id('thread')), id('run')];
    agent.addMessage(words('play approval'));
    await agent.runAgent({ runId });
    expect(await phaseOf(runId)).toBe('waiting');
    if (version === '1.0.0' || version === '0.0.59') return agentInWords(agent.threadId, agent.messages, runId);
    agent.addMessage(words('Is it safe?'));
    await agent.runAgent({ runId: id('again') });
    expect(await phaseOf(runId)).toBe('waiting');
    expect(said(agent).map(({ content }) => content)).toEqual(['play approval', 'Is it safe?']);
    agent.addMessage(words('approve'));
    await agent.runAgent({ runId: id('answer') });
    expect(said(agent).map(({ content }) => content)).toEqual([
      'play approval',
      'Is it safe?',
      'approve',
      'It is gone.',
    ]);
    expect(gateway.orchestrator.decisions.at(-1)).toMatchObject({
      runId: expect.stringContaining(runId),
      answer: { decision: 'approve' },
    });
  });

  /** Newer clients insist on `resume`; the server takes the words all the same. */
  async function agentInWords(threadId: string, messages: readonly unknown[], runId: string) {
    const answer = await post({ threadId, runId: id('answer'), messages: [...messages, words('deny')] });
    expect(await answer.text()).toContain('RUN_FINISHED');
    expect(gateway.orchestrator.decisions.at(-1)).toMatchObject({
      runId: expect.stringContaining(runId),
      answer: { decision: 'deny' },
    });
  }

  it('chooses ids of any text, and is shown them again', async () => {
    const agent = agentFor(`thread/${id('ü')}`);
    const runId = `a run: ${id('1')}`;
    const events: { type: string; threadId?: string; runId?: string }[] = [];
    agent.addMessage(words('play success 1'));
    await agent.runAgent({ runId }, { onEvent: ({ event }) => void events.push(event as never) });
    for (const event of [events[0], events.at(-1)]) expect(event).toMatchObject({ threadId: agent.threadId, runId });
    const started = gateway.orchestrator.starts.at(-1)!;
    expect(started.run.thread_id).toMatch(/^x-[A-Za-z0-9_-]+$/);
    expect(said(agent).at(-1)).toMatchObject({ content: 'Hello there.' });
    expect(warnings).toEqual([]);
  });
});

describe('what is not used', () => {
  const body = (more: object) => ({ threadId: 'nt', runId: 'nr', messages: [words('play success')], ...more });

  it('is named in a notice', async () => {
    const text = await (await post(body({ state: { a: 1 } }))).text();
    expect(text).toContain('"switchyard.notice"');
    expect(text).toContain('`state` is not used');
  });

  it('is refused with a sentence before any run, where the run would be another without it', async () => {
    const runs = gateway.orchestrator.count();
    const parts = [
      { type: 'text', text: 'Hear' },
      { type: 'audio', source: {} },
    ];
    const answer = await post(body({ runId: 'nr2', messages: [{ id: 'u', role: 'user', content: parts }] }));
    expect([answer.status, await answer.json()]).toMatchObject([400, { detail: expect.stringContaining('"audio"') }]);
    expect((await post(body({ runId: 'nr3', tools: [{ name: 'submit_plan' }] }))).status).toBe(400);
    expect(gateway.orchestrator.count()).toBe(runs);
  });
});
