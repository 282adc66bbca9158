import { describe, expect, it } from '@jest/globals';
import { Artifact, Message, TaskState } from '@a2a-js/sdk';
import type { StreamResponse } from '@a2a-js/sdk';
import { boundedText, CollectedOutput, MAX_OUTPUT_BYTES, messageOutput } from './output.ts';
import { RemoteTask } from './remote-task.ts';

const artifact = (id: string, ...parts: object[]) => Artifact.fromJSON({ artifactId: id, parts });
const text = (value: string) => ({ text: value });

describe('the output of a delegation', () => {
  it('joins the chunks of one artifact and separates artifacts', () => {
    const output = new CollectedOutput();
    output.add(artifact('a', text('Hel')), false);
    output.add(artifact('a', text('lo')), true);
    output.add(artifact('b', text('there')), false);
    expect(output.value()).toBe('Hello\n\nthere');
  });

  it('is the value itself where one data part is all there is', () => {
    const output = new CollectedOutput();
    output.add(artifact('a', { data: { answer: 42 } }), false);
    expect(output.value()).toEqual({ answer: 42 });
    output.add(artifact('a', text('with words')), true);
    expect(output.value()).toBe('{"answer":42}\nwith words');
  });

  it('takes a replaced artifact and a snapshot as the whole truth', () => {
    const output = new CollectedOutput();
    output.add(artifact('a', text('draft')), false);
    output.add(artifact('a', text('final')), false);
    expect(output.value()).toBe('final');
    output.replace([artifact('a', text('snap')), artifact('b', text('shot'))]);
    expect(output.value()).toBe('snap\n\nshot');
  });

  it('never brings more than 64 KB, cuts whole characters, and says so', () => {
    const cut = boundedText('é'.repeat(MAX_OUTPUT_BYTES));
    expect(cut).toMatch(/^é+\n\[cut at 64 KB; the agent sent about 131072 bytes\]$/);
    expect(Buffer.byteLength(cut)).toBeLessThan(MAX_OUTPUT_BYTES + 100);
    const output = new CollectedOutput();
    for (let at = 0; at < 1_000; at += 1) output.add(artifact('a', text('x'.repeat(10_000))), true);
    expect(String(output.value())).toMatch(/\[cut at 64 KB; the agent sent about 10000000 bytes\]$/);
  });

  it('names files instead of taking them', () => {
    const message = Message.fromJSON({
      messageId: 'm',
      role: 'ROLE_AGENT',
      parts: [{ url: 'https://x.example/f.pdf', filename: 'f.pdf' }],
    });
    expect(messageOutput(message)).toBe('[file f.pdf: https://x.example/f.pdf]');
  });
});

describe('a remote task', () => {
  const status = (state: TaskState, said?: string): StreamResponse => ({
    payload: {
      $case: 'statusUpdate',
      value: {
        taskId: 't',
        contextId: 'c',
        metadata: undefined,
        status: {
          state,
          timestamp: undefined,
          message: said === undefined ? undefined : Message.fromJSON({ messageId: 'm', parts: [text(said)] }),
        },
      },
    },
  });

  it.each([
    [TaskState.TASK_STATE_COMPLETED, { status: 'succeeded', output: 'words' }],
    [TaskState.TASK_STATE_FAILED, { status: 'failed', code: 'agent_failed', message: 'words' }],
    [
      TaskState.TASK_STATE_REJECTED,
      { status: 'failed', code: 'agent_failed', message: 'The agent rejected the task: words' },
    ],
    [TaskState.TASK_STATE_INPUT_REQUIRED, { status: 'failed', code: 'agent_input_required' }],
    [TaskState.TASK_STATE_AUTH_REQUIRED, { status: 'failed', code: 'agent_auth_required' }],
  ])('in state %s is a value', (state, result) => {
    const remote = new RemoteTask();
    remote.apply(status(TaskState.TASK_STATE_WORKING));
    expect(remote.settled).toBe(false);
    remote.apply(status(state, 'words'));
    expect(remote.settled).toBe(true);
    expect(remote.result()).toMatchObject(result);
  });

  it('counts nothing after its end', () => {
    const remote = new RemoteTask();
    remote.apply(status(TaskState.TASK_STATE_COMPLETED, 'first'));
    remote.apply(status(TaskState.TASK_STATE_FAILED, 'late'));
    expect(remote.result()).toEqual({ status: 'succeeded', output: 'first' });
  });
});
