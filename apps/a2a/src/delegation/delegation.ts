import { Role } from '@a2a-js/sdk';
import type { SendMessageRequest, StreamResponse } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import type { StepResult } from '@switchyard/contracts';
import { endOf } from './abort.ts';
import { lookUpTask } from './look-up.ts';
import { failed, RemoteTask } from './remote-task.ts';
import { isTaskNotFound, sendFailure } from './send-failure.ts';
import type { SendFailure } from './send-failure.ts';

interface DelegationOptions {
  client: Client;
  streaming: boolean;
  task: string;
  /** The id of the message: the same for every dispatch of the same step. */
  messageId: string;
  /** An earlier dispatch, in a process that is gone, may have sent the message: the agent is asked before it is sent. */
  mayHaveBeenSent?: boolean | undefined;
  /** The remote task of an earlier dispatch of this step, if known. */
  knownTaskId?: string | undefined;
  /** Further tries if nothing was sent, or where a repetition does no harm. */
  retries: number;
  /** The agent recognises a message by its id and does not work on it twice. */
  deduplicates?: boolean | undefined;
  /** Ends the work: cancelled by the caller, or out of time. */
  signal: AbortSignal;
  onAccepted(taskId: string): void;
  backoffMs(attempt: number): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface DelegationOutcome {
  result: StepResult;
  remoteTaskId: string | undefined;
  /** How often the message was sent. */
  sends: number;
}

const CANCEL_TIMEOUT_MS = 5_000;
/** How long the answer to the step waits for the agent to confirm a cancel; the cancel itself may take longer. */
const CANCEL_WAIT_MS = 500;
/** Follow calls in a row that may fail before the agent counts as lost. */
const MAX_FOLLOW_FAILURES = 5;
const POLL_MS = { first: 100, most: 3_000 };

/**
 * One task at another agent, from the message to its end.
 * - The message is sent again only when nothing of it reached the agent, when the agent said that it took nothing, or to
 *   an agent that recognises a repetition by the id of the message.
 * - Once the agent has accepted the task, `delegate` follows it: by its stream, then SubscribeToTask, then GetTask.
 * - `delegate` cancels the remote task when the work is cancelled or out of time, or when the agent waits for input that
 *   nobody here gives. When only the caller has gone, the remote task runs on: the next owner of the run decides.
 * - When it is not known whether the agent accepted the message, the agent is asked (`lookUpTask`); a task that it names is
 *   followed. Otherwise the outcome is in doubt; it is never guessed.
 */
export async function delegate(options: DelegationOptions): Promise<DelegationOutcome> {
  const remote = new RemoteTask();
  const outcome = (result: StepResult, sends: number): DelegationOutcome => ({
    result,
    remoteTaskId: remote.taskId,
    sends,
  });
  let sends = 0;
  if (options.knownTaskId !== undefined) {
    remote.taskId = options.knownTaskId;
  } else if (!options.mayHaveBeenSent || (await mustBeSent(options, remote))) {
    for (;;) {
      sends += 1;
      const failure = await send(options, remote);
      if (!failure || remote.taskId !== undefined) break;
      if (options.signal.aborted) {
        if (failure.kind === 'unknown' && endOf(options.signal) !== 'gone') void cancelUnanswered(options);
        return outcome(endedBefore(options.signal, failure), sends);
      }
      const mayRepeat = failure.kind === 'not_sent' || (failure.kind === 'unknown' && options.deduplicates === true);
      if (!mayRepeat || sends > options.retries) {
        if (failure.kind === 'unknown' && (await adopted(options, remote))) break;
        return outcome(resultOf(failure), sends);
      }
      try {
        await options.sleep(failure.retryAfterMs ?? options.backoffMs(sends), options.signal);
      } catch {
        return outcome(endedBefore(options.signal, failure), sends);
      }
    }
  }
  if (remote.taskId === undefined && !remote.settled) return outcome(NOT_FOUND, sends);
  const lost = remote.settled ? undefined : await follow(options, remote);
  const leftAlone = options.signal.aborted && endOf(options.signal) === 'gone';
  if ((!remote.settled && !leftAlone) || remote.interrupted) await cancelRemote(options, remote);
  if (remote.settled) return outcome(remote.result(), sends);
  if (options.signal.aborted) return outcome(ended(options.signal), sends);
  return outcome(lost ?? failed('agent_unreachable', 'The agent could not be reached any more.'), sends);
}

const NOT_FOUND = inDoubt(
  'agent_failed',
  'The message may have been sent before, and the agent names no task of it. Whether it worked on it is not known.',
);

/** True if the message that may have been sent before must be sent: the agent names no task, and knows a repetition. */
async function mustBeSent(options: DelegationOptions, remote: RemoteTask): Promise<boolean> {
  return !(await adopted(options, remote)) && options.deduplicates === true && !options.signal.aborted;
}

/** True if the agent names the task that the message started; it is followed from now on. */
async function adopted(options: DelegationOptions, remote: RemoteTask): Promise<boolean> {
  const found = await lookUpTask(options.client, options.messageId, options.signal);
  if (found.kind !== 'found') return false;
  remote.applySnapshot(found.task);
  options.onAccepted(found.task.id);
  return true;
}

/** Sends the message and reads the response. Undefined: no failure so far. */
async function send(options: DelegationOptions, remote: RemoteTask): Promise<SendFailure | undefined> {
  const request = messageOf(options);
  try {
    if (options.streaming) {
      await read(options.client.sendMessageStream(request, callOptions(options)), options, remote);
    } else {
      const answer = await options.client.sendMessage(request, callOptions(options));
      const event: StreamResponse =
        'messageId' in answer
          ? { payload: { $case: 'message', value: answer } }
          : { payload: { $case: 'task', value: answer } };
      take(event, options, remote);
    }
    if (remote.taskId !== undefined || remote.settled) return undefined;
    return { kind: 'unknown', code: 'agent_failed', message: 'The agent answered with nothing.' };
  } catch (error) {
    return sendFailure(error);
  }
}

async function read(
  events: AsyncIterable<StreamResponse>,
  options: DelegationOptions,
  remote: RemoteTask,
): Promise<void> {
  for await (const event of events) {
    take(event, options, remote);
    if (remote.settled) return;
  }
}

function take(event: StreamResponse, options: DelegationOptions, remote: RemoteTask): void {
  const before = remote.taskId;
  remote.apply(event);
  if (remote.taskId !== undefined && remote.taskId !== before) options.onAccepted(remote.taskId);
}

/** Follows an accepted task until it settles or the signal ends it. Returns the reason if it was lost. */
async function follow(options: DelegationOptions, remote: RemoteTask): Promise<StepResult | undefined> {
  let failures = 0;
  let subscribe = options.streaming;
  for (let polls = 0; !remote.settled && !options.signal.aborted; polls += 1) {
    try {
      if (subscribe) {
        subscribe = false; // One stream; when it ends without an end of the task, GetTask has the last word.
        await read(
          options.client.resubscribeTask({ tenant: '', id: remote.taskId! }, callOptions(options)),
          options,
          remote,
        );
      } else {
        const task = await options.client.getTask(
          { tenant: '', id: remote.taskId!, historyLength: 10 },
          callOptions(options),
        );
        remote.applySnapshot(task);
      }
      failures = 0;
    } catch (error) {
      if (isTaskNotFound(error)) return inDoubt('agent_failed', 'The agent does not know the task any more.');
      if (sendFailure(error).kind === 'refused' && polls > 0) failures = MAX_FOLLOW_FAILURES;
      failures += 1;
      if (failures > MAX_FOLLOW_FAILURES) {
        return inDoubt('agent_unreachable', 'The agent took the task and cannot be reached any more.');
      }
    }
    if (remote.settled || options.signal.aborted) return undefined;
    const pause = failures > 0 ? options.backoffMs(failures) : Math.min(POLL_MS.first * 1.5 ** polls, POLL_MS.most);
    await options.sleep(pause, options.signal).catch(() => undefined);
  }
  return undefined;
}

/** Best effort; a task that ends in the meantime is not affected. */
async function cancelRemote(options: DelegationOptions, remote: RemoteTask): Promise<void> {
  if (remote.taskId === undefined) return;
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  const cancelled = options.client
    .cancelTask({ tenant: '', id: remote.taskId, metadata: undefined }, { signal })
    .catch(() => undefined);
  const waited = new AbortController();
  await Promise.race([cancelled, options.sleep(CANCEL_WAIT_MS, waited.signal).catch(() => undefined)]);
  waited.abort();
}

/** Cancels the task of a message that was not answered in time, if the agent names one. Best effort, and bounded. */
async function cancelUnanswered({ client, messageId }: DelegationOptions): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  const found = await lookUpTask(client, messageId, signal);
  if (found.kind !== 'found') return;
  await client.cancelTask({ tenant: '', id: found.task.id, metadata: undefined }, { signal }).catch(() => undefined);
}

function callOptions(options: DelegationOptions): { signal: AbortSignal } {
  return { signal: options.signal };
}

function messageOf({ task, messageId, streaming }: DelegationOptions): SendMessageRequest {
  return {
    tenant: '',
    metadata: undefined,
    configuration: {
      acceptedOutputModes: ['text/plain', 'application/json'],
      taskPushNotificationConfig: undefined,
      returnImmediately: !streaming,
    },
    message: {
      messageId,
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

function resultOf(failure: SendFailure): StepResult {
  if (failure.kind === 'unknown') return inDoubt(failure.code, failure.message);
  return failed(failure.code, failure.message);
}

/** The outcome if the work ended while the message was being sent. */
function endedBefore(signal: AbortSignal, failure: SendFailure): StepResult {
  return failure.kind === 'unknown' && endOf(signal) === 'timeout'
    ? inDoubt('deadline_exceeded', 'The agent did not say in time whether it took the task.')
    : ended(signal);
}

function ended(signal: AbortSignal): StepResult {
  switch (endOf(signal)) {
    case 'timeout':
      return failed('deadline_exceeded', 'The agent did not finish in time; its task was cancelled.');
    case 'cancelled':
      return failed('cancelled', 'The step was cancelled, and so was the task of the agent.');
    case 'gone':
      return inDoubt('cancelled', 'The step was left while the agent works on it.');
  }
}

function inDoubt(code: string, message: string): StepResult {
  return { status: 'in_doubt', code, message };
}
