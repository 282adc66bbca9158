import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TaskState } from '@a2a-js/sdk';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { checkCard, publicKeysOf, readCard } from '@switchyard/agent-card';
import { type A2aPython, a2aPython, type PythonLine } from '@switchyard/testing';
import { type Processes, startProcesses } from '../src/index.ts';

/*
 * Clients of others against the whole system in processes: the official SDKs for Python and JavaScript. A gateway is
 * killed under them.
 */

const python = await a2aPython();

let system: Processes;
beforeAll(async () => {
  system = await startProcesses({ env: { A2A_SIGNING_KEYS: `e2e:${Buffer.alloc(32, 7).toString('base64')}` } });
  system.model.setScript({
    rules: [
      {
        when: { taskIncludes: 'ask me', turn: 1 },
        respond: { toolCalls: [{ name: 'ask_user', arguments: { question: 'Which city?' } }] },
      },
      {
        when: { taskIncludes: 'slowly', turn: 1 },
        respond: { toolCalls: [{ name: 'slow_read', arguments: { ms: 3_000 } }] },
      },
      { when: { turn: 2 }, respond: { text: 'That is all.' } },
      {
        when: { taskIncludes: 'speak', turn: 1 },
        respond: { text: 'word '.repeat(40), stallMs: 1_000, stallAfterChunks: 3 },
      },
    ],
  });
});
afterAll(() => system?.stop());

let count = 0;
function message(text: string, more: object = {}) {
  count += 1;
  return { message: { messageId: `stranger-${process.pid}-${count}`, role: 'ROLE_USER', parts: [{ text }], ...more } };
}

interface Status {
  readonly state: string;
}
/** The states that the lines tell of, in order. */
function statesOf(lines: readonly PythonLine[]): string[] {
  return lines.flatMap((line) => {
    const { task, statusUpdate, status } = line as {
      task?: { status: Status };
      statusUpdate?: { status: Status };
      status?: Status;
    };
    return (task?.status ?? statusUpdate?.status ?? status)?.state ?? [];
  });
}
const taskIn = (lines: readonly PythonLine[]) => (lines[0] as { task: { id: string; contextId: string } }).task;

(python === undefined ? describe.skip : describe)('the SDK for Python', () => {
  const { call } = python ?? ({ call: () => Promise.resolve([]) } as A2aPython);

  describe.each(['JSONRPC', 'HTTP+JSON'])('over %s', (binding) => {
    const at = (gateway = 0, user = 'guido') => ({ url: system.gateways[gateway]!, binding, user });

    it('sends, streams, reads and lists', async () => {
      const sent = await call(at(), 'send', message('speak'));
      expect(statesOf(sent)).toEqual(['TASK_STATE_COMPLETED']);
      const streamed = await call(at(1), 'stream', message('speak'));
      expect(statesOf(streamed)).toEqual(['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING', 'TASK_STATE_COMPLETED']);
      const pieces = streamed.filter((line) => 'artifactUpdate' in line);
      expect(pieces.length).toBeGreaterThan(1);
      const { id } = taskIn(streamed);
      expect(statesOf(await call(at(), 'get', { id }))).toEqual(['TASK_STATE_COMPLETED']);
      expect(await call(at(0, 'mallory'), 'get', { id })).toMatchObject([{ error: 'TaskNotFoundError' }]);
    });

    it('is asked, answers, and gets the rest', async () => {
      const asked = await call(at(), 'stream', message('ask me'));
      expect(statesOf(asked).at(-1)).toBe('TASK_STATE_INPUT_REQUIRED');
      const { id: taskId, contextId } = taskIn(asked);
      const rest = await call(at(1), 'stream', message('Paris', { taskId, contextId }));
      expect(statesOf(rest).at(-1)).toBe('TASK_STATE_COMPLETED');
      const late = await call(at(), 'send', message('London', { taskId, contextId }));
      expect(late).toMatchObject([{ error: 'UnsupportedOperationError' }]);
    });

    it('cancels', async () => {
      const task = taskIn(
        await call(at(), 'send', { ...message('slowly'), configuration: { returnImmediately: true } }),
      );
      expect(statesOf(await call(at(1), 'cancel', { id: task.id }))).toEqual(['TASK_STATE_CANCELED']);
      expect(await call(at(), 'cancel', { id: task.id })).toMatchObject([{ id: task.id }]);
    });
  });

  it('A7: loses its gateway, subscribes at the other, and misses nothing', async () => {
    const [gateway] = system.replicas.gateway;
    let killed: Promise<void> | undefined;
    const first = await call(
      { url: gateway!.url, binding: 'JSONRPC', user: 'guido' },
      'stream',
      message('slowly'),
      () => {
        killed ??= gateway!.kill();
      },
    );
    await killed;
    expect(statesOf(first)).not.toContain('TASK_STATE_COMPLETED');
    const { id } = taskIn(first);
    const rest = await call({ url: system.gateways[1]!, binding: 'JSONRPC', user: 'guido' }, 'subscribe', { id });
    expect('task' in rest[0]!).toBe(true);
    expect(rest.filter((line) => 'task' in line)).toHaveLength(1);
    expect(statesOf(rest).at(-1)).toBe('TASK_STATE_COMPLETED');
    await gateway!.start();
  });
});

it('A1: the card is signed, and verifies with the keys that it names, at every replica', async () => {
  for (const url of system.gateways) {
    const read = async (path: string) => (await fetch(url + path)).json() as Promise<unknown>;
    const keys = publicKeysOf(await read('/.well-known/jwks.json'))!;
    const verdict = await checkCard(readCard(await read('/.well-known/agent-card.json'))!, { keys, nowMs: Date.now() });
    expect([verdict.verified, verdict.kid]).toEqual([true, 'e2e']);
  }
});

describe('the SDK for JavaScript', () => {
  async function clientAt(url: string): Promise<Client> {
    const fetchImpl: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('X-User-Id', 'brendan');
      return fetch(input, { ...init, headers });
    };
    const card = await new DefaultAgentCardResolver({ fetchImpl }).resolve(url);
    const transports = [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })];
    return new ClientFactory({ transports }).createFromAgentCard(card);
  }

  it('A7: loses its gateway, subscribes at the other, and misses nothing', async () => {
    const { Message } = await import('@a2a-js/sdk');
    const [, gateway] = system.replicas.gateway;
    const request = {
      tenant: '',
      message: Message.fromJSON(message('slowly').message),
      configuration: undefined,
      metadata: undefined,
    };
    let id = '';
    const broken = (async () => {
      for await (const { payload } of (await clientAt(gateway!.url)).sendMessageStream(request)) {
        if (payload?.$case !== 'task') continue;
        id = payload.value.id;
        await gateway!.kill();
      }
    })();
    await expect(broken).rejects.toThrow();
    const states: TaskState[] = [];
    for await (const { payload } of (await clientAt(system.gateways[0]!)).resubscribeTask({ id, tenant: '' }))
      if (payload?.$case === 'task' || payload?.$case === 'statusUpdate') states.push(payload.value.status!.state);
    expect(states.at(-1)).toBe(TaskState.TASK_STATE_COMPLETED);
    await gateway!.start();
  });
});
