import { setTimeout as sleep } from 'node:timers/promises';
import { Role, TaskState } from '@a2a-js/sdk';
import type { Message, Part, Task } from '@a2a-js/sdk';
import { AgentEvent } from '@a2a-js/sdk/server';
import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server';
import { BoundedMap } from '@switchyard/platform';
import { workFor } from './skills.ts';

const PIECE_CHARS = 64;

const MAX_WAITING = 1_000;

/**
 * Does the work of one message and publishes it as A2A events.
 * - The first event is the task (or the one message of a direct answer).
 * - A cancelled task publishes CANCELED and nothing after it.
 */
export class MockExecutor implements AgentExecutor {
  /** Started executions, so that a test can see a repeated dispatch. */
  executions = 0;
  readonly #running = new Map<string, AbortController>();
  /** Tasks that wait for input, with their context; the last 1,000. */
  readonly #waiting = new BoundedMap<string, string>(MAX_WAITING);

  readonly #onWork: (messageId: string) => void;

  constructor(onWork: (messageId: string) => void) {
    this.#onWork = onWork;
  }

  async execute(context: RequestContext, bus: ExecutionEventBus): Promise<void> {
    this.executions += 1;
    const { taskId, contextId } = context;
    this.#onWork(context.userMessage.messageId);
    const work = workFor(textOf(context.userMessage));
    const words = (text: string): Message => agentMessage(text, taskId, contextId);
    const state = (next: TaskState, text?: string): void =>
      bus.publish(
        AgentEvent.statusUpdate({
          taskId,
          contextId,
          status: status(next, text ? words(text) : undefined),
          metadata: undefined,
        }),
      );
    if (work.kind === 'message') return bus.publish(AgentEvent.message(words(work.text)));

    bus.publish(AgentEvent.task(context.task ?? newTask(context)));
    const abort = new AbortController();
    this.#running.set(taskId, abort);
    try {
      state(TaskState.TASK_STATE_WORKING, 'Working on it');
      switch (work.kind) {
        case 'fail':
          return state(TaskState.TASK_STATE_FAILED, work.message);
        case 'reject':
          return state(TaskState.TASK_STATE_REJECTED, work.message);
        case 'ask':
          this.#keepWaiting(taskId, contextId);
          return state(TaskState.TASK_STATE_INPUT_REQUIRED, work.question);
        case 'login':
          this.#keepWaiting(taskId, contextId);
          return state(TaskState.TASK_STATE_AUTH_REQUIRED, work.message);
        case 'data':
          publishArtifact(bus, taskId, contextId, [dataPart(work.value)], false, true);
          return state(TaskState.TASK_STATE_COMPLETED);
        case 'answer':
          if (work.waitMs > 0) await sleep(work.waitMs, undefined, { signal: abort.signal });
          for (let from = 0; from === 0 || from < work.text.length; from += PIECE_CHARS) {
            const last = from + PIECE_CHARS >= work.text.length;
            publishArtifact(
              bus,
              taskId,
              contextId,
              [textPart(work.text.slice(from, from + PIECE_CHARS))],
              from > 0,
              last,
            );
          }
          return state(TaskState.TASK_STATE_COMPLETED);
      }
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      state(TaskState.TASK_STATE_CANCELED, 'Cancelled');
    } finally {
      this.#running.delete(taskId);
    }
  }

  cancelTask = async (taskId: string, bus: ExecutionEventBus): Promise<void> => {
    this.#running.get(taskId)?.abort();
    const contextId = this.#waiting.get(taskId);
    if (contextId === undefined) return;
    this.#waiting.delete(taskId);
    bus.publish(
      AgentEvent.statusUpdate({
        taskId,
        contextId,
        status: status(TaskState.TASK_STATE_CANCELED),
        metadata: undefined,
      }),
    );
  };

  #keepWaiting(taskId: string, contextId: string): void {
    this.#waiting.set(taskId, contextId);
  }

  /** Ends every running task, for a clean stop. */
  stopAll(): void {
    for (const abort of this.#running.values()) abort.abort();
  }
}

function newTask(context: RequestContext): Task {
  return {
    id: context.taskId,
    contextId: context.contextId,
    status: status(TaskState.TASK_STATE_SUBMITTED),
    artifacts: [],
    history: [context.userMessage],
    metadata: undefined,
  };
}

function status(
  state: TaskState,
  message?: Message,
): { state: TaskState; message: Message | undefined; timestamp: string } {
  return { state, message, timestamp: new Date().toISOString() };
}

function publishArtifact(
  bus: ExecutionEventBus,
  taskId: string,
  contextId: string,
  parts: Part[],
  append: boolean,
  lastChunk: boolean,
): void {
  const artifact = {
    artifactId: 'answer',
    name: 'answer',
    description: '',
    parts,
    metadata: undefined,
    extensions: [],
  };
  bus.publish(AgentEvent.artifactUpdate({ taskId, contextId, artifact, append, lastChunk, metadata: undefined }));
}

function agentMessage(text: string, taskId: string, contextId: string): Message {
  return {
    messageId: crypto.randomUUID(),
    contextId,
    taskId,
    role: Role.ROLE_AGENT,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  };
}

function textPart(text: string): Part {
  return { content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: 'text/plain' };
}

function dataPart(value: unknown): Part {
  return { content: { $case: 'data', value }, metadata: undefined, filename: '', mediaType: 'application/json' };
}

function textOf(message: Message): string {
  return message.parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('\n');
}
