import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ClientFactory } from '@a2a-js/sdk/client';
import { TaskState } from '@a2a-js/sdk';
import { StepRequest } from '@switchyard/contracts';
import type { StepResult } from '@switchyard/contracts';
import { createMockA2a } from '@switchyard/mock-a2a';
import type { MockA2a } from '@switchyard/mock-a2a';
import { standstill, until } from '@switchyard/testing';
import { agentFetch } from '../src/delegation/agent-fetch.ts';
import { Delegator } from '../src/delegation/delegator.ts';
import { cardReader } from '../src/agents/card-reader.ts';
import { Directory } from '../src/agents/directory.ts';
import { createBrokenLine } from './broken-line.ts';
import type { BrokenLine } from './broken-line.ts';

type Frame = { type: string; data: Record<string, unknown> };

const clock = { now: () => Date.now() };
let plain: MockA2a;
let quiet: MockA2a;
let line: BrokenLine;

beforeAll(async () => {
  plain = await createMockA2a({ port: 0 });
  quiet = await createMockA2a({ port: 0, streaming: false });
});
beforeEach(async () => {
  line = await createBrokenLine(plain.url);
});
afterEach(() => line.stop());
afterAll(() => Promise.all([plain.stop(), quiet.stop()]));

function delegatorFor(
  urls: string[],
  over: { timeoutMs?: number; retries?: number; deduplicates?: boolean } = {},
): Delegator {
  const directory = new Directory({
    agents: urls.map((url) => ({ url, deduplicates: over.deduplicates })),
    reader: cardReader(fetch),
    allowedHosts: [],
    ttlMs: 60_000,
    clock,
    onFact: () => undefined,
    codeOf: () => 'agent_unreachable',
  });
  return new Delegator({
    directory,
    fetch: agentFetch(fetch),
    timeoutMs: over.timeoutMs ?? 10_000,
    retries: over.retries ?? 3,
    clock,
    backoffMs: () => 5,
    sleep: async (ms, signal) => void (await sleep(ms, undefined, { signal })),
    onOutcome: () => undefined,
  });
}

let steps = 0;
function stepOf(task: string, over: object = {}): StepRequest {
  steps += 1;
  return StepRequest.parse({
    principal: { tenantId: 't', userId: 'u', role: 'user', via: 'dev' },
    runId: 'run1',
    stepId: `step-a2a-${steps}`,
    threadId: 'thread1',
    idempotencyKey: `run1:step-a2a-${steps}`,
    attempt: 1,
    task,
    agent: 'mock_agent',
    ...over,
  });
}

async function perform(
  delegator: Delegator,
  step: StepRequest,
  context: { signal?: AbortSignal; deadline?: number } = {},
): Promise<{ result: StepResult; frames: Frame[] }> {
  const frames: Frame[] = [];
  const result = await delegator.perform(step, {
    signal: context.signal ?? new AbortController().signal,
    deadline: context.deadline,
    progress: (frame) => frames.push(frame as Frame),
  });
  return { result, frames };
}

async function stateOf(agent: MockA2a, taskId: unknown): Promise<TaskState | undefined> {
  const client = await new ClientFactory().createFromUrl(agent.url);
  return (await client.getTask({ tenant: '', id: String(taskId), historyLength: undefined })).status?.state;
}

async function tasksOf(agent: MockA2a): Promise<{ id: string; state: TaskState | undefined }[]> {
  const client = await new ClientFactory().createFromUrl(agent.url);
  const { tasks } = await client.listTasks({
    tenant: '',
    contextId: '',
    status: TaskState.TASK_STATE_UNSPECIFIED,
    pageToken: '',
    statusTimestampAfter: undefined,
  });
  return tasks.map((task) => ({ id: task.id, state: task.status?.state }));
}

describe.each([
  ['with streaming', () => plain],
  ['without streaming', () => quiet],
])('a delegation to a real agent, %s', (_, agentOf) => {
  it('brings the output and reports start and end', async () => {
    const step = stepOf('uppercase hello');
    const { result, frames } = await perform(delegatorFor([agentOf().url]), step);
    expect(result).toEqual({ status: 'succeeded', output: 'HELLO' });
    expect(frames).toEqual([
      { type: 'a2a.delegation.started', data: { step_id: step.stepId, agent: 'mock_agent', task: 'uppercase hello' } },
      {
        type: 'a2a.delegation.completed',
        data: { step_id: step.stepId, agent: 'mock_agent', result: 'HELLO', remote_task_id: expect.any(String) },
      },
    ]);
  });

  it('reaches no agent that the constraints, or the limits of the caller, do not name', async () => {
    const delegator = delegatorFor([agentOf().url]);
    const refused = { status: 'failed', code: 'forbidden' };
    const custom = (lists: object) => ({ toolConstraints: { mode: 'custom', ...lists } });
    const before = (await tasksOf(agentOf())).length;
    for (const over of [
      custom({ tools: ['calculator'] }),
      custom({ agents: ['other'] }),
      { principal: { tenantId: 't', userId: 'u', role: 'user', via: 'xmpp', tools: ['calculator'] } },
    ])
      expect((await perform(delegator, stepOf('uppercase a', over))).result).toMatchObject(refused);
    expect(await tasksOf(agentOf())).toHaveLength(before);
    const named = custom({ agents: ['mock_agent'] });
    expect((await perform(delegator, stepOf('uppercase a', named))).result).toMatchObject({ output: 'A' });
  });

  it('brings data as a value, long text in one piece, and a direct message', async () => {
    const delegator = delegatorFor([agentOf().url]);
    expect((await perform(delegator, stepOf('json abc'))).result).toEqual({
      status: 'succeeded',
      output: { echo: 'abc', characters: 3 },
    });
    const long = 'abcdefghij'.repeat(50);
    expect((await perform(delegator, stepOf(`echo ${long}`))).result).toEqual({ status: 'succeeded', output: long });
    expect((await perform(delegator, stepOf('ping'))).result).toEqual({ status: 'succeeded', output: 'pong' });
  });

  it('gives the failure of the agent as a value', async () => {
    const { result, frames } = await perform(delegatorFor([agentOf().url]), stepOf('fail out of paper'));
    expect(result).toEqual({ status: 'failed', code: 'agent_failed', message: 'out of paper' });
    expect(frames.at(-1)).toMatchObject({
      type: 'a2a.delegation.failed',
      data: { error: 'out of paper', error_code: 'agent_failed' },
    });
  });

  it('says that the agent asks for input, and leaves no task waiting there', async () => {
    const delegator = delegatorFor([agentOf().url]);
    const { result } = await perform(delegator, stepOf('ask which colour?'));
    expect(result).toEqual({
      status: 'failed',
      code: 'agent_input_required',
      message: 'The agent asks for more input: which colour?',
    });
    expect((await perform(delegator, stepOf('login'))).result).toMatchObject({ code: 'agent_auth_required' });
    const waiting = (await tasksOf(agentOf())).filter(
      ({ state }) => state === TaskState.TASK_STATE_INPUT_REQUIRED || state === TaskState.TASK_STATE_AUTH_REQUIRED,
    );
    expect(waiting).toEqual([]);
  });

  it('cancels the remote task when the step is cancelled', async () => {
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 200);
    const startedAt = Date.now();
    const { result, frames } = await perform(delegatorFor([agentOf().url]), stepOf('slow 60 x'), {
      signal: cancel.signal,
    });
    expect(result).toMatchObject({ status: 'failed', code: 'cancelled' });
    expect(Date.now() - startedAt).toBeLessThan(8_000);
    expect(frames.map(({ type }) => type)).toEqual(['a2a.delegation.started', 'a2a.delegation.failed']);
    expect((await tasksOf(agentOf()))[0]!.state).toBe(TaskState.TASK_STATE_CANCELED);
  });

  it('stops at the deadline, in time to answer, and cancels the remote task', async () => {
    const stoodMs = standstill();
    const deadline = Date.now() + 1_200;
    const { result } = await perform(delegatorFor([agentOf().url]), stepOf('slow 60 x'), { deadline });
    expect(result).toMatchObject({ status: 'failed', code: 'deadline_exceeded' });
    expect(Date.now() - stoodMs()).toBeLessThan(deadline);
    expect((await tasksOf(agentOf()))[0]!.state).toBe(TaskState.TASK_STATE_CANCELED);
  });
});

describe('a delegation over a bad line', () => {
  it('sends again where the agent took nothing, with the same message id', async () => {
    let refusals = 2;
    line.fault = () => (refusals-- > 0 ? { status: 503, retryAfter: '0' } : undefined);
    const { result } = await perform(delegatorFor([line.url]), stepOf('uppercase again'));
    expect(result).toEqual({ status: 'succeeded', output: 'AGAIN' });
    expect(line.methods).toEqual(['SendStreamingMessage', 'SendStreamingMessage', 'SendStreamingMessage']);
  });

  it('gives up after its retries, and says that the agent is busy', async () => {
    line.fault = () => ({ status: 429 });
    const { result } = await perform(delegatorFor([line.url], { retries: 2 }), stepOf('uppercase x'));
    expect(result).toEqual({ status: 'failed', code: 'agent_unreachable', message: 'The agent is busy (HTTP 429).' });
    expect(line.methods).toHaveLength(3);
  });

  it('never sends a message again that may have been taken: it is in doubt', async () => {
    const before = plain.executions();
    line.fault = (method) => (method === 'SendStreamingMessage' ? { status: 502 } : undefined);
    const { result } = await perform(delegatorFor([line.url]), stepOf('uppercase x'));
    expect(result).toMatchObject({ status: 'in_doubt', code: 'agent_unreachable' });
    expect(line.methods).toEqual(['SendStreamingMessage', 'ListTasks']);
    expect(plain.executions() - before).toBe(0);
  });

  it('asks the agent for the task of a message whose answer was lost, and the work is done once', async () => {
    const before = plain.executions();
    line.fault = (method) => (method === 'SendStreamingMessage' ? { loseAnswer: true } : undefined);
    const { result, frames } = await perform(delegatorFor([line.url]), stepOf('slow 0.3 found'));
    expect(result).toEqual({ status: 'succeeded', output: 'found' });
    expect(line.methods.slice(0, 2)).toEqual(['SendStreamingMessage', 'ListTasks']);
    expect(frames.at(-1)).toMatchObject({ data: { remote_task_id: expect.any(String) } });
    expect(plain.executions() - before).toBe(1);
  });

  it('sends again to an agent that recognises repetitions, and the work is done once', async () => {
    const before = plain.executions();
    let lost = 0;
    line.fault = (method) =>
      method === 'SendStreamingMessage' && (lost += 1) === 1 ? { loseAnswer: true } : undefined;
    const { result } = await perform(delegatorFor([line.url], { deduplicates: true }), stepOf('uppercase twice'));
    expect(result).toEqual({ status: 'succeeded', output: 'TWICE' });
    expect(line.methods.filter((method) => method === 'SendStreamingMessage')).toHaveLength(2);
    expect(plain.executions() - before).toBe(1);
  });

  it('follows an accepted task after its stream broke, and the work is done once', async () => {
    const before = plain.executions();
    line.fault = (method) => (method === 'SendStreamingMessage' ? { cutAfterBytes: 10 } : undefined);
    const { result } = await perform(delegatorFor([line.url]), stepOf('slow 0.5 still here'));
    expect(result).toEqual({ status: 'succeeded', output: 'still here' });
    expect(line.methods.slice(0, 2)).toEqual(['SendStreamingMessage', 'SubscribeToTask']);
    expect(plain.executions() - before).toBe(1);
  });

  it('asks for the task where it cannot subscribe', async () => {
    line.fault = (method) =>
      method === 'SendStreamingMessage'
        ? { cutAfterBytes: 10 }
        : method === 'SubscribeToTask'
          ? { status: 500 }
          : undefined;
    const { result } = await perform(delegatorFor([line.url]), stepOf('slow 0.3 still here'));
    expect(result).toEqual({ status: 'succeeded', output: 'still here' });
    expect(line.methods).toContain('GetTask');
  });

  it('is in doubt where the agent took the task and is gone for good', async () => {
    line.fault = (method) => (method === 'SendStreamingMessage' ? { cutAfterBytes: 10 } : { status: 500 });
    const { result } = await perform(delegatorFor([line.url]), stepOf('slow 30 x'));
    expect(result).toMatchObject({ status: 'in_doubt', code: 'agent_unreachable' });
  });

  it('is in doubt where no answer came in time', async () => {
    line.fault = (method) => (method === 'SendStreamingMessage' ? { swallow: true } : undefined);
    const { result } = await perform(delegatorFor([line.url], { timeoutMs: 2_000 }), stepOf('slow 60 x'));
    expect(result).toMatchObject({ status: 'in_doubt', code: 'deadline_exceeded' });
    // What the agent took all the same is cancelled.
    await until(() => line.methods.includes('CancelTask'));
  });

  it('attaches a step that comes again to the task that it started', async () => {
    const before = plain.executions();
    const delegator = delegatorFor([line.url]);
    const step = stepOf('slow 0.6 once');
    const first = perform(delegator, step);
    await until(() => plain.executions() > before);
    const second = perform(delegator, { ...step, attempt: 2 });
    expect((await Promise.all([first, second])).map(({ result }) => result)).toEqual(
      Array.from({ length: 2 }, () => ({ status: 'succeeded', output: 'once' })),
    );
    expect(line.methods.filter((method) => method === 'SendStreamingMessage')).toHaveLength(1);
    expect(plain.executions() - before).toBe(1);
  });

  it.each([
    ['takes a task', 'slow 0.3 once', 'once'],
    ['answers at once', 'ping', 'pong'],
  ])('sends one message for a step that comes twice at the same time to an agent that %s', async (_, task, output) => {
    const delegator = delegatorFor([line.url]);
    const step = stepOf(task);
    const ends = await Promise.all([perform(delegator, step), perform(delegator, { ...step, attempt: 2 })]);
    expect(ends.map(({ result }) => result)).toEqual(
      Array.from({ length: 2 }, () => ({ status: 'succeeded', output })),
    );
    expect(line.methods.filter((method) => method === 'SendStreamingMessage')).toHaveLength(1);
  });

  it('sends the message of a step that comes again where the first was cancelled before the agent took it', async () => {
    line.fault = (method) => (method === 'SendStreamingMessage' ? { swallow: true } : undefined);
    const cancel = new AbortController();
    const delegator = delegatorFor([line.url]);
    const step = stepOf('uppercase x');
    const first = perform(delegator, step, { signal: cancel.signal });
    await until(() => line.methods.length > 0);
    const second = perform(delegator, { ...step, attempt: 2 });
    line.fault = () => undefined;
    cancel.abort();
    expect((await first).result).toMatchObject({ status: 'failed', code: 'cancelled' });
    expect((await second).result).toEqual({ status: 'succeeded', output: 'X' });
  });

  it('comes again from another process under the same message id, which the agent recognises', async () => {
    const before = plain.executions();
    const step = stepOf('uppercase once');
    for (const delegator of [delegatorFor([line.url]), delegatorFor([line.url])]) {
      expect((await perform(delegator, step)).result).toEqual({ status: 'succeeded', output: 'ONCE' });
    }
    expect(plain.executions() - before).toBe(1);
  });

  it('A7: is asked for, and not sent, where a process that is gone may have sent it', async () => {
    const before = plain.executions();
    const step = stepOf('slow 0.2 once');
    await perform(delegatorFor([line.url]), step);
    line.methods.length = 0;
    const again = await perform(delegatorFor([line.url]), { ...step, attempt: 2, mayHaveWorked: true });
    expect(again.result).toEqual({ status: 'succeeded', output: 'once' });
    expect(line.methods).toEqual(['ListTasks']);
    expect(plain.executions() - before).toBe(1);
  });

  it('is in doubt where the agent names no task of it, and is not sent', async () => {
    const before = plain.executions();
    const lost = { attempt: 2, mayHaveWorked: true };
    const { result } = await perform(delegatorFor([line.url]), stepOf('uppercase x', lost));
    expect(result).toMatchObject({ status: 'in_doubt', code: 'agent_failed' });
    expect(plain.executions() - before).toBe(0);
    const sure = await perform(delegatorFor([line.url], { deduplicates: true }), stepOf('uppercase x', lost));
    expect(sure.result).toEqual({ status: 'succeeded', output: 'X' });
  });

  it('speaks version 1.0', async () => {
    await perform(delegatorFor([line.url]), stepOf('uppercase x'));
    expect(line.headers()).toMatchObject({ 'a2a-version': '1.0' });
  });
});

describe('a delegation to nobody', () => {
  it('names the agents that there are', async () => {
    const { result, frames } = await perform(delegatorFor([plain.url]), stepOf('x', { agent: 'stranger' }));
    expect(result).toEqual({
      status: 'failed',
      code: 'agent_not_found',
      message: 'There is no agent "stranger". Known: mock_agent.',
    });
    expect(frames.map(({ type }) => type)).toEqual(['a2a.delegation.started', 'a2a.delegation.failed']);
  });

  it('is unreachable where the agent stopped after its card was read', async () => {
    const gone = await createMockA2a({ port: 0, name: 'Gone' });
    const delegator = delegatorFor([gone.url]);
    expect((await perform(delegator, stepOf('uppercase a', { agent: 'gone' }))).result).toMatchObject({
      status: 'succeeded',
    });
    await gone.stop();
    await sleep(50);
    const { result } = await perform(delegator, stepOf('uppercase b', { agent: 'gone' }));
    expect(result).toMatchObject({ status: 'failed', code: 'agent_unreachable' });
  });

  it('uses the only agent where the step names none', async () => {
    const { result } = await perform(delegatorFor([plain.url]), stepOf('uppercase a', { agent: undefined }));
    expect(result).toEqual({ status: 'succeeded', output: 'A' });
    expect(await stateOf(plain, (await tasksOf(plain))[0]!.id)).toBe(TaskState.TASK_STATE_COMPLETED);
  });
});
