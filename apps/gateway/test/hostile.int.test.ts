import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway } from './http.ts';

/* Garbage gets a clear error, and everything still runs. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    CORS_ORIGINS: 'https://app.example',
    SSE_HEARTBEAT_MS: '100',
    MAX_STREAMS_PER_USER: '3',
  });
});
afterAll(() => gateway.stop());

const alice = { 'x-user-id': 'alice' };
const send = (
  path: string,
  body: string | Uint8Array | undefined,
  headers: Record<string, string> = {},
  method = 'POST',
) =>
  fetch(gateway.url + path, {
    method,
    headers: { 'content-type': 'application/json', ...alice, ...headers },
    ...(body === undefined ? {} : { body }),
  });

async function problem(response: Response) {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const body = (await response.json()) as { status: number; code: string; detail: string; type: string; title: string };
  expect(body.status).toBe(response.status);
  expect(body.type).toBe(`urn:switchyard:problem:${body.code}`);
  expect(body.detail).not.toMatch(/at \w+ \(|node_modules|\.ts:|<script|a\.>/);
  return [response.status, body.code];
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('bodies', () => {
  const refused: [string, string | Uint8Array | undefined, number, string][] = [
    ['no body', undefined, 400, 'invalid_input'],
    ['empty text', '', 400, 'invalid_input'],
    ['not JSON', '{"task": ', 400, 'invalid_input'],
    ['binary', new Uint8Array([0, 255, 1, 254]), 400, 'invalid_input'],
    ['a number', '1', 400, 'invalid_input'],
    ['null', 'null', 400, 'invalid_input'],
    ['a list', '[]', 400, 'invalid_input'],
    ['wrong types', '{"task": {"a": 1}}', 400, 'invalid_input'],
    ['an empty task', '{"task": ""}', 400, 'invalid_input'],
    ['a task that is too long', JSON.stringify({ task: 'x'.repeat(200_001) }), 400, 'invalid_input'],
    ['a hostile run id', '{"task": "x", "run_id": "a.>"}', 400, 'invalid_input'],
    ['a hostile thread id', '{"task": "x", "thread_id": "*"}', 400, 'invalid_input'],
    ['a poisoned prototype', '{"task": "x", "__proto__": {"role": "admin"}}', 400, 'invalid_input'],
    ['a poisoned constructor', '{"task": "x", "constructor": {"prototype": {"role": "admin"}}}', 400, 'invalid_input'],
    ['deep nesting', `{"task": "x", "more": ${nested(20_000)}}`, 400, 'invalid_input'],
    ['10 MB', JSON.stringify({ task: 'x', more: 'y'.repeat(10_000_000) }), 413, 'payload_too_large'],
    ['an endless budget', '{"task": "x", "budget": {"max_steps": 1e99}}', 400, 'invalid_input'],
  ];
  for (const path of ['/orchestrate', '/orchestrate/stream', '/runs', '/ag-ui']) {
    it.each(refused)(`${path} refuses %s`, async (_what, body, status, code) => {
      expect(await problem(await send(path, body))).toEqual([status, code]);
    });
  }

  it('of 3 MB are taken', async () => {
    const response = await send(
      '/orchestrate',
      JSON.stringify({ task: 'play success', unknown: 'y'.repeat(3_000_000) }),
    );
    expect(response.status).toBe(200);
  });

  it('of another type are refused', async () => {
    for (const type of ['application/xml', 'multipart/form-data; boundary=x']) {
      expect(await problem(await send('/orchestrate', 'task=x', { 'content-type': type }))).toEqual([
        415,
        'unsupported_media_type',
      ]);
    }
  });

  it('of JSON are taken as `curl -d` announces them, and a real form is not JSON', async () => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await send('/orchestrate', '{"task": "play success"}', type)).status).toBe(200);
    expect(await problem(await send('/orchestrate', 'task=x', type))).toEqual([400, 'invalid_input']);
  });

  it('name the places that are wrong, and never repeat the value', async () => {
    const response = await send('/orchestrate', '{"task": 5, "budget": {"max_steps": "<script>"}}');
    expect(await response.json()).toMatchObject({
      details: [expect.stringMatching(/^task: /), expect.stringMatching(/^budget.max_steps: /)],
    });
  });
});

describe('addresses', () => {
  it.each([
    'a.%3E',
    '%2e%2e',
    '*',
    'a%20b',
    'a'.repeat(65),
    '%00',
    '..%2f..%2fetc',
    '%F0%9F%92%A9',
    '%zz',
    '__proto__x!',
  ])('refuse the run id %s', async (id) => {
    for (const path of [`/runs/${id}`, `/runs/${id}/events`]) {
      const response = await fetch(gateway.url + path, { headers: alice });
      expect([400, 404]).toContain(response.status);
      await problem(response);
    }
  });

  it('that lead nowhere are 404, other methods 405 with Allow', async () => {
    expect(await problem(await fetch(`${gateway.url}/nothing`, { headers: alice }))).toEqual([404, 'not_found']);
    const wrong = await fetch(`${gateway.url}/orchestrate`, { headers: alice });
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await problem(wrong)).toEqual([405, 'method_not_allowed']);
    for (const method of ['PUT', 'DELETE', 'PATCH', 'HEAD']) {
      expect((await fetch(`${gateway.url}/runs`, { method, headers: alice })).status).toBe(405);
    }
  });

  it('take no TRACE', async () => {
    expect(await raw(`TRACE /orchestrate HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 405/,
    );
  });

  it('take hostile queries as what they are', async () => {
    for (const query of [
      '?task=',
      '?task=a&task=b',
      '?task[x]=1',
      `?task=${'x'.repeat(9_000)}`,
      '?task=x&run_id=a.>',
      '?task=x&view=no',
    ]) {
      const response = await fetch(`${gateway.url}/orchestrate/stream${query}`, { headers: alice });
      expect([response.status === 200, response.status]).toEqual(
        query.includes('9') || query.length > 5_000 ? [true, 200] : [false, 400],
      );
      await response.body?.cancel();
    }
  });
});

describe('headers', () => {
  it('with a cursor of nothing are refused', async () => {
    for (const id of ['x', 'a.>:1', 'r:-1', ':', 'x'.repeat(5_000)]) {
      const response = await fetch(`${gateway.url}/orchestrate/stream?task=x`, {
        headers: { ...alice, 'last-event-id': id },
      });
      expect(await problem(response)).toEqual([400, 'invalid_cursor']);
    }
  });

  it('that are too large or malformed end that connection alone', async () => {
    expect(await raw(`GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431/,
    );
    expect(await raw(`GET /health HTTP/1.1\r\n\r\n`)).toMatch(/^HTTP\/1.1 400/);
    expect(
      await raw(
        `POST /orchestrate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1.1 400/);
    expect(await raw(`\x00\x01\x02garbage\r\n\r\n`)).toMatch(/^HTTP\/1.1 400/);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  });

  it('without a user are refused in development, too, and the fact is told', async () => {
    expect(await problem(await fetch(`${gateway.url}/runs`))).toEqual([401, 'unauthenticated']);
    expect(await problem(await send('/orchestrate', '{"task":"x"}', { 'x-user-id': '' }))).toEqual([
      401,
      'unauthenticated',
    ]);
  });
});

describe('origins', () => {
  const origin = { origin: 'https://app.example' };
  it('of the list may call, also streams; others get no permission', async () => {
    const preflight = await fetch(`${gateway.url}/ag-ui`, {
      method: 'OPTIONS',
      headers: { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example',
    ]);
    const stream = await fetch(`${gateway.url}/orchestrate/stream?task=play%20success`, {
      headers: { ...alice, ...origin },
    });
    expect(stream.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(stream.headers.get('access-control-expose-headers')).toContain('x-run-id');
    await stream.text();
    const refused = await fetch(`${gateway.url}/runs`, { headers: origin });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, 'https://app.example']);
    const other = await fetch(`${gateway.url}/health`, { headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('x-powered-by')).toBeNull();
  });
});

describe('streams', () => {
  it('say that they live while nothing happens, each dialect in its way', async () => {
    const open = async (path: string, body?: string) => {
      const response =
        body === undefined ? await fetch(gateway.url + path, { headers: alice }) : await send(path, body);
      const reader = response.body!.getReader();
      let text = '';
      const end = Date.now() + 500;
      while (Date.now() < end && (text.match(/ka\n\n|keepalive/g) ?? []).length < 2)
        text += new TextDecoder().decode((await reader.read()).value);
      await reader.cancel();
      return text;
    };
    expect(await open('/orchestrate/stream?task=hang')).toMatch(/event: server\.keepalive\ndata: \{"ts":\d+\}\n\n/);
    expect(await open('/ag-ui/events?user_message=hang')).toContain(': ka\n\n');
    expect(
      await open(
        '/ag-ui',
        JSON.stringify({ threadId: 't', runId: 'silent', messages: [{ id: '1', role: 'user', content: 'hang' }] }),
      ),
    ).toContain(': ka\n\n');
  });

  it('are bounded for one user, and free again when they close', async () => {
    const user = { 'x-user-id': 'many' };
    const gone = new AbortController();
    const open = () => fetch(`${gateway.url}/orchestrate/stream?task=hang`, { headers: user, signal: gone.signal });
    expect((await Promise.all([open(), open(), open()])).map(({ status }) => status)).toEqual([200, 200, 200]);
    const refused = await fetch(`${gateway.url}/orchestrate/stream?task=hang`, { headers: user });
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await problem(refused)).toEqual([429, 'rate_limited']);
    expect(
      (await fetch(`${gateway.url}/orchestrate/stream?task=play%20success`, { headers: { 'x-user-id': 'other' } }))
        .status,
    ).toBe(200);
    gone.abort();
    await until(
      async () =>
        (await fetch(`${gateway.url}/orchestrate/stream?task=play%20success`, { headers: user })).status === 200,
    );
  });
});

it('still runs after all of it', async () => {
  const response = await send('/orchestrate', '{"task": "play tool"}');
  expect(await response.json()).toMatchObject({ status: 'success' });
  expect((await fetch(`${gateway.url}/readiness`)).status).toBe(200);
});

/** Sends bytes as they are; gives what came back until the connection closed. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(gateway.url);
    let answer = '';
    const socket: Socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.setTimeout(20_000, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
