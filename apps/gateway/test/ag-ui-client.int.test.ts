import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { HttpAgent as Agent10 } from '@ag-ui/client';
import { HttpAgent as Agent59 } from '@ag-ui/client-0.0.59';
import type { LiveDelta, RunEvent } from '@switchyard/contracts';
import { agUiDialect } from '../src/dialects/ag-ui.ts';
import type { DialectContext } from '../src/dialects/dialect.ts';
import { createProjection, type Projection } from '../src/dialects/projection.ts';
import { deltas, ended, journal, type Scenario, scenario, SCENARIO_NAMES } from './scenarios.ts';

/* The official clients read what the projection writes; a warning of theirs is a failure of ours. */

interface Input {
  threadId: string;
  runId: string;
  protocolVersion?: string;
  messages: { id: string; role: string }[];
}
type Item = { event: RunEvent } | { delta: LiveDelta };
type Message = { id: string; role: string; content?: string; toolCalls?: unknown[]; activityType?: string };

/** A call without where its event came from. */
function callOf(call: unknown): unknown {
  const { id, function: called } = call as { id: string; function: unknown };
  return { id, called };
}

/** However a run is ended in the middle. */
const CLOSURES = [
  ended('failed', [0, 0, 0], null, ['The run was given up.', 'poisoned']),
  ended('cancelled', [0, 0, 0], null, ['The run was cancelled.', 'cancelled']),
  ended('partial', [0, 0, 0], 'What is known.'),
];

/** What the server of the next request writes. */
let write: (input: Input) => string;
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      response.end(write(JSON.parse(body) as Input));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ag-ui`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

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

function contextOf(input: Input): DialectContext {
  return {
    runId: input.runId,
    threadId: input.threadId,
    view: 'default',
    profile: input.protocolVersion === undefined ? 'legacy' : '1.0',
    messages: input.messages,
  };
}

function stream(items: readonly Item[], after = 0): (input: Input) => string {
  return (input) => {
    const projection = createProjection(agUiDialect, contextOf(input), { after, snapshot: true });
    return items
      .map((item) => ('event' in item ? projection.event(item.event) : projection.delta(item.delta)))
      .join(': ka\n\n');
  };
}

const CLIENTS = [
  { version: '1.0.0', Agent: Agent10 as unknown as typeof Agent59 },
  { version: '0.0.59', Agent: Agent59 },
];

describe.each(CLIENTS)('@ag-ui/client $version', ({ version, Agent }) => {
  async function consume(items: readonly Item[], after = 0) {
    write = stream(items, after);
    const agent = new Agent({
      url,
      threadId: 'thread-1',
      initialMessages: [{ id: 'user-1', role: 'user', content: 'Go' }],
    });
    const types: string[] = [];
    const subscriber = { onEvent: ({ event }: { event: { type: string } }) => void types.push(event.type) };
    const failure = await agent.runAgent({ runId: 'run-1' }, subscriber).then(
      () => null,
      (error: unknown) => error as Error,
    );
    return { types, messages: agent.messages as Message[], failure };
  }
  const whole = (name: Scenario): Item[] => scenario(name).map((event) => ({ event }));

  it.each(SCENARIO_NAMES)('takes this run without a warning: %s', async (name) => {
    const { types, failure } = await consume(whole(name));
    const failed = name === 'failure' || name === 'guardrail' || (name.startsWith('cancel') && version !== '1.0.0');
    expect(types[0]).toBe('RUN_STARTED');
    // A run that waited for people is several AG-UI runs, one after the other.
    const pauses = { approval: 1, approvals: 2, question: 1, 'cancelled-while-asked': 1 }[name as string] ?? 0;
    expect(types.filter((type) => type === 'RUN_STARTED')).toHaveLength(pauses + 1);
    expect(types.filter((type) => type === 'RUN_FINISHED' || type === 'RUN_ERROR')).toEqual([
      ...Array.from({ length: pauses }, () => 'RUN_FINISHED'),
      failed ? 'RUN_ERROR' : 'RUN_FINISHED',
    ]);
    expect(types.at(-1)).toMatch(/^RUN_(FINISHED|ERROR)$/);
    if (!failed) expect(failure).toBeNull();
    expect(warnings).toEqual([]);
  });

  it('ends with the conversation of the run: remark with its tool call, result, answer', async () => {
    const { messages } = await consume(whole('tool'));
    expect(
      messages.filter(({ role }) => role !== 'activity').map(({ id, role, content }) => [id, role, content]),
    ).toEqual([
      ['user-1', 'user', 'Go'],
      ['run-1-msg-remark', 'assistant', 'Let me look.'],
      ['run-1-step-mcp-001-result', 'tool', '{"temperature":15}'],
      ['run-1-msg-answer', 'assistant', 'It is 15 °C in London.'],
    ]);
    expect(messages.find(({ id }) => id === 'run-1-msg-remark')?.toolCalls).toHaveLength(1);
    expect(messages.find(({ role }) => role === 'activity')).toMatchObject({
      activityType: 'PLAN',
      content: { steps: [{ step_id: 'step-mcp-001', status: 'completed' }] },
    });
  });

  it('shows live text once, whatever was lost of it', async () => {
    const events = scenario('tool');
    const text = 'It is 15 °C in London.';
    const said = deltas('run-1', 'msg-answer', 2, text);
    const speaking = events.findIndex((event) => event.type === 'orchestrator.planning.started' && event.seq > 3) + 1;
    const variants: LiveDelta[][] = [
      said,
      said.slice(0, 2),
      said.slice(1),
      [said[0]!, said[2]!, said[3]!],
      [said[0]!, said[0]!, said[1]!],
    ];
    for (const pieces of variants) {
      const items: Item[] = [
        ...events.slice(0, speaking).map((event) => ({ event })),
        ...pieces.map((delta) => ({ delta })),
        ...events.slice(speaking).map((event) => ({ event })),
        ...pieces.map((delta) => ({ delta })),
      ];
      const { messages, failure } = await consume(items);
      expect(failure).toBeNull();
      expect(messages.filter(({ id }) => id === 'run-1-msg-answer')).toEqual([
        { id: 'run-1-msg-answer', role: 'assistant', content: text, ...META(version, messages) },
      ]);
    }
    expect(warnings).toEqual([]);
  });

  it('holds each call, result and text once, whatever copies the client sends along', async () => {
    const events = whole('approvals');
    const { messages: before } = await consume(events);
    for (let after = 1; after < events.length; after += 1) {
      write = stream(events, after);
      const agent = new Agent({ url, threadId: 'thread-1', initialMessages: before as never });
      await agent.runAgent({ runId: 'run-1' });
      const messages = agent.messages as Message[];
      const spoken = messages.filter(({ role }) => role !== 'activity');
      expect(spoken.map(({ id, role, content }) => [id, role, content])).toEqual(
        before.filter(({ role }) => role !== 'activity').map(({ id, role, content }) => [id, role, content]),
      );
      const calls = spoken.flatMap(({ toolCalls }) => (toolCalls ?? []) as { id: string }[]).map(({ id }) => id);
      expect(calls).toEqual([1, 2, 3].map((step) => `run-1-step-mcp-00${step}`));
    }
    expect(warnings).toEqual([]);
  });

  it('puts right a text that was shown otherwise than it was said', async () => {
    const events = scenario('success');
    const wrong = deltas('run-1', 'msg-answer', 1, 'Good bye');
    const items: Item[] = [
      ...events.slice(0, 3).map((event) => ({ event })),
      ...wrong.map((delta) => ({ delta })),
      ...events.slice(3).map((event) => ({ event })),
    ];
    const { messages, failure } = await consume(items);
    expect(failure).toBeNull();
    expect(messages.map(({ id, content }) => [id, content])).toEqual([
      ['user-1', 'Go'],
      ['run-1-msg-answer', 'Hello there.'],
    ]);
    expect(warnings).toEqual([]);
  });

  it.each(SCENARIO_NAMES)(
    'gives a client that starts empty the same conversation, at every place: %s',
    async (name) => {
      const events = whole(name);
      const { messages: expected } = await consume(events);
      const spoken = (all: Message[]) =>
        all
          .filter(({ role }) => role !== 'activity')
          .map(({ id, role, content, toolCalls }) => ({ id, role, content, calls: (toolCalls ?? []).map(callOf) }));
      const plans = (all: Message[]) =>
        all.filter(({ role }) => role === 'activity').map(({ id, content }) => [id, content]);
      for (let after = 1; after < events.length; after += 1) {
        const { messages, types } = await consume(events, after);
        expect(types.slice(0, 2)).toEqual(['RUN_STARTED', 'MESSAGES_SNAPSHOT']);
        expect(spoken(messages)).toEqual(spoken(expected));
        expect(plans(messages)).toEqual(plans(expected));
      }
      expect(warnings).toEqual([]);
    },
  );

  it.each(SCENARIO_NAMES)('takes every beginning of a run with any end: %s', async (name) => {
    const events = scenario(name);
    const closures = (at: number): ((projection: Projection) => string)[] => [
      (projection) => projection.interrupt({ code: 'unavailable', message: 'Gone.' }),
      ...CLOSURES.map((draft) => (projection: Projection) => {
        const [closing] = journal('run-1', [draft]);
        return projection.event({ ...closing!, seq: at + 1 });
      }),
    ];
    for (let length = 1; length < events.length; length += 1) {
      const [interrupted, ...ended] = closures(length);
      for (const close of [interrupted!, ended[length % ended.length]!]) {
        write = (input) => {
          const projection = createProjection(agUiDialect, contextOf(input), { after: 0 });
          return (
            events
              .slice(0, length)
              .map((event) => projection.event(event))
              .join('') + close(projection)
          );
        };
        const agent = new Agent({
          url,
          threadId: 'thread-1',
          initialMessages: [{ id: 'u', role: 'user', content: 'Go' }],
        });
        const types: string[] = [];
        await agent
          .runAgent({ runId: 'run-1' }, { onEvent: ({ event }) => void types.push(event.type) })
          .catch(() => undefined);
        expect([length, types.at(-1)]).toEqual([length, expect.stringMatching(/^RUN_(FINISHED|ERROR)$/)]);
      }
    }
    expect(warnings).toEqual([]);
  });

  it('complains of what is no AG-UI: these tests can fail', async () => {
    const frames = [
      { type: 'RUN_STARTED', threadId: 'thread-1', runId: 'run-1' },
      { type: 'GUARDRAIL_VIOLATION' },
      { type: 'RUN_FINISHED', threadId: 'thread-1', runId: 'run-1' },
    ];
    write = () => frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('');
    const failure = await new Agent({ url, threadId: 'thread-1' })
      .runAgent({ runId: 'run-1' })
      .catch((error: unknown) => error);
    expect(warnings.length > 0 || failure instanceof Error).toBe(true);
  });

  it('learns of an interrupted stream as an error, never as a success', async () => {
    write = (input) => {
      const projection = createProjection(agUiDialect, contextOf(input), { after: 0 });
      return (
        scenario('tool')
          .slice(0, 8)
          .map((event) => projection.event(event))
          .join('') + projection.interrupt({ code: 'unavailable', message: 'Gone.' })
      );
    };
    const agent = new Agent({ url, threadId: 'thread-1' });
    const types: string[] = [];
    await agent
      .runAgent({ runId: 'run-1' }, { onEvent: ({ event }) => void types.push(event.type) })
      .catch(() => undefined);
    expect(types.at(-1)).toBe('RUN_ERROR');
  });
});

describe('several answers of one resume', () => {
  it('do not end the stream at a question whose answer was accepted and is not yet in the journal', () => {
    const ends = (answered: string[]) => {
      const context = { ...contextOf({ threadId: 't', runId: 'run-1', messages: [] }), answered };
      const from = (event: RunEvent) => event.type === 'orchestrator.approval.decided';
      const projection = createProjection(agUiDialect, context, { after: 0, from, snapshot: true });
      const text = scenario('approvals')
        .map((event) => projection.event(event))
        .join('');
      return (text.match(/"RUN_FINISHED"/g) ?? []).length;
    };
    expect(ends(['ask-step-mcp-001'])).toBe(2);
    expect(ends(['ask-step-mcp-001', 'ask-step-mcp-002'])).toBe(1);
  });
});

/** The modern client keeps event metadata on the message; it is not what these tests are about. */
function META(version: string, messages: Message[]): object {
  const metadata = (messages.find(({ id }) => id === 'run-1-msg-answer') as { metadata?: unknown } | undefined)
    ?.metadata;
  return version === '1.0.0' && metadata !== undefined ? { metadata } : {};
}
