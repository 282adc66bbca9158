import { formatCursor } from '@switchyard/contracts';
import type { A2aStreamResponse } from '@switchyard/contracts/http';
import {
  isInterrupted,
  isTerminal,
  newTask,
  taskAfter,
  type TaskFold,
  taskOf,
  taskSpeaking,
  type TaskUpdate,
} from './a2a-task.ts';
import type { Dialect } from './dialect.ts';
import { type Frame, group } from './frame.ts';

/*
 * The stream of an A2A task: `StreamResponse` objects, each in the answer to the JSON-RPC request with the id
 * `context.rpcId` if there is one. The first frame is the whole task.
 */

export interface A2aState {
  readonly rpcId: string | number | null | undefined;
  readonly task: TaskFold;
}

export const a2aDialect: Dialect<A2aState> = {
  initial: ({ runId, rpcId }) => ({ rpcId, task: newTask(runId) }),

  project({ rpcId, task }, event) {
    const { state, updates } = taskAfter(task, event);
    const frames = framesOf(rpcId, state, updates);
    return { state: { rpcId, task: state }, frames: group(frames, formatCursor(event.runId, event.seq)) };
  },

  speak({ rpcId, task }, delta) {
    const { state, updates } = taskSpeaking(task, delta);
    return { state: { rpcId, task: state }, frames: framesOf(rpcId, state, updates) };
  },

  // Parts that were spoken before this client came are not its own.
  prelude: ({ rpcId, task }) => ({
    state: { rpcId, task: { ...task, spoken: null } },
    frames: [{ data: enveloped(rpcId, { task: taskOf(task) }) }],
  }),

  pauses: ({ task }) => isInterrupted(task.status),

  interrupted: ({ rpcId, task }, { code, message }) =>
    isTerminal(task.status) ? [] : [{ event: 'error', data: failure(rpcId, `${message} (${code})`) }],
};

function framesOf(rpcId: A2aState['rpcId'], task: TaskFold, updates: readonly TaskUpdate[]): Frame[] {
  return updates.map((update) => ({ data: enveloped(rpcId, responseOf(task, update)) }));
}

/** One update as the protocol has it. */
export function responseOf(task: TaskFold, update: TaskUpdate): A2aStreamResponse {
  const ids = { taskId: task.runId, contextId: task.contextId };
  switch (update.kind) {
    case 'task':
      return { task: taskOf(task) };
    case 'status': {
      const { status, metadata } = update;
      return { statusUpdate: { ...ids, status, ...(metadata === undefined ? {} : { metadata: { ...metadata } }) } };
    }
    case 'artifact': {
      const { artifact, append, lastChunk } = update;
      return { artifactUpdate: { ...ids, artifact, append, lastChunk } };
    }
  }
}

function enveloped(id: A2aState['rpcId'], result: A2aStreamResponse): object {
  return id === undefined ? result : { jsonrpc: '2.0', id, result };
}

const INTERNAL_ERROR = -32_603;

function failure(id: A2aState['rpcId'], message: string): object {
  return id === undefined
    ? { error: { code: 503, status: 'UNAVAILABLE', message, details: [] } }
    : { jsonrpc: '2.0', id, error: { code: INTERNAL_ERROR, message } };
}
