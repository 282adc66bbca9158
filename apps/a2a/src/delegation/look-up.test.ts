import type { ListTasksResponse, Task } from '@a2a-js/sdk';
import { describe, expect, it } from '@jest/globals';
import { lookUpTask } from './look-up.ts';

const task = (id: string, messageId: string) => ({ id, history: [{ messageId }] }) as unknown as Task;
const never = new AbortController().signal;
const pages =
  (...all: Task[][]) =>
  (query: { pageToken: string }) => {
    const at = Number(query.pageToken || 0);
    const nextPageToken = at + 1 < all.length ? String(at + 1) : '';
    return Promise.resolve({ tasks: all[at]!, nextPageToken } as ListTasksResponse);
  };

describe('an agent is asked for the task of a message', () => {
  it('on whatever page it is', async () => {
    const listTasks = pages([task('a', 'x')], [task('b', 'y')]);
    expect(await lookUpTask({ listTasks }, 'y', never)).toMatchObject({ kind: 'found', task: { id: 'b' } });
    expect(await lookUpTask({ listTasks }, 'z', never)).toEqual({ kind: 'unknown' });
  });

  it('and is not asked for ever, and what it cannot say is no answer', async () => {
    let asked = 0;
    const endless = () => {
      asked += 1;
      return Promise.resolve({ tasks: [], nextPageToken: 'more' } as unknown as ListTasksResponse);
    };
    expect(await lookUpTask({ listTasks: endless }, 'x', never)).toEqual({ kind: 'unknown' });
    expect(asked).toBe(10);
    const listTasks = () => Promise.reject(new Error('not implemented'));
    expect(await lookUpTask({ listTasks }, 'x', never)).toEqual({ kind: 'silent' });
  });
});
