import type { GetTaskRequest, Message, SendMessageRequest, StreamResponse, Task } from '@a2a-js/sdk';
import { DefaultRequestHandler } from '@a2a-js/sdk/server';
import type { ServerCallContext } from '@a2a-js/sdk/server';
import { BoundedMap } from '@switchyard/platform';

const KEPT = 1_000;

/**
 * A2A 1.0 lets an agent recognise a repeated message by its id. This one does: a message that it has seen is
 * answered with the task that it started, and starts nothing.
 */
export class SameMessageHandler extends DefaultRequestHandler {
  onArrival: (messageId: string) => void = () => undefined;
  readonly #taskOf = new BoundedMap<string, string>(KEPT);
  readonly #underWay = new Map<string, Promise<Message | Task>>();

  override async sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    this.onArrival(params.message?.messageId ?? '');
    const known = this.#knownTask(params);
    if (known) return this.getTask(getRequest(known), context);
    const messageId = params.message?.messageId ?? '';
    const same = this.#underWay.get(messageId);
    if (same) return same;
    const sent = super.sendMessage(params, context);
    this.#underWay.set(messageId, sent);
    try {
      const result = await sent;
      if ('history' in result) this.#remember(params, result.id);
      return result;
    } finally {
      this.#underWay.delete(messageId);
    }
  }

  override async *sendMessageStream(
    params: SendMessageRequest,
    context: ServerCallContext,
  ): AsyncGenerator<StreamResponse, void, undefined> {
    this.onArrival(params.message?.messageId ?? '');
    const known = this.#knownTask(params);
    if (known) {
      const task = await this.getTask(getRequest(known), context);
      yield { payload: { $case: 'task', value: task } };
      return;
    }
    for await (const event of super.sendMessageStream(params, context)) {
      if (event.payload?.$case === 'task') this.#remember(params, event.payload.value.id);
      yield event;
    }
  }

  #knownTask(params: SendMessageRequest): string | undefined {
    const message = params.message;
    return message && message.taskId === '' ? this.#taskOf.get(message.messageId) : undefined;
  }

  #remember(params: SendMessageRequest, taskId: string): void {
    if (!params.message) return;
    this.#taskOf.set(params.message.messageId, taskId);
  }
}

function getRequest(id: string): GetTaskRequest {
  return { tenant: '', id, historyLength: undefined };
}
