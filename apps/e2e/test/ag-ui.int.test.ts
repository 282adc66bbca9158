import { HttpAgent as Agent10 } from '@ag-ui/client';
import { HttpAgent as Agent41 } from '@ag-ui/client-0.0.41';
import { HttpAgent as Agent48 } from '@ag-ui/client-0.0.48';
import { HttpAgent as Agent59 } from '@ag-ui/client-0.0.59';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@switchyard/testing';
import { startSystem, type System } from '../src/index.ts';

/* Whole conversations of the official AG-UI clients with the whole system. */

const CLIENTS = [
  { version: '1.0.0', Agent: Agent10 as unknown as typeof Agent59, resumes: true },
  { version: '0.0.59', Agent: Agent59, resumes: true },
  { version: '0.0.48', Agent: Agent48 as unknown as typeof Agent59, resumes: false },
  { version: '0.0.41', Agent: Agent41 as unknown as typeof Agent59, resumes: false },
];

interface Message {
  readonly id: string;
  readonly role: string;
  readonly content?: unknown;
  readonly toolCalls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
  readonly toolCallId?: string;
}
interface Interrupt {
  readonly id: string;
}
interface Outcome {
  readonly type: string;
  readonly interrupts?: readonly Interrupt[];
  readonly pendingToolCallIds?: readonly string[];
}
interface Event {
  readonly type: string;
  readonly name?: string;
  readonly outcome?: Outcome;
}

const LONG = 'A poem that is spoken slowly, word by word, until it is whole.';
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());
beforeEach(() =>
  system.model.setScript({
    rules: [
      { when: { taskIncludes: 'wait for ever' }, respond: { stallMs: 60_000, text: 'Too late.' } },
      { when: { taskIncludes: 'poem' }, respond: { text: LONG, delayMs: 60 } },
      {
        when: { taskIncludes: 'colour it', turn: 1 },
        respond: { toolCalls: [{ name: 'paint', arguments: { color: 'red' } }] },
      },
      { when: { lastToolName: 'paint' }, respond: { text: 'It is painted.' } },
      { when: { taskIncludes: 'colour and delete', turn: 2 }, respond: { text: 'Both are done.' } },
      {
        when: { taskIncludes: 'colour and delete', turn: 1 },
        respond: {
          toolCalls: [
            { name: 'paint', arguments: { color: 'red' } },
            { name: 'delete_note', arguments: { title: 'b1' } },
          ],
        },
      },
    ],
  }),
);

let users = 0;

/** One conversation of one user. */
function chat(Agent: typeof Agent59, threadId: string) {
  const user = `u${(users += 1)}`;
  const agent = new Agent({ url: `${system.gateway}/ag-ui`, headers: { 'X-User-Id': user }, threadId });
  let [said, runs, latest] = [0, 0, ''];
  const events: Event[] = [];
  const messages = () => agent.messages as readonly Message[];
  const go = async (parameters: object = {}): Promise<Outcome | undefined> => {
    events.length = 0;
    runs += 1;
    const runId = `r${runs}-${user}-${threadId}`.replace(/[^A-Za-z0-9]/g, '-').slice(0, 60);
    if (!('resume' in parameters) && (agent.messages.at(-1) as Message).role === 'user') latest = runId;
    await agent.runAgent({ runId, ...parameters } as never, {
      onEvent: ({ event }) => void events.push(event as never),
    });
    return events.at(-1)?.outcome;
  };
  const add = (content: unknown) => agent.addMessage({ id: `said-${(said += 1)}`, role: 'user', content } as never);
  return {
    agent,
    events,
    messages,
    add,
    go,
    say: (content: unknown, parameters: object = {}) => {
      add(content);
      return go(parameters);
    },
    resume: ({ interrupts = [] }: Outcome, payload: object = { approved: true }) =>
      go({ resume: interrupts.map(({ id }) => ({ interruptId: id, status: 'resolved', payload })) }),
    /** The results of the steps of the thread's latest run, as the planner has them. */
    results: async () => {
      const headers = { 'X-User-Id': user };
      const read = async (path: string) => (await fetch(`${system.gateway}${path}`, { headers })).json();
      const { steps } = (await read(`/runs/${latest}`)) as { steps: { result: unknown }[] };
      return steps.map(({ result }) => result);
    },
    /** What the assistant said last to each word of the user. */
    answers: () => {
      const answers: [string, string][] = [];
      for (const { role, content } of messages()) {
        if (role === 'user') answers.push([String(content), '']);
        else if (role === 'assistant' && typeof content === 'string' && content !== '') answers.at(-1)![1] = content;
      }
      return answers;
    },
  };
}

/** Every message, call and result is there once, and each result has its call. */
function holdsEachOnce(messages: readonly Message[]): void {
  const once = (ids: readonly string[]) => expect([...ids].sort()).toEqual([...new Set(ids)].sort());
  const calls = messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id));
  once(messages.map(({ id }) => id));
  once(calls);
  const results = messages.flatMap(({ toolCallId }) => toolCallId ?? []);
  expect([...results].sort()).toEqual([...calls].sort());
}

describe.each(CLIENTS)('@ag-ui/client $version', ({ version, Agent, resumes }) => {
  const thread = (name: string) => `${name} with ${version}`;

  it('holds eleven turns with approvals, a stop and a reconnect, each with its own answer', async () => {
    const talk = chat(Agent, thread('ten turns'));
    const plain = async (task: string) => expect((await talk.say(task))?.type).not.toBe('interrupt');
    await plain('What is the weather in London?');
    await plain('and in Paris?');
    await plain('calculate 6*7');
    await plain('add a note called a1 with the text one');
    await plain('add a note called a2 with the text two');

    let outcome = await talk.say('First calculate 2*21, then delete the note a1, then delete the note a2');
    for (let approvals = 0; approvals < 2; approvals += 1) {
      if (resumes) {
        expect(outcome).toMatchObject({ type: 'interrupt' });
        outcome = await talk.resume(outcome!);
      } else outcome = await talk.say('approve');
      const calls = talk.messages().flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id));
      expect(new Set(calls).size).toBe(calls.length);
    }

    talk.add('wait for ever');
    const stopped = talk.go().catch(() => undefined);
    await until(() => talk.events.some(({ type }) => type === 'STEP_STARTED'));
    talk.agent.abortRun();
    await stopped;
    await plain('calculate 5*5');

    const runId = `${thread('reconnect')} ${users}`;
    talk.add('say a poem');
    const cut = talk.go({ runId }).catch(() => undefined);
    await until(() => String(talk.messages().at(-1)?.content).startsWith('A poem'));
    talk.agent.abortRun();
    await cut;
    expect(talk.messages().at(-1)?.content).not.toBe(LONG);
    await talk.go({ runId });

    await plain('calculate 10*10');
    await plain('What is the weather in Oslo?');

    const answers = talk.answers().filter(([task]) => task !== 'approve');
    expect(answers).toMatchObject(
      [
        [/London/, /London/],
        [/Paris/, /Paris/],
        [/6\*7/, /42/],
        [/a1/, /a1/],
        [/a2/, /a2/],
        [/First/, resumes ? /42/ : /^$/],
        [/wait for ever/, /^$/],
        [/5\*5/, /25/],
        [/poem/, LONG],
        [/10\*10/, /100/],
        [/Oslo/, /Oslo/],
      ].map((pair) => pair.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one)))),
    );
    if (!resumes) expect(talk.answers().findLast(([task]) => task === 'approve')?.[1]).toMatch(/42/);
    holdsEachOnce(talk.messages());
  });

  it('performs a tool of its own: the run pauses with the call and goes on with the result', async () => {
    const talk = chat(Agent, thread('own tool'));
    const tools = [{ name: 'paint', description: 'Paints', parameters: { type: 'object', properties: {} } }];
    const outcome = await talk.say('colour it', { tools });
    const call = talk.messages().at(-1)?.toolCalls?.[0];
    expect(call).toMatchObject({ function: { name: 'paint', arguments: '{"color":"red"}' } });
    expect(talk.events.at(-1)?.type).toBe('RUN_FINISHED');
    if (version === '1.0.0') expect(outcome).toEqual({ type: 'success', pendingToolCallIds: [call!.id] });
    else expect(outcome).toBeUndefined();

    talk.agent.addMessage({ id: 'mine', role: 'tool', toolCallId: call!.id, content: 'painted in crimson' } as never);
    await talk.go({ tools });
    expect(talk.answers()).toEqual([['colour it', 'It is painted.']]);
    expect(await talk.results()).toEqual(['painted in crimson']);
    holdsEachOnce(talk.messages());
    await talk.say('calculate 3*3', { tools });
    expect(talk.answers().at(-1)).toEqual(['calculate 3*3', expect.stringContaining('9')]);
    holdsEachOnce(talk.messages());
  });

  it('leaves a call of its own unanswered, and is not held up by it', async () => {
    const talk = chat(Agent, thread('left'));
    const tools = [{ name: 'paint', description: 'Paints', parameters: { type: 'object', properties: {} } }];
    await talk.say('colour it', { tools });
    await talk.say('calculate 4*4', { tools });
    expect(talk.answers().at(-1)).toEqual(['calculate 4*4', expect.stringContaining('16')]);
  });

  it('tells its context and shows an image, and is told what is not used', async () => {
    const talk = chat(Agent, thread('context'));
    const part =
      version === '0.0.41' || version === '0.0.48'
        ? { type: 'binary', mimeType: 'image/png', data: PIXEL }
        : { type: 'image', source: { type: 'data', value: PIXEL, mimeType: 'image/png' } };
    talk.agent.setState({ open: true });
    await talk.say([{ type: 'text', text: 'calculate 7*7' }, part], {
      context: [{ description: 'page', value: 'the basket' }],
    });
    // System prompt, context, task: what the client tells stands before the task.
    expect(system.model.requests().findLast(({ task }) => task.startsWith('calculate 7*7'))).toMatchObject({
      images: 1,
    });
    expect(talk.events.filter(({ name }) => name === 'switchyard.notice')).toHaveLength(1);
  });

  if (!resumes) return;

  it('brings the result of its own tool and the answer to an approval together', async () => {
    const talk = chat(Agent, thread('both'));
    const tools = [{ name: 'paint', description: 'Paints', parameters: { type: 'object', properties: {} } }];
    await talk.say('add a note called b1 with the text one');
    const outcome = await talk.say('colour and delete', { tools });
    expect(outcome).toMatchObject({ type: 'interrupt', interrupts: [expect.anything()] });
    const own = talk
      .messages()
      .flatMap(({ toolCalls = [] }) => toolCalls)
      .find(({ function: { name } }) => name === 'paint');
    talk.agent.addMessage({ id: 'mine', role: 'tool', toolCallId: own!.id, content: 'painted in crimson' } as never);
    await talk.resume(outcome!);
    expect(talk.events.at(-1)?.outcome?.type).not.toBe('interrupt');
    expect(talk.answers().at(-1)?.[1]).toMatch(/painted|Both/);
    expect(await talk.results()).toContain('painted in crimson');
    holdsEachOnce(talk.messages());
  });
});
