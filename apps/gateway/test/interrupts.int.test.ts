import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HttpAgent as Agent10 } from '@ag-ui/client';
import { HttpAgent as Agent59 } from '@ag-ui/client-0.0.59';
import { until } from '@switchyard/testing';
import { type TestGateway, startTestGateway, parseSse } from './http.ts';

/* Runs that wait for people, seen by the official clients and by the older ones, on two replicas. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({}, { replicas: 2 });
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

interface Interrupt {
  id: string;
  reason: string;
  toolCallId?: string;
}
type Resume = { interruptId: string; status: 'resolved' | 'cancelled'; payload?: unknown }[];
const CLIENTS = [
  { version: '1.0.0', Agent: Agent10 as unknown as typeof Agent59 },
  { version: '0.0.59', Agent: Agent59 },
];
const json = { 'x-user-id': 'alice', 'content-type': 'application/json' };
const APPROVED = { approved: true };

describe.each(CLIENTS)('@ag-ui/client $version', ({ version, Agent }) => {
  let count = 0;
  const id = (name: string) => `${name}-${version.replaceAll('.', '-')}-${(count += 1)}`;
  const agentOn = (replica: number, threadId: string, task: string | null) =>
    new Agent({
      url: `${gateway.urls[replica]}/ag-ui`,
      headers: { 'X-User-Id': 'alice' },
      threadId,
      initialMessages: task === null ? [] : [{ id: 'user-1', role: 'user', content: task }],
    });
  async function run(agent: InstanceType<typeof Agent59>, runId: string, resume?: Resume) {
    const events: { type: string; runId?: string; outcome?: { type: string; interrupts?: Interrupt[] } }[] = [];
    const failure = await agent
      .runAgent({ runId, ...(resume === undefined ? {} : { resume }) } as never, {
        onEvent: ({ event }) => void events.push(event as never),
      })
      .then(
        () => null,
        (error: unknown) => error as Error,
      );
    const last = events.at(-1);
    const interrupts = last?.outcome?.type === 'interrupt' ? (last.outcome.interrupts ?? []) : [];
    return { events, types: events.map(({ type }) => type), failure, interrupts, last };
  }
  const given = (runId: string) => gateway.orchestrator.decisions.filter((decision) => decision.runId === runId);

  it('ends with an interrupt, is resumed on another replica, and acts once', async () => {
    const [threadId, runId] = [id('thread'), id('run')];
    const agent = agentOn(0, threadId, 'play approval');
    const paused = await run(agent, runId);
    expect(paused.failure).toBeNull();
    expect(paused.interrupts).toMatchObject([
      { id: `${runId}:ask-step-mcp-001`, reason: 'tool_call', toolCallId: `${runId}-step-mcp-001` },
    ]);
    expect(paused.types.indexOf('TOOL_CALL_START')).toBeGreaterThan(0);
    expect(paused.types.slice(-2)).toEqual(['MESSAGES_SNAPSHOT', 'RUN_FINISHED']);

    agent.url = `${gateway.urls[1]}/ag-ui`;
    const answer: Resume = [
      {
        interruptId: paused.interrupts[0]!.id,
        status: 'resolved',
        payload: { approved: true, editedArgs: { title: 'x' } },
      },
    ];
    const again = id('resumed');
    const resumed = await run(agent, again, answer);
    expect(resumed.failure).toBeNull();
    expect(resumed.events[0]).toMatchObject({ type: 'RUN_STARTED', runId: again });
    expect(resumed.last).toMatchObject({ type: 'RUN_FINISHED', runId: again });
    expect(resumed.types).not.toContain('TOOL_CALL_START');
    expect(resumed.types).toContain('TOOL_CALL_RESULT');
    expect(agent.messages.at(-1)).toMatchObject({ role: 'assistant', content: 'It is gone.' });
    expect(given(runId)).toMatchObject([{ answer: { decision: 'approve', arguments: { title: 'x' } } }]);

    // The same resume again: shown again, done once.
    const fresh = agentOn(0, threadId, null);
    const replayed = await run(fresh, again, answer);
    expect(replayed.types.at(-1)).toBe('RUN_FINISHED');
    expect(fresh.messages.at(-1)).toMatchObject({ content: 'It is gone.' });
    expect(given(runId)).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('asks a client that starts empty again, and takes its answer', async () => {
    const [threadId, runId] = [id('thread'), id('run')];
    const first = await run(agentOn(0, threadId, 'play question'), runId);
    expect(first.interrupts).toMatchObject([{ reason: 'input_required' }]);
    const starts = gateway.orchestrator.count();
    const fresh = agentOn(1, threadId, 'Hello?');
    const raised = await run(fresh, id('other'));
    expect(raised.interrupts).toEqual(first.interrupts);
    expect(gateway.orchestrator.count()).toBe(starts);
    const resumed = await run(fresh, id('resumed'), [
      { interruptId: raised.interrupts[0]!.id, status: 'resolved', payload: { text: 'Rome' } },
    ]);
    expect(resumed.last).toMatchObject({ type: 'RUN_FINISHED' });
    expect(given(runId)).toMatchObject([{ answer: { decision: 'answer', text: 'Rome' } }]);
    expect(fresh.messages.at(-1)).toMatchObject({ content: 'It rains in Paris.' });
    expect(warnings).toEqual([]);
  });

  it('has one interrupt for each of several questions, and comes back with those that are left', async () => {
    const [threadId, runId] = [id('thread'), id('run')];
    const paused = await run(agentOn(0, threadId, 'play approvals'), runId);
    expect(paused.interrupts.map(({ id: one }) => one)).toEqual([
      `${runId}:ask-step-mcp-001`,
      `${runId}:ask-step-mcp-002`,
    ]);
    const half = await run(agentOn(1, threadId, null), id('half'), [
      { interruptId: paused.interrupts[0]!.id, status: 'resolved', payload: APPROVED },
    ]);
    expect(half.interrupts.map(({ id: one }) => one)).toEqual([`${runId}:ask-step-mcp-002`]);
    const rest = await run(agentOn(0, threadId, null), id('rest'), [
      { interruptId: half.interrupts[0]!.id, status: 'cancelled' },
    ]);
    expect(rest.last).toMatchObject({ type: 'RUN_FINISHED' });
    expect(given(runId).map(({ answer }) => answer.decision)).toEqual(['approve', 'deny']);
    expect(warnings).toEqual([]);
  });
});

describe('resume', () => {
  const input = (threadId: string, runId: string, more: object) =>
    JSON.stringify({ threadId, runId, messages: [{ id: 'm', role: 'user', content: 'play approval' }], ...more });
  const post = (body: string, headers: Record<string, string> = json) =>
    fetch(`${gateway.url}/ag-ui`, { method: 'POST', headers, body });

  it('refuses, before any stream, what answers nothing of this caller and thread', async () => {
    await (await post(input('rt', 'rr', {}))).text();
    const entry = (interruptId: string, payload: unknown = APPROVED) => ({
      resume: [{ interruptId, status: 'resolved', payload }],
    });
    const cases: [string, object, number][] = [
      ['rt', entry('nonsense'), 400],
      ['rt', entry('rr:ask-nothing'), 404],
      ['rt', entry('none:ask-step-mcp-001'), 404],
      ['other-thread', entry('rr:ask-step-mcp-001'), 404],
      ['rt', entry('rr:ask-step-mcp-001', null), 400],
      ['rt', entry('rr:ask-step-mcp-001', { text: 'maybe' }), 400],
    ];
    for (const [thread, more, status] of cases) expect((await post(input(thread, 'rx', more))).status).toBe(status);
    const bob = { ...json, 'x-user-id': 'bob' };
    expect((await post(input('rt', 'rx', entry('rr:ask-step-mcp-001')), bob)).status).toBe(404);
    expect(gateway.orchestrator.decisions.filter(({ runId }) => runId === 'rr')).toEqual([]);
  });

  it('refuses another run of a thread whose run is at work, and names that run', async () => {
    const at = post(input('bt', 'br', { messages: [{ id: 'm', role: 'user', content: 'hang' }] }));
    await until(async () => (await fetch(`${gateway.url}/runs/br`, { headers: json })).status === 200);
    const busy = await post(input('bt', 'bx', {}));
    expect([busy.status, await busy.json()]).toMatchObject([409, { code: 'thread_busy', run_id: 'br' }]);
    await fetch(`${gateway.url}/runs/br/cancel`, { method: 'POST', headers: { 'x-user-id': 'alice' } });
    await (await at).text();
  });
});

describe('the other forms', () => {
  const decide = (runId: string, body: object) =>
    fetch(`${gateway.urls[1]}/runs/${runId}/approvals/ask-step-mcp-001`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify(body),
    });

  it('keep a named stream open while the run waits', async () => {
    const response = await fetch(`${gateway.url}/orchestrate/stream?task=play%20approval&run_id=named`, {
      headers: json,
    });
    const text = response.text();
    await until(async () => {
      const run = (await (await fetch(`${gateway.url}/runs/named`, { headers: json })).json()) as { phase: string };
      return run.phase === 'waiting';
    });
    const run = await (await fetch(`${gateway.url}/runs/named`, { headers: json })).json();
    expect(run).toMatchObject({ approvals: [{ approval_id: 'ask-step-mcp-001', tool: 'delete_note' }] });
    expect((await decide('named', { decision: 'approve' })).status).toBe(202);
    const names = parseSse(await text).map(({ event }) => event);
    expect(names).toEqual(expect.arrayContaining(['orchestrator.approval.requested', 'orchestrator.approval.decided']));
    expect(names.at(-1)).toBe('response.completed');
  });

  it('answer a blocking request with what the run waits for, and later with its result', async () => {
    const ask = () =>
      fetch(`${gateway.url}/orchestrate`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ task: 'play approval', run_id: 'blocking' }),
      });
    const waiting = await ask();
    expect([waiting.status, await waiting.json()]).toMatchObject([
      202,
      { run_id: 'blocking', status: 'waiting', approvals: [{ kind: 'approval' }], events_url: '/runs/blocking/events' },
    ]);
    await decide('blocking', { decision: 'approve' });
    await until(async () => (await ask()).status === 200);
  });

  it('ask in words in a session, end there, and take the next turn as the answer', async () => {
    const turn = async (message: string, more: Record<string, string> = {}, replica = 0) => {
      const url = `${gateway.urls[replica]}/ag-ui/events?user_message=${encodeURIComponent(message)}`;
      const response = await fetch(url, { headers: { 'x-user-id': 'alice', 'x-session-id': 's1', ...more } });
      return { status: response.status, frames: parseSse(await response.text()) };
    };
    const words = (frames: { data?: unknown }[]) =>
      frames.flatMap(({ data }) => (data === undefined ? [] : [(data as { message?: string }).message]));
    const asked = await turn('play question');
    expect(words(asked.frames)).toEqual(['Which city?']);
    const last = asked.frames.findLast(({ id }) => id !== undefined)!.id!;
    expect((await turn('play question', { 'last-event-id': last })).status).toBe(204);
    expect(words((await turn('Oslo', {}, 1)).frames)).toEqual(['It rains in Paris.']);
    expect(gateway.orchestrator.decisions.at(-1)?.answer).toEqual({ decision: 'answer', text: 'Oslo' });

    expect(words((await turn('play approval')).frames).at(-1)).toContain('May delete_note be called?');
    expect(words((await turn('what?')).frames)).toEqual(['May delete_note be called? (answer "approve" or "deny")']);
    expect(words((await turn('Yes')).frames).at(-1)).toBe('It is gone.');
    expect(gateway.orchestrator.decisions.at(-1)?.answer).toEqual({ decision: 'approve' });
  });
});
