import {
  AppError,
  Budget,
  encodeId,
  type InputOf,
  type Principal,
  publicRunId,
  RunSpec,
  type RunView,
  scopedRunId,
  sha256,
  type startRun,
  ToolConstraints,
} from '@switchyard/contracts';
import type { OrchestrateRequest, RunResource } from '@switchyard/contracts/http';
import { eventsUrl } from '../streams/index.ts';

/* Converts requests of clients to requests to the orchestrator. Pure. */

const MAX_KEY_CHARS = 256;

export interface Start {
  readonly principal: Principal;
  /** Used if the client names no run of its own. */
  readonly mintedRunId: string;
  readonly idempotencyKey: string | undefined;
}

/**
 * The request to start a run; a run id that the client chose gets the tag of its tenant. The idempotency key is the
 * client's, else its run id, else the minted one. A client that names the thread is told if another run of it is under
 * way, unless it asks for something else.
 */
export function toStartRun(body: OrchestrateRequest, start: Start): InputOf<typeof startRun> {
  const runId = body.run_id ?? start.mintedRunId;
  const key = keyOf(start.idempotencyKey);
  return {
    runId: body.run_id ? scopedRunId(start.principal.tenantId, runId) : runId,
    idempotencyKey: key ?? runId,
    run: RunSpec.parse({
      task: body.task,
      // A repeated request must be identical, so its thread cannot be a new one each time.
      thread_id: body.thread_id ?? (key === undefined ? runId : `k-${digest(key)}`),
      principal: start.principal,
      tool_constraints: constraintsOf(body.tool_constraints),
      budget: budgetOf(body.budget, body.worker?.max_steps),
      ...given('engine', body.worker?.engine),
      ...given('enable_reflection', body.worker?.enable_reflection),
      ...given('interactive', body.interactive),
      ...given('approvals', body.approvals),
      ...given('on_disconnect', body.on_disconnect),
      ...given('thread_concurrency', body.thread_concurrency ?? (body.thread_id ? 'reject' : undefined)),
    }),
  };
}

function digest(text: string): string {
  return sha256(text).slice(0, 32);
}

export function constraintsOf(value: OrchestrateRequest['tool_constraints']): ToolConstraints {
  return ToolConstraints.parse(withoutNulls(value));
}

export function budgetOf(value: OrchestrateRequest['budget'], maxSteps: number | null | undefined): Budget {
  return Budget.parse({ ...given('max_steps', maxSteps), ...withoutNulls(value) });
}

/** `null` means "not given": defaults apply. */
function withoutNulls(value: Readonly<Record<string, unknown>> | null | undefined): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, field]) => field !== null && field !== undefined));
}

/** A field that was given, and no other. */
export function given<K extends string, V>(name: K, value: V | null | undefined): Partial<Record<K, V>> {
  return value === null || value === undefined ? {} : ({ [name]: value } as Partial<Record<K, V>>);
}

/** An Idempotency-Key header: 1 to 256 printable characters. */
function keyOf(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  if (header.length > MAX_KEY_CHARS || !/^[\x20-\x7e]+$/.test(header)) {
    throw new AppError('invalid_input', `Idempotency-Key must be 1 to ${MAX_KEY_CHARS} printable characters.`);
  }
  return header;
}

/** X-Session-ID as a thread of this user; absent or empty: undefined. */
export function sessionThread(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  if (header.length > MAX_KEY_CHARS)
    throw new AppError('invalid_input', `X-Session-ID must be at most ${MAX_KEY_CHARS} characters.`);
  return encodeId(header.trim());
}

/**
 * The thread of a user's turns without a session: one for each user, since threads belong to their user. No
 * X-Session-ID is encoded to this (`user` is no base64url of UTF-8).
 */
export const USER_THREAD = 'x-user';

/** A run as HTTP clients see it. */
export function toRunResource(view: RunView): RunResource {
  const runId = publicRunId(view.tenantId, view.runId);
  return {
    run_id: runId,
    thread_id: view.threadId,
    tenant_id: view.tenantId,
    user_id: view.userId,
    task: view.task,
    phase: view.phase,
    last_seq: view.lastSeq,
    created_at: view.createdAt,
    ended_at: view.endedAt,
    status: view.status,
    completion_reason: view.completionReason,
    answer: view.answer,
    error: view.error,
    error_code: view.errorCode,
    ...(view.finishReason === undefined ? {} : { finish_reason: view.finishReason }),
    ...(view.retryAfterMs === undefined ? {} : { retry_after_ms: view.retryAfterMs }),
    steps: view.steps,
    usage: view.usage,
    approvals: view.approvals,
    events_url: eventsUrl(runId),
  };
}
