import { TaskState } from '@a2a-js/sdk';
import type { ListTasksRequest, ListTasksResponse, Task } from '@a2a-js/sdk';
import type { TaskStore } from '@a2a-js/sdk/server';
import { BoundedMap } from '@switchyard/platform';

const KEPT = 1_000;

/** The last 1,000 tasks, in memory. One shared scope: the mock agent has no users. */
export class RecentTasks implements TaskStore {
  readonly #tasks = new BoundedMap<string, Task>(KEPT);

  save(task: Task): Promise<void> {
    this.#tasks.set(task.id, structuredClone(task));
    return Promise.resolve();
  }

  load(taskId: string): Promise<Task | undefined> {
    const task = this.#tasks.get(taskId);
    return Promise.resolve(task && structuredClone(task));
  }

  list(params: ListTasksRequest): Promise<ListTasksResponse> {
    const fitting = [...this.#tasks.values()]
      .reverse()
      .filter((task) => params.contextId === '' || task.contextId === params.contextId)
      .filter((task) => params.status === TaskState.TASK_STATE_UNSPECIFIED || task.status?.state === params.status);
    const pageSize = Math.min(Math.max(params.pageSize ?? 50, 1), 100);
    const from = Number.parseInt(params.pageToken || '0', 10) || 0;
    const page = fitting.slice(from, from + pageSize).map((task) => structuredClone(task));
    if (!params.includeArtifacts) for (const task of page) task.artifacts = [];
    const next = from + pageSize < fitting.length ? String(from + pageSize) : '';
    return Promise.resolve({ tasks: page, nextPageToken: next, pageSize, totalSize: fitting.length });
  }
}
