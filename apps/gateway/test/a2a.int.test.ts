import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AgentCard, Message, type StreamResponse, Task, TaskState } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { signCard } from '@switchyard/contracts';
import { startTestGateway, type TestGateway } from './http.ts';

/* The official client against the running gateway, over each binding; two replicas serve the same tasks. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({ MAX_STREAMS_PER_USER: '100' }, { replicas: 2 });
  await gateway.orchestrator.listenAsAudit();
});
afterAll(() => gateway.stop());

let messages = 0;
function said(text: string, more: Record<string, unknown> = {}): Message {
  messages += 1;
  return Message.fromJSON({ messageId: `message-${messages}`, role: 'ROLE_USER', parts: [{ text }], ...more });
}
const request = (message: Message, configuration?: { returnImmediately: boolean }) => ({
  tenant: '',
  message,
  configuration: configuration && { ...configuration, acceptedOutputModes: [], taskPushNotificationConfig: undefined },
  metadata: undefined,
});
const ref = (id: string) => ({ id, tenant: '' });

async function clientOf(binding: string, user = 'alice', url = gateway.url): Promise<Client> {
  const fetchImpl: typeof fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('X-User-Id', user);
    return fetch(input, { ...init, headers });
  };
  const card = await new DefaultAgentCardResolver({ fetchImpl }).resolve(url);
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
    preferredTransports: [binding],
  });
  return factory.createFromAgentCard(card);
}

async function collect(stream: AsyncIterable<StreamResponse>): Promise<StreamResponse[]> {
  const events: StreamResponse[] = [];
  for await (const event of stream) events.push(event);
  return events;
}
const kinds = (events: readonly StreamResponse[]) => events.map(({ payload }) => payload?.$case);
const statesOf = (events: readonly StreamResponse[]) =>
  events.flatMap(({ payload }) => (payload?.$case === 'statusUpdate' ? [payload.value.status!.state] : []));
const asTask = (result: Message | Task): Task => {
  if (!('status' in result)) throw new Error('no task');
  return result;
};
const textOf = (task: Task) =>
  task.artifacts.flatMap(({ parts }) =>
    parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])),
  );

async function failureOf(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => 'none',
    (error: Error) => error.name.replace(/^(Rest|JsonRpc)/, ''),
  );
}

describe.each(['JSONRPC', 'HTTP+JSON'])('the official client over %s', (binding) => {
  let client: Client;
  let bob: Client;
  beforeAll(async () => {
    client = await clientOf(binding);
    bob = await clientOf(binding, 'bob', gateway.urls[1]);
  });

  it('sends a message and gets the finished task with its answer', async () => {
    const task = asTask(await client.sendMessage(request(said('play success'))));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(textOf(task)).toContain('Hello there.');
    expect(await client.getTask(ref(task.id))).toMatchObject({ id: task.id, contextId: task.contextId });
  });

  it('streams the task first, then its changes, its text in pieces, and ends with it', async () => {
    const events = await collect(client.sendMessageStream(request(said('play success 5'))));
    expect(kinds(events)[0]).toBe('task');
    expect(statesOf(events)).toEqual([TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED]);
    const pieces = events.flatMap(({ payload }) => (payload?.$case === 'artifactUpdate' ? [payload.value] : []));
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.map(({ append }) => append)).toEqual([false, ...pieces.slice(1).map(() => true)]);
  });

  it('answers a question, and refuses a message to an ended task', async () => {
    const asked = asTask(await client.sendMessage(request(said('play question'))));
    expect(asked.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const answer = said('Paris', { taskId: asked.id, contextId: asked.contextId });
    const task = asTask(await client.sendMessage(request(answer)));
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(textOf(task)).toContain('It rains in Paris.');
    // The same answer again is the same task; another one finds nothing that asks.
    expect(asTask(await client.sendMessage(request(answer))).id).toBe(task.id);
    const late = said('London', { taskId: asked.id });
    expect(await failureOf(client.sendMessage(request(late)))).toBe('UnsupportedOperationError');
  });

  it('streams up to a question, and from its answer on', async () => {
    const asked = await collect(client.sendMessageStream(request(said('play approval 5'))));
    expect(statesOf(asked).at(-1)).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const first = asked[0]!.payload;
    const taskId = first?.$case === 'task' ? first.value.id : '';
    expect(await failureOf(client.sendMessage(request(said('perhaps', { taskId }))))).toBe('RequestMalformedError');
    const events = await collect(client.sendMessageStream(request(said('approve', { taskId }))));
    expect(kinds(events)[0]).toBe('task');
    expect(statesOf(events)).toEqual([TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED]);
  });

  it('cancels, twice if asked twice, and not what has ended', async () => {
    const task = asTask(await client.sendMessage(request(said('hang'), { returnImmediately: true })));
    const { id } = task;
    const ask = () => client.cancelTask({ id, tenant: '', metadata: undefined });
    expect((await ask()).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    expect((await ask()).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    const done = asTask(await client.sendMessage(request(said('play success'))));
    expect(await failureOf(client.cancelTask({ id: done.id, tenant: '', metadata: undefined }))).toBe(
      'TaskNotCancelableError',
    );
  });

  it('subscribes at another replica and gets the rest; not to what has ended', async () => {
    const { id } = asTask(await client.sendMessage(request(said('hang'), { returnImmediately: true })));
    const elsewhere = await clientOf(binding, 'alice', gateway.urls[1]);
    const watching = collect(elsewhere.resubscribeTask(ref(id)));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.cancelTask({ id, tenant: '', metadata: undefined });
    const events = await watching;
    expect(kinds(events)[0]).toBe('task');
    expect(statesOf(events).at(-1)).toBe(TaskState.TASK_STATE_CANCELED);
    expect(await failureOf(collect(elsewhere.resubscribeTask(ref(id))))).toBe('UnsupportedOperationError');
  });

  it('A3: a task of somebody else is like one that is not there', async () => {
    const { id } = asTask(await client.sendMessage(request(said('hang'), { returnImmediately: true })));
    for (const act of [
      () => bob.getTask(ref(id)),
      () => bob.cancelTask({ id, tenant: '', metadata: undefined }),
      () => collect(bob.resubscribeTask(ref(id))),
      () => bob.sendMessage(request(said('approve', { taskId: id }))),
      () => bob.getTask(ref('no-such-task')),
    ])
      expect(await failureOf(act())).toBe('TaskNotFoundError');
    expect((await bob.listTasks(LIST)).tasks).toEqual([]);
    const { tasks: listed } = await client.listTasks(LIST);
    expect(listed.map((task) => task.id)).toContain(id);
  });

  it('the same message is the same task', async () => {
    const message = said('play success');
    const [one, two] = [await client.sendMessage(request(message)), await client.sendMessage(request(message))];
    expect(asTask(one).id).toBe(asTask(two).id);
    const other = { ...message, parts: said('play tool').parts };
    expect(await failureOf(client.sendMessage(request(other)))).toBe('RequestMalformedError');
  });

  it('lists the tasks of the caller, and shows it the extended card', async () => {
    const page = await client.listTasks(LIST);
    expect(page.tasks.length).toBeGreaterThan(0);
    const card = await client.getAgentCard();
    expect(card.skills.map(({ id }) => id)).toContain('run');
  });
});

const LIST = {
  tenant: '',
  contextId: '',
  status: TaskState.TASK_STATE_UNSPECIFIED,
  pageSize: 20,
  pageToken: '',
  historyLength: undefined,
  statusTimestampAfter: undefined,
  includeArtifacts: false,
};

describe('at the edge', () => {
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'X-User-Id': 'alice', 'A2A-Version': '1.0', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const rpc = (method: string, params: unknown) => ({ jsonrpc: '2.0', id: 7, method, params });
  const message = { messageId: 'edge', role: 'ROLE_USER', parts: [{ text: 'play success' }] };
  const errorOf = async (response: Response) =>
    ((await response.json()) as { error: { code: number; message: string } }).error;

  it('A4: refuses who shows no credentials before anything is read, and says how to come', async () => {
    const strict = await startTestGateway({
      IDENTITY_MODE: 'jwt',
      JWT_ISSUER: 'https://issuer.example',
      JWT_HS256_SECRET: 'a-secret-of-more-than-32-characters!!',
      DEFAULT_TENANT_ID: 'acme',
    });
    try {
      const asks = [
        fetch(`${strict.url}/a2a`, { method: 'POST', body: '{' }),
        fetch(`${strict.url}/a2a/v1/tasks`),
        fetch(`${strict.url}/a2a/v1/extendedAgentCard`, { headers: { authorization: 'Bearer nonsense' } }),
      ];
      for (const response of await Promise.all(asks)) {
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
        expect(await response.text()).not.toMatch(/stack|node_modules|Error:/);
      }
      expect((await fetch(`${strict.url}/.well-known/agent-card.json`)).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });

  it('has the codes of the protocol', async () => {
    const codes = await Promise.all(
      [
        post('/a2a', '{not json'),
        post('/a2a', { id: 1 }),
        post('/a2a', rpc('message/send', {})),
        post('/a2a', rpc('SendMessage', {})),
        post('/a2a', rpc('GetTask', { id: 'nothing' })),
        post('/a2a', rpc('GetTask', { id: 'x' }), { 'A2A-Version': '0.3' }),
        post('/a2a', rpc('GetTask', { id: 'x' }), { 'A2A-Version': '' }),
        post('/a2a', rpc('CreateTaskPushNotificationConfig', {})),
        post(
          '/a2a',
          rpc('SendMessage', {
            message: { ...message, parts: [{ url: 'https://x.example/a.pdf', mediaType: 'application/pdf' }] },
          }),
        ),
      ].map(async (response) => (await errorOf(await response)).code),
    );
    expect(codes).toEqual([-32700, -32600, -32601, -32602, -32001, -32009, -32009, -32003, -32005]);
  });

  it('has the statuses of the protocol over HTTP', async () => {
    const get = (path: string) =>
      fetch(gateway.url + path, { headers: { 'X-User-Id': 'alice', 'A2A-Version': '1.0' } });
    const missing = await get('/a2a/v1/tasks/nothing');
    expect(missing.status).toBe(404);
    expect(missing.headers.get('content-type')).toMatch(/^application\/a2a\+json/);
    expect(await missing.json()).toMatchObject({
      error: { code: 404, status: 'NOT_FOUND', details: [{ reason: 'TASK_NOT_FOUND', domain: 'a2a-protocol.org' }] },
    });
    expect((await get('/a2a/v1/tasks?pageSize=1000')).status).toBe(400);
    expect((await get('/a2a/v1/tasks?status=NONE')).status).toBe(400);
    expect((await post('/a2a/v1/message:send', '{')).status).toBe(400);
    expect((await get('/a2a/v1/tasks?A2A-Version=1.0')).status).toBe(200);
  });

  it('A9: takes what is odd, or refuses it in JSON, and never says more than it should', async () => {
    const send = (change: object) => post('/a2a', rpc('SendMessage', { message: { ...message, ...change } }));
    const odd = [
      send({ messageId: 'odd-1', contextId: 'c'.repeat(60) }),
      send({ messageId: 'odd-2', contextId: 'c'.repeat(10_000) }),
      send({ messageId: 'odd-3', contextId: 'a\u0000b' }),
      send({ messageId: 'm'.repeat(10_000) }),
      send({ messageId: 'odd-4', parts: [{ text: 'x'.repeat(150_000) }] }),
      send({ messageId: 'odd-5', parts: [{ text: 'x'.repeat(5_000_000) }] }),
      send({ messageId: 'odd-6', parts: Array.from({ length: 33 }, () => ({ text: 'x' })) }),
      send({ messageId: 'odd-7', role: 'ROLE_AGENT' }),
      send({ messageId: 'odd-8', parts: [{ text: 'x', data: {} }] }),
      send({ messageId: 'odd-9', parts: [{}] }),
      send({ messageId: 'odd-10', parts: [{ raw: '%%%', mediaType: 'text/plain' }] }),
      post('/a2a', `${'['.repeat(50_000)}`),
      post('/a2a', '[]'),
      post('/a2a', 'null'),
    ];
    const answers = await Promise.all(
      odd.map(async (response) => [(await response).status, await (await response).text()] as const),
    );
    for (const [, text] of answers) {
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(text).not.toMatch(/node_modules|at \w+ \(|select |zod/i);
    }
    expect(answers.map(([status]) => status)).toEqual([200, 200, 200, 200, 200, 413, ...Array<number>(8).fill(200)]);
    const codeOf = (at: number) => (JSON.parse(answers[at]![1]) as { error?: { code: number } }).error?.code;
    expect(odd.map((_, at) => codeOf(at))).toEqual([
      undefined,
      -32602,
      -32602,
      -32602,
      undefined,
      -32603,
      -32602,
      -32602,
      -32602,
      -32602,
      -32602,
      -32700,
      -32600,
      -32600,
    ]);
  });

  it('A3: has nothing for who names another tenant', async () => {
    expect(await errorOf(await post('/a2a', rpc('GetTask', { id: 'x', tenant: 'another' })))).toMatchObject({
      code: -32001,
    });
    const listed = await post('/a2a', rpc('ListTasks', { tenant: 'another' }));
    expect(await listed.json()).toMatchObject({ result: { tasks: [], nextPageToken: '' } });
    const sent = await post('/a2a', rpc('SendMessage', { message, tenant: 'another' }));
    expect(await errorOf(sent)).toMatchObject({ code: -32602 });
  });

  it('serves a card that can be kept, and says that it has not changed', async () => {
    const first = await fetch(`${gateway.url}/.well-known/agent-card.json`);
    const card = AgentCard.fromJSON(await first.json());
    expect(card.supportedInterfaces.map(({ protocolBinding, url }) => [protocolBinding, url])).toEqual([
      ['JSONRPC', `${gateway.url}/a2a`],
      ['HTTP+JSON', `${gateway.url}/a2a/v1`],
    ]);
    expect(first.headers.get('cache-control')).toMatch(/max-age=\d+/);
    expect(first.headers.get('last-modified')).toMatch(/GMT$/);
    const again = await fetch(`${gateway.url}/.well-known/agent-card.json`, {
      headers: { 'if-none-match': first.headers.get('etag')! },
    });
    expect(again.status).toBe(304);
  });

  it('has its card signed by the service with the keys, and publishes them', async () => {
    let asked = 0;
    const signer = gateway.hub.connect('a2a');
    const port = new URL(gateway.urls[1]!).port;
    // An address of its own, so that no card of it was made before.
    const at = (path: string) => fetch(`http://localhost:${port}${path}`);
    await signer.answer(signCard, ({ card, jwksUrl }) => {
      asked += 1;
      const signatures = [{ protected: 'p', signature: 's', header: { jku: jwksUrl } }];
      return Promise.resolve({
        card: { ...card, signatures },
        keys: [{ kid: 'k', kty: 'OKP' }],
        goodUntil: Date.now() + 60_000,
      });
    });
    const [first, keys] = [await at('/.well-known/agent-card.json'), await at('/.well-known/jwks.json')];
    const { signatures } = (await first.json()) as { signatures: object[] };
    const jku = `http://localhost:${port}/.well-known/jwks.json`;
    expect(signatures).toEqual([{ protected: 'p', signature: 's', header: { jku } }]);
    expect(await keys.json()).toEqual({ keys: [{ kid: 'k', kty: 'OKP' }] });
    // While the service is away, the signed card stays.
    await signer.close();
    const again = await at('/.well-known/agent-card.json');
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(asked).toBe(1);
  });

  it('is not there where it is turned off', async () => {
    const without = await startTestGateway({ A2A_SERVER: 'false' });
    const asked = await Promise.all([
      fetch(`${without.url}/.well-known/agent-card.json`),
      fetch(`${without.url}/a2a`, { method: 'POST', headers: { 'X-User-Id': 'a' }, body: '{}' }),
      fetch(`${without.url}/a2a/v1/tasks`, { headers: { 'X-User-Id': 'a' } }),
    ]);
    await without.stop();
    expect(asked.map(({ status }) => status)).toEqual([404, 404, 404]);
  });

  it('lets an auditor read, and change nothing', async () => {
    const audits = { 'X-User-Role': 'auditor', 'X-User-Id': 'carol' };
    expect((await post('/a2a', rpc('ListTasks', {}), audits)).status).toBe(200);
    expect((await post('/a2a', rpc('SendMessage', { message }), audits)).status).toBe(403);
  });
});
