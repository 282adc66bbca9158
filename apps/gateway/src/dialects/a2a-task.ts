import { isErrorCode, ERROR_CODES, type RunEvent } from '@switchyard/contracts';
import type { A2aArtifact, A2aMessage, A2aPart, A2aStatus, A2aTask, TaskStateName } from '@switchyard/contracts/http';
import { evolve, INITIAL, isWaiting, openAsks, type RunState } from '@switchyard/run';
import { agentMessage, answerPart, askParts, dataPart, textPart, userMessage } from './a2a-parts.ts';
import type { SpokenText } from './dialect.ts';

/*
 * A run as an A2A task: a fold over its events, and what each event changes about the task. Pure.
 *
 * - The task that a client builds from the first task and all updates is the task that GetTask returns.
 * - The status changes as the protocol allows: nothing follows a terminal state.
 * - Every text of the assistant is one artifact, every result of a step is one; none is stored but as the run's events.
 * - Live text is appended to its artifact. The finished message brings the rest, or the whole if a piece was missed.
 */

export interface TaskFold {
  readonly runId: string;
  readonly contextId: string;
  readonly status: A2aStatus;
  readonly artifacts: readonly A2aArtifact[];
  readonly history: readonly A2aMessage[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly run: RunState;
  /** The message that is being spoken, as far as this client was shown it without a hole. */
  readonly spoken: { readonly messageId: string; readonly next: number; readonly text: string } | null;
}

export type TaskUpdate =
  | { readonly kind: 'task' }
  | { readonly kind: 'status'; readonly status: A2aStatus; readonly metadata?: Readonly<Record<string, unknown>> }
  | {
      readonly kind: 'artifact';
      readonly artifact: A2aArtifact;
      readonly append: boolean;
      readonly lastChunk: boolean;
    };

export interface TaskStep {
  readonly state: TaskFold;
  readonly updates: readonly TaskUpdate[];
}

const TERMINAL: ReadonlySet<TaskStateName> = new Set([
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
]);

export function isTerminal({ state }: Pick<A2aStatus, 'state'>): boolean {
  return TERMINAL.has(state);
}

/** The task waits for its client: for an answer, or for a login. */
export function isInterrupted({ state }: Pick<A2aStatus, 'state'>): boolean {
  return state === 'TASK_STATE_INPUT_REQUIRED' || state === 'TASK_STATE_AUTH_REQUIRED';
}

export function newTask(runId: string): TaskFold {
  return {
    runId,
    contextId: '',
    status: { state: 'TASK_STATE_SUBMITTED', timestamp: new Date(0).toISOString() },
    artifacts: [],
    history: [],
    metadata: {},
    run: INITIAL,
    spoken: null,
  };
}

/** The task as a client is shown it; `historyLength` 0: without history. */
export function taskOf(state: TaskFold, historyLength?: number): A2aTask {
  const { runId: id, contextId, status, artifacts, metadata } = state;
  const history = historyLength === undefined ? state.history : lastOf(state.history, historyLength);
  return {
    id,
    contextId,
    status,
    artifacts: [...artifacts],
    ...(historyLength === 0 ? {} : { history: [...history] }),
    metadata: { ...metadata },
  };
}

function lastOf<T>(list: readonly T[], count: number): readonly T[] {
  return count === 0 ? [] : list.slice(-count);
}

/** The task after one more event of its run, and what of it changed. */
export function taskAfter(before: TaskFold, event: RunEvent): TaskStep {
  const evolved = { ...before, run: evolve(before.run, event) };
  const { state, updates } = step(evolved, event);
  if (isTerminal(state.status)) return { state, updates };
  return withStatus(state, updates, event);
}

function step(state: TaskFold, event: RunEvent): TaskStep {
  const id = `${state.runId}-${event.seq}`;
  switch (event.type) {
    case 'orchestrator.run.accepted': {
      const { run } = event.data;
      const said = userMessage(id, [textPart(run.task)]);
      const status = { state: 'TASK_STATE_SUBMITTED', timestamp: timeOf(event) } as const;
      return { state: { ...state, contextId: run.thread_id, status, history: [said] }, updates: [{ kind: 'task' }] };
    }
    case 'orchestrator.approval.requested': {
      const { data } = event;
      return unchanged({ ...state, history: [...state.history, agentMessage(id, askParts([data]))] });
    }
    case 'orchestrator.approval.decided': {
      const { data } = event;
      // Nobody said that the question expired.
      if (data.decision === 'expired') return unchanged(state);
      return unchanged({ ...state, history: [...state.history, userMessage(id, [answerPart(data)])] });
    }
    case 'orchestrator.message.completed': {
      const { message_id: artifactId, text, final } = event.data;
      return spokenOut(state, { artifactId, name: final ? 'answer' : 'text', parts: [textPart(text)] }, text);
    }
    case 'orchestrator.step.completed': {
      const { step_id: artifactId, target, success, result, provenance } = event.data;
      if (target === 'user' || !success) return unchanged(state);
      const name = stepName(state.run, artifactId) ?? target;
      const metadata = provenance === undefined ? {} : { metadata: { trust: provenance.trust } };
      return added(state, { artifactId, name, parts: [resultPart(result)], ...metadata });
    }
    case 'orchestrator.task.completed':
      return ended(state, event);
    default:
      return unchanged(state);
  }
}

/** One more piece of live text; the very state if this client cannot be shown it. */
export function taskSpeaking(state: TaskFold, { messageId, index, text, count = 1 }: SpokenText): TaskStep {
  const before = state.spoken?.messageId === messageId ? state.spoken : { messageId, next: 0, text: '' };
  const isKnown = state.artifacts.some(({ artifactId }) => artifactId === messageId);
  if (index !== before.next || isKnown || isTerminal(state.status) || text === '') return unchanged(state);
  const spoken = { messageId, next: index + count, text: before.text + text };
  const artifact = { artifactId: messageId, name: 'text', parts: [textPart(text)] };
  return {
    state: { ...state, spoken },
    updates: [{ kind: 'artifact', artifact, append: index > 0, lastChunk: false }],
  };
}

function unchanged(state: TaskFold): TaskStep {
  return { state, updates: [] };
}

function added(state: TaskFold, artifact: A2aArtifact): TaskStep {
  return {
    state: { ...state, artifacts: [...state.artifacts, artifact] },
    updates: [{ kind: 'artifact', artifact, append: false, lastChunk: true }],
  };
}

/** The finished message: what was not spoken of it, if that is its end; else the whole. */
function spokenOut(state: TaskFold, artifact: A2aArtifact, text: string): TaskStep {
  const { spoken } = state;
  const whole = added({ ...state, spoken: null }, artifact);
  const rest = spoken?.messageId === artifact.artifactId && text.startsWith(spoken.text) ? spoken.text.length : 0;
  if (rest === 0) return whole;
  const parts = [textPart(text.slice(rest))];
  return { ...whole, updates: [{ kind: 'artifact', artifact: { ...artifact, parts }, append: true, lastChunk: true }] };
}

function ended(state: TaskFold, event: Extract<RunEvent, { type: 'orchestrator.task.completed' }>): TaskStep {
  const { data } = event;
  const answered = state.artifacts.some(({ name }) => name === 'answer');
  const told =
    answered || data.answer === null || data.answer === ''
      ? unchanged(state)
      : added(state, { artifactId: 'answer', name: 'answer', parts: [textPart(data.answer)] });
  const taskState = endOf(state.run, data);
  const reason = taskState === 'TASK_STATE_COMPLETED' ? null : (data.error ?? summaryOf(data.error_code));
  const status: A2aStatus = {
    state: taskState,
    timestamp: timeOf(event),
    ...(reason === null ? {} : { message: agentMessage(`${state.runId}-${event.seq}`, [textPart(reason)]) }),
  };
  const metadata = {
    ...state.metadata,
    status: data.status,
    completion_reason: data.completion_reason,
    ...(data.error_code === null ? {} : { error_code: data.error_code }),
  };
  const after = { ...told.state, status, metadata, spoken: null };
  return { state: after, updates: [...told.updates, { kind: 'status', status, metadata }] };
}

/** A task that was refused before any work on it is REJECTED. */
function endOf(run: RunState, { status }: { status: 'success' | 'partial' | 'failed' | 'cancelled' }): TaskStateName {
  if (status === 'success' || status === 'partial') return 'TASK_STATE_COMPLETED';
  if (status === 'cancelled') return 'TASK_STATE_CANCELED';
  const refused = run.violation?.where === 'task' || (run.exceeded !== null && run.exceeded.scope !== 'run');
  return refused && run.plannings.length === 0 ? 'TASK_STATE_REJECTED' : 'TASK_STATE_FAILED';
}

function summaryOf(code: string | null): string {
  return isErrorCode(code) ? ERROR_CODES[code].summary : 'The run ended without an answer.';
}

/** The status that follows from where the run is, if it is another than before. */
function withStatus(state: TaskFold, updates: readonly TaskUpdate[], event: RunEvent): TaskStep {
  if (event.type === 'orchestrator.run.accepted') return { state, updates };
  const asks = state.run.cancel === null && isWaiting(state.run) ? openAsks(state.run).map((ask) => ask.request) : [];
  const login = asks.every(({ kind }) => kind === 'question') ? loginFor(state.run) : null;
  const waits: TaskStateName = login === null ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_AUTH_REQUIRED';
  const next: TaskStateName = asks.length > 0 ? waits : 'TASK_STATE_WORKING';
  const messageId = `${state.runId}-asks-${asks.map(({ approval_id: id }) => id).join('-')}`;
  const same = next === state.status.state && (asks.length === 0 || state.status.message?.messageId === messageId);
  if (same) return { state, updates };
  const status: A2aStatus = {
    state: next,
    timestamp: timeOf(event),
    ...(asks.length === 0
      ? {}
      : { message: agentMessage(messageId, [...(login === null ? [] : [textPart(login)]), ...askParts(asks)]) }),
  };
  return { state: { ...state, status }, updates: [...updates, { kind: 'status', status }] };
}

/**
 * What a tool said of the login that it lacks, with the link, if that is what the run asks about: nobody has answered
 * since, and the tool has not worked since.
 */
function loginFor({ steps }: RunState): string | null {
  const at = steps.findLastIndex(({ outcome }) => outcome?.error_code === 'provider_not_connected');
  const step = steps[at];
  if (step === undefined) return null;
  const isOver = steps.slice(at + 1).some(({ act, outcome }) => {
    return outcome !== null && (act.target === 'user' || (outcome.success && act.tool === step.act.tool));
  });
  return isOver ? null : (step.outcome?.error ?? ERROR_CODES.provider_not_connected.summary);
}

function resultPart(result: unknown): A2aPart {
  return typeof result === 'string' ? textPart(result) : dataPart(result);
}

function stepName(run: RunState, stepId: string): string | undefined {
  const act = run.steps.find((known) => known.act.step_id === stepId)?.act;
  return act?.tool ?? act?.agent;
}

function timeOf({ ts }: RunEvent): string {
  return new Date(ts).toISOString();
}
