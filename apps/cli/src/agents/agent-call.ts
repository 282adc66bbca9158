import { randomUUID } from 'node:crypto';
import { AgentCard, type Part, Role, type SendMessageRequest, type StreamResponse, TaskState } from '@a2a-js/sdk';
import { ClientFactory, JsonRpcTransportFactory, RestTransportFactory } from '@a2a-js/sdk/client';
import { leadsToAllowed } from '@switchyard/agent-card';
import type { VerbContext } from '../command-line/verb.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { cardUrlOf, outwardFetch, plain, readCardAt } from './agent-card.ts';

/**
 * `agents call`: one message to an agent by hand, with its answer as it comes. It goes from this machine, not through the
 * stack; only an interface at the card's own origin is called.
 */
export async function callAgent(context: VerbContext, address: string, task: string): Promise<number> {
  const url = cardUrlOf(address);
  const fetchImpl = outwardFetch(url, context);
  const card = AgentCard.fromJSON(await readCardAt(url, context));
  const own = card.supportedInterfaces.filter(({ url: at }) => leadsToAllowed(at, url, []));
  if (own.length === 0)
    throw new UserError('The card offers no interface at its own origin; nothing was sent.', EXIT.failed);
  const transport = { fetchImpl };
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory(transport), new RestTransportFactory(transport)],
  });
  try {
    const client = await factory.createFromAgentCard({ ...card, supportedInterfaces: own });
    const streams = card.capabilities?.streaming === true;
    if (streams) {
      let ok = false;
      for await (const event of client.sendMessageStream(messageOf(task))) ok = show(event, context) ?? ok;
      return ok ? EXIT.ok : EXIT.failed;
    }
    const answer = await client.sendMessage(messageOf(task));
    const event: StreamResponse =
      'messageId' in answer
        ? { payload: { $case: 'message', value: answer } }
        : { payload: { $case: 'task', value: answer } };
    return show(event, context) === true ? EXIT.ok : EXIT.failed;
  } catch (error) {
    throw new UserError(`The agent did not answer: ${plain((error as Error).message)}`, EXIT.failed);
  }
}

function messageOf(task: string): SendMessageRequest {
  return {
    tenant: '',
    metadata: undefined,
    configuration: {
      acceptedOutputModes: ['text/plain', 'application/json'],
      taskPushNotificationConfig: undefined,
      returnImmediately: false,
    },
    message: {
      messageId: randomUUID(),
      contextId: '',
      taskId: '',
      role: Role.ROLE_USER,
      parts: [{ content: { $case: 'text', value: task }, metadata: undefined, filename: '', mediaType: 'text/plain' }],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    },
  };
}

const STATES: Readonly<Partial<Record<TaskState, string>>> = {
  [TaskState.TASK_STATE_COMPLETED]: 'completed',
  [TaskState.TASK_STATE_FAILED]: 'failed',
  [TaskState.TASK_STATE_CANCELED]: 'cancelled',
  [TaskState.TASK_STATE_REJECTED]: 'rejected',
  [TaskState.TASK_STATE_INPUT_REQUIRED]: 'asks for input',
  [TaskState.TASK_STATE_AUTH_REQUIRED]: 'asks for a sign-in',
};

/** Prints an event; states go to stderr, output to stdout. True or false where it says how the task ended. */
function show({ payload }: StreamResponse, { print, remark }: VerbContext): boolean | undefined {
  switch (payload?.$case) {
    case 'message':
      for (const part of payload.value.parts) print(partText(part));
      return true;
    case 'task':
      remark(`task ${plain(payload.value.id)}`);
      for (const { parts } of payload.value.artifacts) for (const part of parts) print(partText(part));
      return statusOf(payload.value.status, remark);
    case 'artifactUpdate':
      for (const part of payload.value.artifact?.parts ?? []) print(partText(part));
      return undefined;
    case 'statusUpdate':
      return statusOf(payload.value.status, remark);
    case undefined:
      return undefined;
  }
}

function statusOf(
  status: { readonly state: TaskState; readonly message: { readonly parts: readonly Part[] } | undefined } | undefined,
  remark: (line: string) => void,
): boolean | undefined {
  const text = (status?.message?.parts ?? []).map(partText).join(' ');
  const word = status && STATES[status.state];
  if (word !== undefined || text !== '') remark([word, text].filter(Boolean).join(': '));
  return word === undefined ? undefined : status?.state === TaskState.TASK_STATE_COMPLETED;
}

function partText({ content }: Part): string {
  if (content?.$case === 'text') return printable(content.value);
  if (content?.$case === 'data') return JSON.stringify(content.value);
  return content?.$case === 'url' ? printable(content.value) : '(a file)';
}

/** What an agent says, for a terminal: lines stay lines, and no control character gets there. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]+/gu, '');
}
