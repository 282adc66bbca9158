import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HTTP_ROUTES } from '@switchyard/contracts/http';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway, parseSse, readUntil } from './http.ts';

let gateway: TestGateway;
const alice = { 'x-user-id': 'alice' };
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...alice, ...headers },
    body: JSON.stringify(body),
  });
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(gateway.url + path, { headers: { ...alice, ...headers } });
const events = async (response: Response) => parseSse(await response.text());

beforeAll(async () => {
  gateway = await startTestGateway();
  await gateway.orchestrator.listenAsAudit();
});
afterAll(() => gateway.stop());

describe('POST /orchestrate', () => {
  it('answers when the run is done', async () => {
    const response = await post('/orchestrate', { task: 'play tool' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      task: 'play tool',
      status: 'success',
      completion_reason: 'ok',
      steps: [{ step_id: 'step-mcp-001', target: 'mcp', success: true, result: { temperature: 15 }, error: null }],
      answer: 'It is 15 °C in London.',
      run_id: response.headers.get('x-run-id'),
    });
  });

  it('answers a failed run, too: that it failed is an answer', async () => {
    const response = await post('/orchestrate', { task: 'play failure' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'failed', completion_reason: 'error', answer: null });
  });

  it('lets the run go on when the client goes away', async () => {
    const runId = 'left-alone';
    const gone = new AbortController();
    const asked = fetch(`${gateway.url}/orchestrate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...alice },
      body: JSON.stringify({ task: 'play tool 10', run_id: runId }),
      signal: gone.signal,
    }).catch(() => undefined);
    await until(async () => (await get(`/runs/${runId}`)).status === 200);
    gone.abort();
    await asked;
    await until(async () => ((await (await get(`/runs/${runId}`)).json()) as { status: string }).status === 'success');
  });
});

describe('/orchestrate/stream', () => {
  it('streams named events in the documented order, with its headers', async () => {
    const response = await post('/orchestrate/stream', { task: 'play tool 2' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toContain('no-cache');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const names = (await events(response)).map(({ event }) => event);
    expect(names.slice(0, 3)).toEqual(['response.created', 'response.in_progress', 'orchestrator.task.started']);
    expect(names.slice(-3)).toEqual(['orchestrator.task.completed', 'response', 'response.completed']);
  });

  it('starts on GET, too', async () => {
    const all = await events(await get('/orchestrate/stream?task=play%20success'));
    expect(all.at(-1)).toMatchObject({
      event: 'response.completed',
      data: { status: 'success', completion_reason: 'no_steps' },
    });
  });

  it('shows live text with view=all', async () => {
    const all = await events(await get('/orchestrate/stream?task=play%20success%202&view=all'));
    const said = all
      .filter(({ event }) => event === 'orchestrator.message.delta')
      .map(({ data }) => (data as { delta: string }).delta);
    expect(said.join('')).toBe('Hello there.');
    expect(all[2]).toMatchObject({ event: 'orchestrator.run.accepted' });
  });

  it('fills the holes that lost messages leave', async () => {
    gateway.orchestrator.loseEvery = 3;
    try {
      const all = await events(await post('/orchestrate/stream', { task: 'play parallel 1' }));
      const seqs = all.flatMap(({ id }) => (id === undefined ? [] : [Number(id.split(':')[1])]));
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
      expect(all.at(-1)).toMatchObject({ event: 'response.completed' });
    } finally {
      gateway.orchestrator.loseEvery = 0;
    }
  });

  it('attaches the same request to the same run, and refuses another under its key', async () => {
    const before = gateway.orchestrator.count();
    const [first, second] = await Promise.all([
      post('/orchestrate/stream', { task: 'play tool 3' }, { 'idempotency-key': 'once' }),
      post('/orchestrate/stream', { task: 'play tool 3' }, { 'idempotency-key': 'once' }),
    ]);
    expect(first.headers.get('x-run-id')).toBe(second.headers.get('x-run-id'));
    expect(await first.text()).toBe(await second.text());
    expect(gateway.orchestrator.count()).toBe(before + 1);
    const other = await post('/orchestrate/stream', { task: 'other' }, { 'idempotency-key': 'once' });
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: 'conflict', status: 409, detail: expect.any(String) });
  });

  it('continues a cut stream without a gap or a double, wherever it was cut', async () => {
    const whole = await events(await post('/orchestrate/stream', { task: 'play tool', run_id: 'cut' }));
    for (const cursor of whole.flatMap(({ id }, index) => (id === undefined ? [] : [{ id, index }]))) {
      const rest = await get(`/orchestrate/stream?task=play%20tool`, { 'last-event-id': cursor.id });
      if (cursor.index === whole.length - 1) expect(rest.status).toBe(204);
      else expect(await events(rest)).toEqual(whole.slice(cursor.index + 1));
    }
  });
});

describe('GET /ag-ui/events', () => {
  it('speaks the seven types, begins with a cursor, and echoes the session', async () => {
    const response = await get('/ag-ui/events?user_message=play%20tool', { 'x-session-id': 'my session' });
    expect(response.headers.get('x-session-id')).toBe('my session');
    const all = await events(response);
    expect(all[0]?.id).toMatch(/:1$/);
    const types = all.flatMap(({ data }) => (data === undefined ? [] : [(data as { event_type: string }).event_type]));
    expect(types).toEqual(['AGENT_RESPONSE', 'TOOL_CALL_START', 'TOOL_OUTPUT', 'AGENT_RESPONSE']);
  });

  it('starts one run for a client that is left alone: it reconnects, and is told to stop', async () => {
    const before = gateway.orchestrator.starts.length;
    let last = '';
    const statuses: number[] = [];
    for (let connection = 0; connection < 5; connection += 1) {
      const response = await get(
        '/ag-ui/events?user_message=play%20tool',
        last === '' ? {} : { 'last-event-id': last },
      );
      statuses.push(response.status);
      if (response.status === 204) break;
      last = (await events(response)).findLast(({ id }) => id !== undefined)?.id ?? last;
    }
    expect(statuses).toEqual([200, 204]);
    expect(gateway.orchestrator.starts.length).toBe(before + 1);
  });
});

describe('POST /ag-ui', () => {
  const input = (runId: string, task: string, more: object = {}) => ({
    threadId: 't1',
    runId,
    messages: [{ id: 'm1', role: 'user', content: task }],
    tools: [],
    context: [],
    state: {},
    forwardedProps: {},
    ...more,
  });

  it('echoes run and thread, and follows the protocol version', async () => {
    const modern = await events(
      await post('/ag-ui', input('agui-1', 'play tool 2', { protocolVersion: '1.0', unknownField: 1 })),
    );
    expect(modern[0]?.data).toMatchObject({
      type: 'RUN_STARTED',
      threadId: 't1',
      runId: 'agui-1',
      protocolVersion: '1.0',
    });
    expect(modern.at(-1)?.data).toMatchObject({
      type: 'RUN_FINISHED',
      threadId: 't1',
      runId: 'agui-1',
      outcome: { type: 'success' },
    });
    const legacy = await events(await post('/ag-ui', input('agui-2', 'play tool')));
    expect(legacy.some(({ data }) => String((data as { type: string }).type).startsWith('SUBAGENT'))).toBe(false);
  });

  it('attaches the same run id to the same run', async () => {
    const before = gateway.orchestrator.count();
    const first = await (await post('/ag-ui', input('agui-3', 'play success'))).text();
    expect(await (await post('/ag-ui', input('agui-3', 'play success'))).text()).toBe(first);
    expect(gateway.orchestrator.count()).toBe(before + 1);
    expect((await post('/ag-ui', input('agui-3', 'another'))).status).toBe(409);
  });

  it('refuses before any stream what is no RunAgentInput', async () => {
    for (const bad of [
      {},
      input('', 'x'),
      input('r', ''),
      { ...input('r', 'x'), messages: {} },
      { ...input('r', 'x'), forwardedProps: null },
    ]) {
      const response = await post('/ag-ui', bad);
      expect(response.status).toBe(400);
      expect(response.headers.get('content-type')).toContain('application/problem+json');
    }
  });

  it('says what it can', async () => {
    expect(await (await get('/ag-ui/capabilities')).json()).toMatchObject({ transport: { streaming: true } });
  });
});

describe('/runs', () => {
  it('starts without streaming, and attaches in every dialect', async () => {
    const response = await post('/runs', { task: 'play tool', thread_id: 'th' });
    expect(response.status).toBe(202);
    const { run_id: runId, events_url: url, thread_id: thread } = (await response.json()) as Record<string, string>;
    expect([thread, url]).toEqual(['th', `/runs/${runId}/events`]);
    await until(async () => ((await (await get(`/runs/${runId}`)).json()) as { phase: string }).phase === 'ended');
    for (const dialect of ['orchestrate', 'ag-ui', 'legacy', 'raw']) {
      const all = await events(await get(`${url}?dialect=${dialect}`));
      expect(all.at(-1)?.id).toBe(`${runId}:16`);
    }
    expect((await get(`${url}?after=${runId}:16`)).status).toBe(204);
    expect((await get(`${url}?after=16`)).status).toBe(204);
    expect(await (await get(`${url}?after=99`)).json()).toMatchObject({ code: 'invalid_cursor' });
    expect((await get(`${url}?dialect=french`)).status).toBe(400);
  });

  it('follows a run that goes on, from several sockets alike', async () => {
    const { run_id: runId } = (await (await post('/runs', { task: 'play parallel 5' })).json()) as { run_id: string };
    const texts = await Promise.all(Array.from({ length: 5 }, async () => (await get(`/runs/${runId}/events`)).text()));
    expect(new Set(texts).size).toBe(1);
    expect(parseSse(texts[0]!).at(-1)).toMatchObject({ event: 'response.completed' });
  });

  it('cancels, once and again', async () => {
    const stream = post('/orchestrate/stream', { task: 'hang', run_id: 'stuck' });
    await until(async () => (await get('/runs/stuck')).status === 200);
    const first = await post('/runs/stuck/cancel', {});
    expect(first.status).toBe(202);
    expect(await first.json()).toEqual({ run_id: 'stuck', phase: 'ended', accepted: true });
    const again = await fetch(`${gateway.url}/runs/stuck/cancel`, { method: 'POST', headers: alice });
    expect(await again.json()).toMatchObject({ accepted: false });
    expect((await events(await stream)).at(-1)).toMatchObject({
      event: 'response.completed',
      data: { status: 'failed', completion_reason: 'cancelled' },
    });
  });

  it('answers "not yours" and "no such run" alike, everywhere', async () => {
    await post('/orchestrate', { task: 'play success', run_id: 'alices' });
    const bob = { 'x-user-id': 'bob' };
    const stranger = { 'x-user-id': 'alice', 'x-tenant-id': 'elsewhere' };
    for (const headers of [bob, stranger]) {
      for (const path of ['/runs/ID', '/runs/ID/events', '/runs/ID/events?after=1']) {
        const [theirs, none] = await Promise.all([
          get(path.replace('ID', 'alices'), headers),
          get(path.replace('ID', 'nothing'), headers),
        ]);
        expect([theirs.status, await theirs.text()]).toEqual([404, await none.text()]);
      }
      const reconnects = await get('/ag-ui/events', { ...headers, 'last-event-id': 'alices:1' });
      expect(reconnects.status).toBe(404);
      expect((await fetch(`${gateway.url}/runs/alices/cancel`, { method: 'POST', headers })).status).toBe(404);
    }
  });

  it('lists runs and audit records as their service answers', async () => {
    const { runs } = (await (await get('/runs?limit=5')).json()) as { runs: { run_id: string }[] };
    expect(runs.length).toBeGreaterThan(0);
    expect(await (await get('/audit?run_id=x', { 'x-user-role': 'auditor' })).json()).toMatchObject({
      next_cursor: 'next',
      records: [{ runId: 'x' }],
    });
    expect((await get('/audit')).status).toBe(403);
    // Dates that JavaScript or PostgreSQL does not have.
    for (const instant of ['-9007199254740991', '9007199254740991', '-62135596800001'])
      for (const bound of ['since', 'until'])
        expect((await get(`/audit?${bound}=${instant}`, { 'x-user-role': 'auditor' })).status).toBe(400);
    expect((await get('/runs?limit=0')).status).toBe(400);
  });
});

describe('the gateway itself', () => {
  it('serves the very document that is published, to a head that is too large a documented 431', async () => {
    const file = new URL('../../../docs/reference/openapi.json', import.meta.url);
    expect(await (await get('/openapi.json')).json()).toEqual(JSON.parse(await readFile(file, 'utf8')));
    const tooLong = await get(`/tools?tools=${'a'.repeat(17_000)}`);
    expect([tooLong.status, await tooLong.json()]).toMatchObject([431, { code: 'invalid_input' }]);
    const longest = await get(`/orchestrate/stream?task=${'a'.repeat(12_000)}&view=none`);
    expect([longest.status, await longest.json()]).toMatchObject([
      400,
      { details: [expect.stringMatching(/^view: /)] },
    ]);
  });

  it('answers on every route of the table', async () => {
    const { paths } = (await (await get('/openapi.json')).json()) as { paths: object };
    expect(Object.keys(paths)).toEqual([...new Set(HTTP_ROUTES.map(({ path }) => path))]);
    for (const { method, path } of HTTP_ROUTES) {
      const response = await fetch(gateway.url + path.replace('{id}', 'none'), {
        method,
        headers: { ...alice, 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: '[]' } : {}),
      });
      // What the router itself says of a path or a method that nobody serves.
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      const body = isJson ? await response.text() : (await response.body?.cancel(), '');
      expect([method, path, body.includes('There is nothing under this path')]).toEqual([method, path, false]);
    }
  });

  it('serves its page from its own files', async () => {
    expect(await (await get('/docs')).text()).toContain('swagger-ui-bundle.js');
    expect((await get('/docs/swagger-ui-bundle.js')).status).toBe(200);
    for (const path of ['/docs/package.json', '/docs/..%2fpackage.json', '/docs/__proto__'])
      expect((await get(path)).status).toBe(404);
  });

  it('shows defaults without a secret', async () => {
    expect(await (await get('/config')).json()).toEqual({
      controller: { host: 'localhost', port: 5900 },
      worker: { max_steps: 10, enable_reflection: true, engine: 'gpt-4.1-mini' },
      grounding: { base_url: null, api_key: null },
    });
  });

  it('counts what it did', async () => {
    await until(async () => (await (await get('/metrics')).text()).includes('sse_connections{app="gateway"} 0'));
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(
      /^http_request_duration_seconds_count\{(?=.*method="POST")(?=.*route="\/orchestrate\/stream")(?=.*status="200").*\} [1-9]/m,
    );
    const debug = (await (await get('/metrics-debug')).json()) as {
      requests: number;
      errors: number;
      latencies: { p50_ms: number };
    };
    expect(debug.requests).toBeGreaterThan(10);
    expect(debug.latencies.p50_ms).toBeGreaterThan(0);
  });

  it('is alive and ready without an identity', async () => {
    expect(await (await fetch(`${gateway.url}/health`)).json()).toEqual({ status: 'ok' });
    const readiness = await fetch(`${gateway.url}/readiness`);
    expect([readiness.status, await readiness.json()]).toEqual([
      200,
      { status: 'ready', checks: { bus: { ok: true, required: true }, orchestrator: { ok: true, required: true } } },
    ]);
  });

  it('leaves nothing behind when clients go away', async () => {
    const before = gateway.hub.subscriptionCount();
    for (let i = 0; i < 20; i += 1) {
      const response = await post('/orchestrate/stream', { task: 'hang' });
      await readUntil(response, (text) => text.includes('in_progress'));
    }
    await until(() => gateway.hub.subscriptionCount() === before);
    await until(async () => (await (await get('/metrics')).text()).includes('sse_connections{app="gateway"} 0'));
  });
});
