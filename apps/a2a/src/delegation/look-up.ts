import { type Task, TaskState } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';

/**
 * What an agent says of a message that may have reached it.
 *   found    the task that it started
 *   unknown  none of its tasks has the message: it did not come, or was answered without a task
 *   silent   the agent does not say: it lists no tasks, or cannot be reached
 */
export type LookUp = { readonly kind: 'found'; readonly task: Task } | { readonly kind: 'unknown' | 'silent' };

const PAGE_SIZE = 50;
const MAX_PAGES = 10;
/** The message that started a task is the first of its history. */
const HISTORY = 100;
const LIMIT_MS = 10_000;

/**
 * Asks an agent by ListTasks for the task that a message started; the id of the message is our own, so no other task has
 * it. Looks at the 500 tasks that changed last, and never throws.
 */
export async function lookUpTask(
  client: Pick<Client, 'listTasks'>,
  messageId: string,
  signal: AbortSignal,
): Promise<LookUp> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  let pageToken = '';
  try {
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = {
        tenant: '',
        contextId: '',
        status: TaskState.TASK_STATE_UNSPECIFIED,
        pageSize: PAGE_SIZE,
        pageToken,
        historyLength: HISTORY,
        statusTimestampAfter: undefined,
        includeArtifacts: true,
      };
      const { tasks, nextPageToken } = await client.listTasks(query, { signal: limited });
      const task = tasks.find(({ history }) => history.some((message) => message.messageId === messageId));
      if (task) return { kind: 'found', task };
      if (nextPageToken === '') return { kind: 'unknown' };
      pageToken = nextPageToken;
    }
    return { kind: 'unknown' };
  } catch {
    return { kind: 'silent' };
  }
}
