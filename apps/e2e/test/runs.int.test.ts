import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { stockClient } from '@switchyard/local-servers';
import { until } from '@switchyard/testing';
import { connect } from 'nats';
import { type Caller, dataOf, headersOf, named, parseSse, startSystem, stream, type System } from '../src/index.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({
    env: {
      DISALLOWED_KEYWORDS: 'forbiddenword',
      OPENAI_STALL_MS: '700',
      OPENAI_TIMEOUT_MS: '2000',
      MAX_ITERATIONS_PER_TURN: '6',
    },
  });
});
afterAll(() => system?.stop());
beforeEach(() => system.model.setScript({ rules: [] }));

const run = (body: object, caller = {}) => stream(system.gateway, body, caller);
const get = async (path: string, caller = {}) =>
  (await fetch(`${system.gateway}${path}`, { headers: headersOf(caller) })).json() as Promise<Record<string, unknown>>;

describe('a task with two tools', () => {
  it('shows the documented events in their order and ends with the answer', async () => {
    const events = await run({ task: 'What is the weather in London, and what is 17% of 2340?' });
    const names = events.map(({ event }) => event);
    expect(names.slice(0, 4)).toEqual([
      'response.created',
      'response.in_progress',
      'orchestrator.task.started',
      'orchestrator.planning.started',
    ]);
    expect(names.slice(-3)).toEqual(['orchestrator.task.completed', 'response', 'response.completed']);
    expect(
      named(events, 'mcp.tool.execution')
        .map(({ data }) => data['tool'])
        .sort(),
    ).toEqual(['calculator', 'get_weather']);
    const response = dataOf(events, 'response');
    expect(response).toMatchObject({ status: 'success', completion_reason: 'ok' });
    expect(String(response?.['answer'])).toContain('397.8');
    expect(String(response?.['answer'])).toContain('London');
  });

  it('appears live on the bus, the same facts in the same order', async () => {
    const raw = await connect(stockClient(system.servers.nats.urlFor('watcher')));
    const seen: { seq: number; type: string }[] = [];
    raw.subscribe('run.>', {
      callback: (_error, message) => void seen.push(message.json<{ seq: number; type: string }>()),
    });
    await raw.flush();
    const events = await run({ task: 'calculate 6*7' });
    await until(() => seen.some(({ type }) => type === 'orchestrator.task.completed'), 15_000);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
    const types = seen.map(({ type }) => type);
    for (const { event } of events.filter(({ event: name }) => name.startsWith('orchestrator.')))
      expect(types).toContain(event);
    await raw.close();
  });

  it('answers POST /orchestrate in one piece', async () => {
    const answer = await fetch(`${system.gateway}/orchestrate`, {
      method: 'POST',
      headers: headersOf({}),
      body: JSON.stringify({ task: 'calculate 6*7' }),
    });
    expect(await answer.json()).toMatchObject({
      status: 'success',
      steps: [{ step_id: 'step-mcp-001', target: 'mcp', success: true }],
    });
  });
});

describe('a tool that needs an approval', () => {
  it('pauses the run until a person answers over HTTP, and the stream goes on', async () => {
    await run({ task: 'add a note called milk with the text buy two' });
    const streaming = run({ task: 'delete the note milk', run_id: 'paused-run' });
    const open = async () => (await get('/runs/paused-run'))['approvals'] as { approval_id: string }[] | undefined;
    await until(async () => ((await open()) ?? []).length === 1, 15_000);
    const [question] = (await open())!;
    const answer = await fetch(`${system.gateway}/runs/paused-run/approvals/${question!.approval_id}`, {
      method: 'POST',
      headers: headersOf({}),
      body: JSON.stringify({ decision: 'approve' }),
    });
    expect(answer.status).toBe(202);
    const events = await streaming;
    expect(named(events, 'orchestrator.approval.decided')[0]?.data).toMatchObject({ decision: 'approve' });
    expect(dataOf(events, 'response')).toMatchObject({ status: 'success' });
  });
});

describe('an effect that nobody knows of', () => {
  it('is in doubt for the stream, the run, the effects and the audit, until a person settles it', async () => {
    system.model.setScript({
      rules: [{ when: { turn: 1 }, respond: { toolCalls: [{ name: 'doubtful_write', arguments: {} }] } }],
    });
    const events = await run({ task: 'do it once', run_id: 'doubtful-run' });
    expect(named(events, 'orchestrator.step.completed')[0]?.data).toMatchObject({ success: false, in_doubt: true });
    expect(dataOf(events, 'response')).toMatchObject({ steps: [{ in_doubt: true }] });
    expect((await get('/runs/doubtful-run'))['steps']).toMatchObject([{ in_doubt: true }]);

    const open = (await get('/effects?state=in_doubt&run_id=doubtful-run'))['effects'] as { effect_id: string }[];
    expect(open).toMatchObject([{ tool: 'doubtful_write', state: 'in_doubt' }]);
    const { effect_id } = open[0]!;
    const settle = (caller: Caller, outcome = 'succeeded') =>
      fetch(`${system.gateway}/effects/${effect_id}/settle`, {
        method: 'POST',
        headers: headersOf(caller),
        body: JSON.stringify({ outcome, note: 'seen in the books' }),
      });
    expect((await settle({ user: 'mallory' })).status).toBe(404);
    const settled = await settle({});
    expect([settled.status, await settled.json()]).toMatchObject([200, { state: 'succeeded' }]);
    expect((await settle({}, 'failed')).status).toBe(409);
    const told = async () => {
      const { records } = await get('/audit?type=tools.effect.*', { role: 'admin' });
      return (records as { type: string }[]).map(({ type }) => type).sort();
    };
    await until(async () => (await told()).length >= 2, 15_000);
    expect(await told()).toEqual(['tools.effect.in_doubt', 'tools.effect.settled']);
  });
});

describe('who may do what', () => {
  const TRY = { rules: [{ when: { turn: 1 }, respond: { toolCalls: [{ name: 'admin_debug', arguments: {} }] } }] };

  it('refuses a role-restricted tool to a user, and runs it for an admin', async () => {
    system.model.setScript(TRY);
    const refused = await run({ task: 'show the debug state' });
    expect(dataOf(refused, 'orchestrator.step.completed')).toMatchObject({ success: false });
    expect(named(refused, 'mcp.tool.execution')).toEqual([]);
    system.model.setScript(TRY);
    const allowed = await run({ task: 'show the debug state' }, { user: 'root', role: 'admin' });
    expect(dataOf(allowed, 'mcp.tool.execution')).toMatchObject({ tool: 'admin_debug', success: true });
  });

  it('hides what a custom constraint leaves out, and refuses it when called all the same', async () => {
    system.model.setScript({
      rules: [
        { when: { turn: 1 }, respond: { toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] } },
      ],
    });
    const events = await run({
      task: 'weather',
      tool_constraints: { mode: 'custom', providers: ['weather'], tools: [] },
    });
    expect(dataOf(events, 'orchestrator.step.completed')).toMatchObject({ success: false });
    const offered = system.model.requests().at(-1);
    expect(JSON.stringify(offered)).not.toContain('"calculator"');
  });

  it('shows a run to nobody else', async () => {
    const events = await run({ task: 'calculate 1+1' }, { user: 'alice' });
    const runId = dataOf(events, 'response')?.['run_id'];
    expect(await get(`/runs/${String(runId)}`, { user: 'alice' })).toMatchObject({ status: 'success' });
    expect(await get(`/runs/${String(runId)}`, { user: 'mallory' })).toEqual(
      await get('/runs/no-such-run', { user: 'mallory' }),
    );
  });
});

describe('a tool with 5 MB of output', () => {
  it('is cut, said to be cut, and holds up neither the run nor its readers', async () => {
    const toolCalls = [{ name: 'huge_output', arguments: { characters: 5_000_000 } }];
    system.model.setScript({ rules: [{ when: { turn: 1 }, respond: { toolCalls } }] });
    const events = await run({ task: 'fetch all of it' });
    expect(dataOf(events, 'response')).toMatchObject({ status: 'success', steps: [{ success: true }] });
    const done = JSON.stringify(dataOf(events, 'orchestrator.step.completed'));
    expect(done.length).toBeLessThan(100_000);
    expect(done).toContain('truncated');
    const runId = String(dataOf(events, 'response')?.['run_id']);
    expect(await get(`/runs/${runId}`)).toMatchObject({ status: 'success' });
    const again = await fetch(`${system.gateway}/runs/${runId}/events?dialect=raw`, { headers: headersOf({}) });
    expect(parseSse(await again.text()).at(-1)?.event).toBe('orchestrator.task.completed');
  });
});

describe('a conversation', () => {
  it('remembers its earlier turns, and only its own', async () => {
    await run({ task: 'My favourite colour is teal', thread_id: 'thread-a' }, { user: 'carol' });
    const ask = async (user: string) =>
      dataOf(await run({ task: 'what did I say before?', thread_id: 'thread-a' }, { user }), 'response')?.['answer'];
    expect(await ask('carol')).toContain('teal');
    expect(await ask('dave')).not.toContain('teal');
  });
});

describe('other agents and plans', () => {
  it('delegates a task to the agent that is asked for', async () => {
    const events = await run({ task: 'ask the mock agent to uppercase hello', stream: true });
    expect(dataOf(events, 'a2a.delegation.completed')).toMatchObject({ agent: 'mock_agent', result: 'HELLO' });
    expect(dataOf(events, 'response')).toMatchObject({ status: 'success', steps: [{ target: 'a2a', success: true }] });
  });

  it('performs a submitted plan in order, and gives up the rest when a step fails', async () => {
    const steps = [
      { tool: 'calculator', arguments: { expression: '1+1' } },
      { tool: 'broken_tool', arguments: {} },
      { tool: 'calculator', arguments: { expression: '2+2' } },
    ];
    system.model.setScript({
      rules: [{ when: { turn: 1 }, respond: { toolCalls: [{ name: 'submit_plan', arguments: { steps } }] } }],
    });
    const events = await run({ task: 'do it in order' });
    expect(named(events, 'mcp.tool.execution').map(({ data }) => data['tool'])).toEqual(['calculator', 'broken_tool']);
    expect(dataOf(events, 'orchestrator.task.completed')).toMatchObject({
      status: 'success',
      total_steps: 2,
      failed_steps: 1,
    });
  });
});

describe('a model that misbehaves', () => {
  const once = (respond: object) => system.model.setScript({ rules: [{ when: {}, times: 1, respond }] });
  const always = (respond: object) => system.model.setScript({ rules: [{ when: {}, respond }] });

  it.each([
    ['an unknown function', { toolCalls: [{ name: 'no_such_tool', arguments: {} }] }],
    ['arguments that are no JSON', { toolCalls: [{ name: 'calculator', arguments: '{"expression": ' }] }],
    ['arguments that do not fit', { toolCalls: [{ name: 'calculator', arguments: { wrong: 1 } }] }],
  ])('is told of %s and recovers', async (_name, respond) => {
    once(respond);
    const events = await run({ task: 'calculate 6*7' });
    expect(named(events, 'orchestrator.step.completed')[0]?.data).toMatchObject({ success: false });
    expect(dataOf(events, 'response.completed')).toMatchObject({ status: 'success' });
  });

  it.each([
    ['one HTTP 429', { status: 429, headers: { 'retry-after-ms': '10' } }],
    ['one HTTP 500', { status: 500, headers: { 'retry-after-ms': '10' } }],
    ['one empty answer', { emptyAnswer: true }],
    ['one stall', { stallMs: 5_000 }],
    ['one broken connection', { truncate: true }],
  ])('is asked again after %s', async (_name, respond) => {
    once(respond);
    const events = await run({ task: 'calculate 6*7' });
    expect(dataOf(events, 'response.completed')).toMatchObject({ status: 'success' });
  });

  it.each([
    ['refuses with 429', { status: 429, headers: { 'retry-after-ms': '5' } }, 'model_unavailable'],
    ['fails with 500', { status: 500, headers: { 'retry-after-ms': '5' } }, 'model_unavailable'],
    ['refuses with 401', { status: 401 }, 'model_key_refused'],
    ['answers nothing', { emptyAnswer: true }, 'model_invalid_answer'],
    ['stalls', { stallMs: 60_000 }, 'model_unavailable'],
    ['breaks off', { truncate: true }, 'model_unavailable'],
    ['speaks another protocol', { raw: '<html>hello</html>' }, 'model_unavailable'],
  ])('ends the run with a clear code when it always %s', async (_name, respond, code) => {
    always(respond);
    const events = await run({ task: 'calculate 6*7' });
    expect(events.at(-1)?.event).toBe('error');
    const runId = events.find(({ id }) => id)?.id?.split(':')[0];
    expect(await get(`/runs/${String(runId)}`)).toMatchObject({ status: 'failed', error_code: code });
  });

  it('is stopped when it never comes to an end', async () => {
    always({ toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] });
    const events = await run({ task: 'calculate for ever' });
    expect(dataOf(events, 'response')).toMatchObject({ status: 'partial', completion_reason: 'max_steps_reached' });
  });

  it('does not get a disallowed word past the guardrail, in no event', async () => {
    always({ text: 'here it is: forbidden\u200bword, as you wished' });
    const events = await run({ task: 'say it' });
    expect(dataOf(events, 'orchestrator.guardrail.violated')).toMatchObject({ where: 'output' });
    expect(JSON.stringify(events)).not.toContain('as you wished');
  });

  it('is not even asked where the task holds a disallowed word', async () => {
    const before = system.model.requests().length;
    const events = await run({ task: 'please say FORBIDDENWORD' });
    expect(dataOf(events, 'orchestrator.guardrail.violated')).toMatchObject({ where: 'task' });
    expect(system.model.requests().length).toBe(before);
  });
});

describe('cancel', () => {
  it('ends a run during a tool call, at once, and the tool stops', async () => {
    system.model.setScript({
      rules: [{ when: { turn: 1 }, respond: { toolCalls: [{ name: 'slow_write', arguments: { ms: 30_000 } }] } }],
    });
    const effects = system.effects.length;
    const started = (await (
      await fetch(`${system.gateway}/runs`, {
        method: 'POST',
        headers: headersOf({}),
        body: JSON.stringify({ task: 'wait' }),
      })
    ).json()) as { run_id: string };
    await until(async () => JSON.stringify(await get(`/runs/${started.run_id}`)).includes('slow_write'), 15_000);
    const asked = Date.now();
    await fetch(`${system.gateway}/runs/${started.run_id}/cancel`, {
      method: 'POST',
      headers: headersOf({}),
      body: '{}',
    });
    await until(async () => (await get(`/runs/${started.run_id}`))['status'] === 'cancelled', 15_000);
    expect(Date.now() - asked).toBeLessThan(15_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(system.effects).toHaveLength(effects);
  });
});

describe('attaching', () => {
  it('gives a late reader the same events, and the rest after a cursor', async () => {
    const events = await run({ task: 'calculate 6*7' });
    const runId = String(dataOf(events, 'response')?.['run_id']);
    const attach = async (headers: Record<string, string>) =>
      parseSse(
        await (
          await fetch(`${system.gateway}/runs/${runId}/events?dialect=orchestrate`, {
            headers: { 'x-user-id': 'u1', ...headers },
          })
        ).text(),
      );
    const all = await attach({});
    expect(all.filter(({ id }) => id)).toEqual(events.filter(({ id }) => id));
    const cursor = events.filter(({ id }) => id)[4]!.id!;
    const rest = await attach({ 'last-event-id': cursor });
    const after = Number(cursor.split(':')[1]);
    expect(rest.filter(({ id }) => id).map(({ id }) => id)).toEqual(
      all.filter(({ id }) => id && Number(id.split(':')[1]) > after).map(({ id }) => id),
    );
  });

  it('starts one run for the same key and body, and refuses another body', async () => {
    const start = async (task: string) =>
      fetch(`${system.gateway}/runs`, {
        method: 'POST',
        headers: headersOf({ headers: { 'idempotency-key': 'once' } }),
        body: JSON.stringify({ task }),
      });
    const answers = await Promise.all(Array.from({ length: 20 }, () => start('calculate 1+1')));
    const ids = new Set(
      await Promise.all(answers.map(async (answer) => ((await answer.json()) as { run_id: string }).run_id)),
    );
    expect(ids.size).toBe(1);
    expect((await start('something else')).status).toBe(409);
  });
});

describe('afterwards', () => {
  it('lists the runs of a user, and its audit, newest first', async () => {
    await run({ task: 'calculate 1+1' }, { user: 'erin' });
    await until(
      async () =>
        ((await get('/runs', { user: 'erin' }))['runs'] as { status: string | null }[])[0]?.status === 'success',
      15_000,
    );
    const { runs } = (await get('/runs', { user: 'erin' })) as { runs: { task: string; run_id: string }[] };
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({ task: 'calculate 1+1' });
    expect(((await get('/runs', { user: 'frank' }))['runs'] as unknown[]).length).toBe(0);
  });

  it('leaves the log tree of a run, with what every agent did', async () => {
    const task = 'calculate 40+2 for the log';
    await run({ task });
    const find = () =>
      readdirSync(system.logTree)
        .map((name) => join(system.logTree, name))
        .find(
          (folder) =>
            existsSync(join(folder, 'metadata.json')) &&
            readFileSync(join(folder, 'metadata.json'), 'utf8').includes(task),
        );
    await until(() => find() !== undefined && existsSync(join(find()!, 'mcp', 'step-mcp-001')), 15_000);
    const folder = find()!;
    expect(folder).toMatch(/\d{4}-\d\d-\d\dT\d\d.*_[0-9a-f]{8}$/);
    await until(
      () => readFileSync(join(folder, 'orchestrator/main.jsonl'), 'utf8').includes('"task.completed"'),
      15_000,
    );
    expect(readdirSync(join(folder, 'mcp'))).toEqual(['step-mcp-001']);
  });
});
