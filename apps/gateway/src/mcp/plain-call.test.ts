import { afterAll, describe, expect, it } from '@jest/globals';
import { AppError, callTool, listTools, type Principal, type StepResult, type ToolInfo } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { type Asked, type McpRouterParts, McpRouter } from './router.ts';

const principal: Principal = { tenantId: 't', userId: 'u', role: 'user', via: 'dev' };
const caller = { principal, address: '127.0.0.1', program: 'test' };
const about = 'io.modelcontextprotocol/';
const headers = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'tool',
};
const meta = {
  [`${about}protocolVersion`]: '2026-07-28',
  [`${about}clientInfo`]: { name: 'test', version: '1.0.0' },
  [`${about}clientCapabilities`]: { elicitation: { form: {} } },
};
const call = (params: object = {}, more: object = {}) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: 'tool', arguments: { text: 'hello' }, _meta: { ...meta, ...more }, ...params },
});
/** The same call, of a client that also wants to hear of progress: the SDK's server answers it. */
const listening = call({}, { progressToken: 1 });

/** A front before a tool with which every call ends so. */
function world(end: () => Promise<StepResult>, tool: Partial<ToolInfo> = {}) {
  const asked: { tool: string; idempotencyKey?: string }[] = [];
  const described = { description: 'It.', provider: 'test', kind: 'read', idempotency: 'safe', ...tool };
  const request = (contract: unknown, input: { tool: string }) => {
    if (contract === listTools)
      return Promise.resolve({ tools: [{ name: 'tool', inputSchema: { type: 'object' }, ...described }], etag: 'e' });
    expect(contract).toBe(callTool);
    asked.push(input);
    return end();
  };
  const router = new McpRouter({
    bus: { request } as unknown as McpRouterParts['bus'],
    callTimeoutMs: 1_000,
    lookEveryMs: 1_000,
    log: createLogger({ app: 'gateway', level: 'silent' }),
    keepAliveMs: 15_000,
    maxSubscriptions: 1,
    sessions: { perUser: 1, perProcess: 1, idleMs: 1_000 },
  });
  fronts.push(router);
  const send = async (body: unknown, changed: Record<string, string | undefined> = {}) => {
    const given = Object.entries({ ...headers, ...changed }).filter((one): one is [string, string] => !!one[1]);
    let sdk = false;
    const { signal } = new AbortController();
    const asking: Asked = {
      method: 'POST',
      body,
      signal,
      header: (name) => new Map(given).get(name),
      toRequest: () => {
        sdk = true;
        return new Request('http://localhost/mcp', { method: 'POST', headers: given });
      },
    };
    const { response, text } = await router.serve(asking, caller);
    const status = response?.status ?? 200;
    return { sdk, status, body: JSON.parse(text ?? (await response!.text())) as Record<string, unknown> };
  };
  return { asked, send };
}
const fronts: McpRouter[] = [];
afterAll(() => Promise.all(fronts.map((router) => router.close())));

const content = [{ type: 'text', text: 'hello' }];
const ends: Record<string, StepResult> = {
  'text of an upstream': { status: 'succeeded', output: 'hello', mcp: { content } },
  'a value of an upstream': { status: 'succeeded', output: { n: 1 }, mcp: { content, structuredContent: { n: 1 } } },
  'a value of our own': { status: 'succeeded', output: { result: 42 } },
  'a value that was cut': { status: 'succeeded', output: { truncated: true, beginning: '{"a' } },
  'that a tool of an upstream failed': { status: 'failed', code: 'tool_failed', message: 'No.', mcp: { content } },
  'that a tool of ours failed': { status: 'failed', code: 'tool_failed', message: 'It failed.' },
  'that an effect is in doubt': { status: 'in_doubt', code: 'tool_timeout', message: 'It may have happened.' },
  'that an approval is missing': { status: 'failed', code: 'approval_required', message: 'A person must approve it.' },
};
const others: Record<string, StepResult> = {
  'an unknown tool': { status: 'failed', code: 'tool_not_found', message: 'There is no such tool.' },
  'an error of the protocol': {
    status: 'failed',
    code: 'tool_failed',
    message: 'No.',
    mcpError: { code: -32_002, message: 'Gone.', data: { uri: 'a' } },
  },
  'a question': {
    status: 'failed',
    code: 'input_required',
    message: 'It asks.',
    inputRequired: { requestState: 'sealed' },
  },
};

describe('a plain call of a tool', () => {
  it.each(Object.entries(ends))(
    'is answered as the server of the SDK answers it, and without it: %s',
    async (_, end) => {
      const { send, asked } = world(() => Promise.resolve(end));
      const [plain, served] = [await send(call()), await send(listening)];
      expect([plain.sdk, served.sdk]).toEqual([false, true]);
      expect(plain.body).toEqual(served.body);
      expect(asked).toHaveLength(2);
    },
  );

  it.each(Object.entries(others))('that ends otherwise is answered by the SDK, and made once: %s', async (_, end) => {
    const { send, asked } = world(() => Promise.resolve(end));
    const [plain, served] = [await send(call()), await send(listening)];
    expect([plain.sdk, plain.status, plain.body]).toEqual([true, served.status, served.body]);
    expect(asked).toHaveLength(2);
  });

  it('that nobody answers says why, and is not made twice', async () => {
    const { send, asked } = world(() => Promise.reject(new AppError('no_responders')));
    const { body } = await send(call());
    expect(body).toMatchObject({ id: 7, error: { data: { code: 'no_responders' } } });
    expect(asked).toHaveLength(1);
  });

  it('keeps the key under which it may be repeated', async () => {
    const { send, asked } = world(() => Promise.resolve(ends['text of an upstream']!));
    const key = { 'io.switchyard/idempotency-key': 'k1' };
    for (const body of [call({}, key), call({}, { ...key, progressToken: 1 })]) await send(body);
    expect(asked.map(({ idempotencyKey }) => idempotencyKey)).toEqual(['k1', 'k1']);
  });

  it('is not made under another key than the one that it says', async () => {
    const { send, asked } = world(() => Promise.resolve(ends['text of an upstream']!));
    for (const key of ['k'.repeat(161), '', 5])
      for (const more of [{}, { progressToken: 1 }]) {
        const { body } = await send(call({}, { 'io.switchyard/idempotency-key': key, ...more }));
        expect(body).toMatchObject({ error: { code: -32_602, data: { code: 'invalid_input' } } });
      }
    expect(asked).toEqual([]);
  });

  it('is refused by the SDK where its headers, envelope or arguments do not fit, before anything is called', async () => {
    const { send, asked } = world(() => Promise.resolve(ends['text of an upstream']!));
    const { [`${about}clientCapabilities`]: _none, ...incomplete } = meta;
    const refused = [
      await send(call(), { 'mcp-name': 'other' }),
      await send(call(), { 'mcp-name': undefined }),
      await send(call(), { 'mcp-method': 'tools/list' }),
      await send(call(), { 'mcp-protocol-version': undefined }),
      await send(call(), { 'content-type': 'text/plain' }),
      await send(call({ arguments: [1] })),
      await send(call({ _meta: incomplete })),
      await send(call({}, { [`${about}protocolVersion`]: '2099-01-01' }), { 'mcp-protocol-version': '2099-01-01' }),
      await send({ ...call(), id: { no: 'id' } }),
    ];
    expect(refused.filter(({ body }) => !('error' in body))).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('of a tool that wants arguments as headers is left to the SDK, which compares them', async () => {
    const properties = { text: { type: 'string', 'x-mcp-header': 'Text' } };
    const wanting = { inputSchema: { type: 'object', properties } };
    const { send, asked } = world(() => Promise.resolve(ends['text of an upstream']!), wanting);
    expect((await send(call())).body).toHaveProperty('error');
    expect(asked).toEqual([]);
    expect((await send(call(), { 'mcp-param-text': 'hello' })).body).toHaveProperty('result');
  });
});
