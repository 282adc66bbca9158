import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { Bus } from '@switchyard/bus';
import { ID_PATTERN, listRuns, type Principal, type RunSummary } from '@switchyard/contracts';
import { type A2aListQuery, type A2aTask, TASK_STATES, type TaskStateName } from '@switchyard/contracts/http';
import { stateOf, taskOfSummary } from './task-of-view.ts';
import { type A2aTasks, isOwnTenant } from './tasks.ts';

/*
 * ListTasks: the runs of the caller, newest first.
 *
 * - A task in the list has the state that GetTask gives; history and artifacts come with it only if asked for.
 * - One call reads a bounded number of pages: with a filter a page may hold fewer tasks than asked for, and be followed
 *   by another.
 */

type Query = ReturnType<typeof A2aListQuery.parse>;

export interface TaskPage {
  readonly tasks: readonly A2aTask[];
  readonly nextPageToken: string;
  readonly pageSize: number;
  readonly totalSize: number;
}

const DEFAULT_PAGE = 50;
const MAX_PAGES_READ = 10;

export async function listTasks(
  bus: Pick<Bus, 'request'>,
  tasks: Pick<A2aTasks, 'get'>,
  principal: Principal,
  query: Query,
): Promise<TaskPage> {
  const limit = query.pageSize ?? DEFAULT_PAGE;
  const state = stateNamed(query.status);
  const wanted = filterOf(query, state);
  const { contextId } = query;
  const none = { tasks: [], nextPageToken: '', pageSize: limit, totalSize: 0 };
  const isNamed = contextId !== undefined && contextId !== '';
  if (!isOwnTenant(principal, query.tenant) || (isNamed && !ID_PATTERN.test(contextId))) return none;
  let cursor = query.pageToken === '' ? undefined : query.pageToken;
  let found: RunSummary[] = [];
  for (let pages = 0; pages < MAX_PAGES_READ; pages += 1) {
    const page = await bus.request(listRuns, {
      principal,
      limit,
      ...(isNamed ? { threadId: contextId } : {}),
      ...(cursor === undefined ? {} : { cursor }),
    });
    found = page.runs.filter(wanted);
    cursor = page.nextCursor ?? undefined;
    if (found.length > 0 || cursor === undefined) break;
  }
  const whole = query.includeArtifacts === true || query.includeArtifacts === 'true' || (query.historyLength ?? 0) > 0;
  const listed: A2aTask[] = [];
  for (const run of found) {
    const task = whole || isUnsure(run) ? await entire(tasks, principal, run, query) : taskOfSummary(principal, run);
    if (state === undefined || task.status.state === state) listed.push(task);
  }
  return {
    tasks: listed,
    nextPageToken: cursor ?? '',
    pageSize: limit,
    // As many as are known of; their number is not counted.
    totalSize: listed.length + (cursor === undefined ? 0 : 1),
  };
}

/** A summary does not tell a refused task from a failed one, nor a question from a login. */
function isUnsure({ phase, status }: RunSummary): boolean {
  return phase === 'waiting' || status === 'failed';
}

async function entire(
  tasks: Pick<A2aTasks, 'get'>,
  principal: Principal,
  run: RunSummary,
  query: Query,
): Promise<A2aTask> {
  const { artifacts, ...task } = await tasks.get(principal, { id: run.runId, historyLength: query.historyLength ?? 0 });
  return String(query.includeArtifacts) === 'true' ? { ...task, artifacts: artifacts ?? [] } : task;
}

function filterOf({ statusTimestampAfter }: Query, state: TaskStateName | undefined): (run: RunSummary) => boolean {
  const after =
    statusTimestampAfter === undefined || statusTimestampAfter === '' ? undefined : Date.parse(statusTimestampAfter);
  if (Number.isNaN(after)) throw new RequestMalformedError('statusTimestampAfter must be a time in ISO 8601.');
  return (run) =>
    (state === undefined || isLike(run, state)) && (after === undefined || (run.endedAt ?? run.createdAt) >= after);
}

function isLike(run: RunSummary, state: TaskStateName): boolean {
  if (state === 'TASK_STATE_REJECTED') return run.status === 'failed';
  if (state === 'TASK_STATE_AUTH_REQUIRED') return run.phase === 'waiting';
  return stateOf(run) === state;
}

function stateNamed(status: string | undefined): TaskStateName | undefined {
  if (status === undefined || status === '' || status === 'TASK_STATE_UNSPECIFIED') return undefined;
  const known = TASK_STATES.find((name) => name === status);
  if (known === undefined)
    throw new RequestMalformedError('status must be the name of a task state, as TASK_STATE_WORKING.');
  return known;
}
