import { Role, TaskState } from '@a2a-js/sdk';
import type { Message, StreamResponse, Task } from '@a2a-js/sdk';
import type { StepResult } from '@switchyard/contracts';
import { plainText } from '../agents/index.ts';
import { CollectedOutput, messageOutput, messageText } from './output.ts';

const MAX_MESSAGE_CHARS = 2_000;

const SETTLED: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
  TaskState.TASK_STATE_INPUT_REQUIRED,
  TaskState.TASK_STATE_AUTH_REQUIRED,
]);

/**
 * The state of a task at another agent, folded from the agent's messages.
 *
 * - Once the agent has accepted the task (its id is known), the message is never sent again; the caller follows the
 *   task.
 * - A state that ends or interrupts the task settles it; later messages of the agent do not count.
 */
export class RemoteTask {
  taskId: string | undefined;
  #state: TaskState | undefined;
  #statusText = '';
  #lastAgentText = '';
  #direct: Message | undefined;
  readonly #output = new CollectedOutput();

  get settled(): boolean {
    return this.#direct !== undefined || (this.#state !== undefined && SETTLED.has(this.#state));
  }

  /** The agent waits for input or a sign-in that nobody here provides: its task must be cancelled. */
  get interrupted(): boolean {
    return this.#state === TaskState.TASK_STATE_INPUT_REQUIRED || this.#state === TaskState.TASK_STATE_AUTH_REQUIRED;
  }

  apply({ payload }: StreamResponse): void {
    if (this.settled) return;
    switch (payload?.$case) {
      case 'task':
        return this.applySnapshot(payload.value);
      case 'message':
        this.#direct = payload.value;
        return;
      case 'statusUpdate':
        this.taskId ??= payload.value.taskId;
        return this.#applyStatus(payload.value.status);
      case 'artifactUpdate':
        this.taskId ??= payload.value.taskId;
        if (payload.value.artifact) this.#output.add(payload.value.artifact, payload.value.append);
        return;
      case undefined:
        return;
    }
  }

  applySnapshot(task: Task): void {
    if (this.settled) return;
    this.taskId = task.id;
    if (task.artifacts.length > 0) this.#output.replace(task.artifacts);
    const said = task.history.findLast((message) => message.role === Role.ROLE_AGENT);
    if (said) this.#lastAgentText = messageText(said);
    this.#applyStatus(task.status);
  }

  #applyStatus(status: Task['status']): void {
    if (!status) return;
    this.#state = status.state;
    if (status.message) this.#statusText = messageText(status.message);
  }

  /** The answer to the step. Only for a settled task. */
  result(): StepResult {
    if (this.#direct) return { status: 'succeeded', output: messageOutput(this.#direct) };
    const said = plainText(this.#statusText, MAX_MESSAGE_CHARS);
    switch (this.#state) {
      case TaskState.TASK_STATE_COMPLETED:
        return {
          status: 'succeeded',
          output: this.#output.empty ? this.#statusText || this.#lastAgentText : this.#output.value(),
        };
      case TaskState.TASK_STATE_INPUT_REQUIRED:
        return failed('agent_input_required', `The agent asks for more input: ${said || 'it does not say what'}`);
      case TaskState.TASK_STATE_AUTH_REQUIRED:
        return failed('agent_auth_required', `The agent asks for a sign-in: ${said || 'it does not say where'}`);
      case TaskState.TASK_STATE_CANCELED:
        return failed('agent_failed', 'The task was cancelled at the agent.');
      case TaskState.TASK_STATE_REJECTED:
        return failed('agent_failed', `The agent rejected the task: ${said || 'it gave no reason'}`);
      default:
        return failed('agent_failed', said || 'The agent failed and gave no reason.');
    }
  }
}

export function failed(code: string, message: string): StepResult {
  return { status: 'failed', code, message };
}
