import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '@switchyard/testing';
import { CLIENTS } from './ag-ui-clients.ts';
import { type TestGateway, startTestGateway } from './http.ts';

/* The official clients against the running gateway, while the run goes on and its text is spoken. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.stop());

const warnings: unknown[][] = [];
beforeEach(() => {
  warnings.length = 0;
  for (const level of ['warn', 'error'] as const) {
    jest.spyOn(console, level).mockImplementation((...args: unknown[]) => void warnings.push(args));
  }
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(CLIENTS)('@ag-ui/client $version', ({ version, Agent }) => {
  async function run(task: string, runId: string, during: () => Promise<void> = () => Promise.resolve()) {
    const agent = new Agent({
      url: `${gateway.url}/ag-ui`,
      headers: { 'X-User-Id': 'alice' },
      threadId: `thread-${version.replaceAll('.', '-')}`,
      initialMessages: [{ id: 'user-1', role: 'user', content: task }],
    });
    const types: string[] = [];
    const [failure] = await Promise.all([
      agent.runAgent({ runId }, { onEvent: ({ event }) => void types.push(event.type) }).then(
        () => null,
        (error: unknown) => error,
      ),
      during(),
    ]);
    return { types, failure, messages: agent.messages };
  }
  const id = (name: string) => `${name}-${version.replaceAll('.', '-')}`;

  it.each(['success', 'tool', 'parallel', 'computer-use', 'a2a-retried'])(
    'takes a live run without a warning: %s',
    async (name) => {
      const { types, failure, messages } = await run(`play ${name} 3`, id(name));
      expect(failure).toBeNull();
      expect([types[0], types.at(-1)]).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
      // Spoken in pieces, whole at the end.
      expect(types.filter((type) => type === 'TEXT_MESSAGE_CONTENT').length).toBeGreaterThan(1);
      expect(messages.filter(({ id: messageId }) => messageId === `${id(name)}-msg-answer`)).toHaveLength(1);
      expect(warnings).toEqual([]);
    },
  );

  it('gives each turn of a thread an answer of its own', async () => {
    const agent = new Agent({
      url: `${gateway.url}/ag-ui`,
      headers: { 'X-User-Id': 'alice' },
      threadId: id('turns'),
    });
    for (const turn of ['1', '2', '3']) {
      agent.addMessage({ id: `user-${turn}`, role: 'user', content: `play ${turn === '2' ? 'tool' : 'success'} 1` });
      await agent.runAgent({ runId: id(`turn-${turn}`) });
    }
    const spoken = agent.messages.filter(
      ({ role, content }) => /^(user|assistant)$/.test(role) && content !== undefined,
    );
    expect(spoken.map(({ content }) => content)).toEqual([
      'play success 1',
      'Hello there.',
      'play tool 1',
      'Let me look.',
      'It is 15 °C in London.',
      'play success 1',
      'Hello there.',
    ]);
    expect(new Set(agent.messages.map((message) => message.id)).size).toBe(agent.messages.length);
    expect(warnings).toEqual([]);
  });

  it('has each message once where a run is asked for again that it has seen a part of', async () => {
    const agent = new Agent({
      url: `${gateway.url}/ag-ui`,
      headers: { 'X-User-Id': 'alice' },
      threadId: id('again'),
      initialMessages: [{ id: 'user-1', role: 'user', content: 'play tool 1' }],
    });
    await agent.runAgent({ runId: id('again') });
    const whole = agent.messages
      .filter(({ role }) => role !== 'activity')
      .map(({ id: one, content }) => [one, content]);
    const cut = agent.messages.map((message) =>
      message.id === `${id('again')}-msg-answer` ? { ...message, content: 'It is' } : message,
    );
    agent.setMessages(cut as never);
    await agent.runAgent({ runId: id('again') });
    expect(
      agent.messages.filter(({ role }) => role !== 'activity').map(({ id: one, content }) => [one, content]),
    ).toEqual(whole);
    expect(warnings).toEqual([]);
  });

  it('learns of a failure and of a cancellation', async () => {
    expect((await run('play failure 3', id('failed'))).types.at(-1)).toBe('RUN_ERROR');
    const { types } = await run('hang', id('stopped'), async () => {
      const path = `${gateway.url}/runs/${id('stopped')}`;
      const headers = { 'x-user-id': 'alice' };
      await until(async () => (await fetch(path, { headers })).status === 200);
      await fetch(`${path}/cancel`, { method: 'POST', headers });
    });
    expect(types.at(-1)).toBe(version === '1.0.0' ? 'RUN_FINISHED' : 'RUN_ERROR');
    expect(warnings).toEqual([]);
  });
});
