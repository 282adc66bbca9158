import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AgentCard, Role, TaskState } from '@a2a-js/sdk';
import type { SendMessageRequest, StreamResponse, Task } from '@a2a-js/sdk';
import { ClientFactory } from '@a2a-js/sdk/client';
import type { Client } from '@a2a-js/sdk/client';
import { createMockA2a } from '../src/index.ts';
import type { MockA2a } from '../src/index.ts';

let agent: MockA2a;
let client: Client;
const told: string[] = [];

beforeAll(async () => {
  agent = await createMockA2a({ port: 0, onMessage: (what, messageId) => told.push(`${messageId} ${what}`) });
  client = await new ClientFactory().createFromUrl(agent.url);
});
afterAll(() => agent.stop());

function send(text: string, messageId: string = crypto.randomUUID(), returnImmediately = false): SendMessageRequest {
  return {
    tenant: '',
    metadata: undefined,
    configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately },
    message: {
      messageId,
      contextId: '',
      taskId: '',
      role: Role.ROLE_USER,
      parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: 'text/plain' }],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    },
  };
}

const artifactText = (task: Task) =>
  task.artifacts
    .flatMap(({ parts }) => parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')))
    .join('');

async function collect(events: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const all: StreamResponse[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('the mock agent speaks A2A 1.0', () => {
  it('shows its card', async () => {
    const card = AgentCard.fromJSON(await (await fetch(`${agent.url}/.well-known/agent-card.json`)).json());
    expect(card).toMatchObject({ name: 'Mock agent', capabilities: { streaming: true } });
    expect(card.skills.map(({ id }) => id)).toEqual(expect.arrayContaining(['echo', 'summarise', 'uppercase', 'fail']));
    expect(card.supportedInterfaces).toMatchObject([
      { url: `${agent.url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ]);
  });

  it('completes a task, fails one, and answers a ping with a message', async () => {
    const done = (await client.sendMessage(send('uppercase hello'))) as Task;
    expect(done.status!.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(artifactText(done)).toBe('HELLO');
    const failed = (await client.sendMessage(send('fail out of paper'))) as Task;
    expect(failed.status).toMatchObject({ state: TaskState.TASK_STATE_FAILED });
    expect(await client.sendMessage(send('ping'))).toMatchObject({ role: Role.ROLE_AGENT });
  });

  it('streams the task first, then its pieces, and COMPLETED last', async () => {
    const text = 'abcdefghij'.repeat(20);
    const events = await collect(client.sendMessageStream(send(`uppercase ${text}`)));
    expect(events[0]!.payload!.$case).toBe('task');
    expect(events.filter(({ payload }) => payload!.$case === 'artifactUpdate').length).toBeGreaterThan(2);
    expect(events.at(-1)!.payload).toMatchObject({
      $case: 'statusUpdate',
      value: { status: { state: TaskState.TASK_STATE_COMPLETED } },
    });
  });

  it('stops a slow task when it is cancelled', async () => {
    const task = (await client.sendMessage(send('slow 60 hello', crypto.randomUUID(), true))) as Task;
    const startedAt = Date.now();
    const cancelled = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined });
    expect(cancelled.status!.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect(Date.now() - startedAt).toBeLessThan(8_000);
  });

  it('works once on a message that comes twice', async () => {
    const before = agent.executions();
    const first = (await client.sendMessage(send('echo once', 'message-1'))) as Task;
    const second = (await client.sendMessage(send('echo once', 'message-1'))) as Task;
    expect(second.id).toBe(first.id);
    const streamed = await collect(client.sendMessageStream(send('echo once', 'message-1')));
    expect(streamed).toHaveLength(1);
    expect(agent.executions() - before).toBe(1);
    const arrived = 'message-1 arrived';
    expect(told.filter((line) => line.startsWith('message-1 '))).toEqual([
      arrived,
      'message-1 worked-on',
      arrived,
      arrived,
    ]);
  });

  it('asks for input where it is told to', async () => {
    const task = (await client.sendMessage(send('ask which colour?'))) as Task;
    expect(task.status!.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
  });

  it('refuses a request without the protocol version, as JSON', async () => {
    const answer = await fetch(`${agent.url}/a2a`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'x' } }),
    });
    expect(await answer.json()).toMatchObject({ id: 1, error: { code: -32009 } });
  });

  it('refuses what is no JSON', async () => {
    const answer = await fetch(`${agent.url}/a2a`, { method: 'POST', headers: { 'A2A-Version': '1.0' }, body: '{' });
    expect(await answer.json()).toMatchObject({ error: { code: -32700 } });
  });
});
