import { randomBytes } from 'node:crypto';
import { CallerLost, type SystemEventPublisher } from '@switchyard/bus';
import { AppError, type StepResult } from '@switchyard/contracts';
import { linkAbort, type Logger, type Metrics } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import {
  type CallRequest,
  type Ending,
  failed,
  mayHaveEffect,
  outcomeWithoutOutput,
  type Performed,
  presentable,
  recordable,
  type Tool,
  type ToolContext,
  toolFailed,
  withoutMcp,
} from '../tool/index.ts';
import type { LedgeredExecutor } from '../effects/index.ts';
import { inToolSpan } from './tool-span.ts';
import type { Toolbox } from '../catalog/index.ts';

/*
 * Runs one tool call.
 *
 * - The order is fixed: find the tool and check that the user may call it, validate the arguments, get the credentials,
 *   run the tool, validate its output and limit its size.
 * - A failed tool is an answer (outcome.ts), and the executor puts no credential into an answer. run() throws only
 *   `worker_lost`, if the outcome of an effect could not be recorded.
 * - The caller has its answer at the time limit at the latest, even if the tool ignores its signal. Such an overdue
 *   call continues after its answer: it is counted, and the number is limited per tool. Its end is logged and, if the
 *   call may have an effect, recorded.
 * - A call that was cancelled before it began has no effect.
 * - A tool that needs a person's approval runs only for a step that brings one.
 * - A call that may have an effect goes through the ledger (effects/ledgered-executor.ts). A call that only reads and
 *   is safe to repeat does not, so it waits for no database.
 * - A cancel and the time limit stop a call that may have an effect; the loss of its caller does not. The next owner of
 *   the run asks again, and the ledger has the outcome.
 * - The audit log records which user was refused a tool, and which user called a tool that is reserved for a role.
 */

export interface ExecutorParts {
  readonly toolbox: Pick<Toolbox, 'find'>;
  readonly effects: Pick<LedgeredExecutor, 'perform'>;
  readonly systemEvents: Pick<SystemEventPublisher, 'publish'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Credentials by name, from the environment. */
  readonly credentials: Readonly<Record<string, string | undefined>>;
}

/** The limit of overdue calls of one tool. */
export const MAX_OVERDUE = 64;
/** How long an aborted tool has to say how it ended, if that tells whether its effect happened. */
const LAST_WORD_MS = 100;
const HIDDEN = failed('tool_not_found', 'There is no such tool for you.');

export class Executor {
  readonly #calls;
  readonly #seconds;
  readonly #overdue = new Map<string, number>();

  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#calls = metrics.counter('tool_calls_total', 'Tool calls by outcome', ['tool', 'outcome']);
    this.#seconds = metrics.histogram('tool_duration_seconds', 'Duration of tool calls', ['tool']);
    metrics.gauge('tool_calls_overdue', 'Calls that were given up and still run', [], () =>
      [...this.#overdue.values()].reduce((sum, count) => sum + count, 0),
    );
  }

  async run(request: CallRequest): Promise<StepResult> {
    const found = await this.#parts.toolbox.find(request.principal, request.constraints, request.tool);
    if ('hidden' in found) {
      // The requested name is the caller's text, so it is no metric label.
      this.#calls.inc({ tool: 'unknown', outcome: 'tool_not_found' });
      if (found.hidden !== 'unknown') this.#tellDenied(request, found.hidden);
      return HIDDEN;
    }
    const { found: tool } = found;
    const stop = this.#seconds.startTimer({ tool: tool.name });
    const result = await inToolSpan(tool, request.toolCallId, () =>
      this.#runTool(tool, request).catch((error: unknown) => this.#notRun(tool, request, error)),
    );
    stop();
    const outcome = result.status === 'succeeded' ? 'succeeded' : result.code;
    this.#calls.inc({ tool: tool.name, outcome });
    this.#tellGranted(tool, request, outcome);
    return request.mcp ? result : withoutMcp(result);
  }

  async #runTool(tool: Tool, request: CallRequest): Promise<StepResult> {
    const input = tool.check(request.arguments);
    if (!input.ok) return failed('tool_invalid_arguments', `The arguments do not fit: ${input.issues.join('; ')}`);
    if (tool.requiresApproval && !request.approval) {
      this.#tellDenied(request, 'approval');
      return failed('approval_required', `A person must approve each call of ${tool.name}.`);
    }
    const credentials: Record<string, string> = {};
    for (const name of tool.requiredCredentials) {
      const value = this.#parts.credentials[name];
      if (value === undefined || value === '') {
        this.#parts.systemEvents.publish({
          type: 'tools.credential.missing',
          data: { tool: tool.name, credential: name },
        });
        // What a file calls {credential.NAME} has another name in the environment (config.ts).
        const variable = tool.source === 'http_endpoint' ? `TOOL_SECRET_${name}` : name;
        return failed('credentials_missing', `${tool.name} is not set up: an administrator must provide ${variable}.`);
      }
      credentials[name] = value;
    }
    if (request.signal.aborted) return failed('cancelled', 'The call was cancelled.');
    if ((this.#overdue.get(tool.name) ?? 0) >= MAX_OVERDUE)
      return failed('overloaded', `Too many earlier calls of ${tool.name} have not returned.`);
    const perform = (key: string | undefined) => this.#perform(tool, input.value, { credentials, request, key });
    if (!mayHaveEffect(tool)) return (await perform(request.idempotencyKey)).result;
    return this.#parts.effects.perform(tool, request, perform);
  }

  /** The result if the arguments' validator itself threw: nothing ran. */
  #notRun(tool: Tool, request: CallRequest, error: unknown): StepResult {
    if (error instanceof AppError && error.code === 'worker_lost') throw error; // the outcome of an effect is not recorded
    const reference = newReference();
    logEvent(this.#parts.log, 'tool_arguments_not_checked', {
      ...idsOf(request),
      err: error,
      tool: tool.name,
      reference,
    });
    return failed('tool_failed', toolFailed(tool.name, reference));
  }

  async #perform(
    tool: Tool,
    input: unknown,
    call: { credentials: ToolContext['credentials']; request: CallRequest; key: string | undefined },
  ): Promise<Performed> {
    const { principal, runId, stepId, mcp, tell, ask, signal: asked } = call.request;
    // The link of an upstream limits the time without questions.
    const askTimeoutMs = tool.source === 'mcp_upstream' ? (call.request.askTimeoutMs ?? 0) : 0;
    const stoppable = mayHaveEffect(tool) ? stoppedByCancel(asked) : asked;
    const limited = linkAbort([stoppable], tool.timeoutMs + askTimeoutMs);
    const { signal } = limited;
    const about = { principal, runId, stepId, mcp, tell, ask };
    const context = { ...about, credentials: call.credentials, signal, idempotencyKey: call.key };
    const running = new Promise<unknown>((resolve) => resolve(tool.run(input, context))).then(
      (value): End => ({ how: 'returned', value }),
      (error: unknown): End => ({ how: 'threw', error }),
    );
    try {
      const end = await endedOrGivenUp(running, signal, mayHaveEffect(tool) ? LAST_WORD_MS : 0);
      if (end.how !== 'given_up' && !signal.aborted) return { result: this.#judge(tool, call.request, end) };
      const ending: Ending = { how: limited.timedOut ? 'timed_out' : 'cancelled' };
      if (end.how === 'given_up')
        return { result: outcomeWithoutOutput(tool, ending), late: this.#watchOverdue(tool, call.request, running) };
      // An aborted tool reports that in its own way: the abort's reason counts, unless the tool says what it did.
      const said = this.#judge(tool, call.request, end);
      const knows = mayHaveEffect(tool) && said.status !== 'in_doubt';
      return { result: knows ? said : outcomeWithoutOutput(tool, ending) };
    } finally {
      limited.release();
    }
  }

  #judge(tool: Tool, request: CallRequest, end: Exclude<End, { how: 'given_up' }>): StepResult {
    const { log } = this.#parts;
    if (end.how === 'threw') {
      const reference = newReference();
      logEvent(log, 'tool_failed', { ...idsOf(request), err: end.error, tool: tool.name, reference });
      return presentable(tool, outcomeWithoutOutput(tool, { ...end, reference }));
    }
    const output = tool.judge(end.value);
    if (output.ok) {
      const { value, mcp } = output;
      const whole = request.record && recordable(tool, value);
      if (whole !== undefined) request.record?.(whole);
      return presentable(tool, { status: 'succeeded', output: value, ...(mcp ? { mcp } : {}) });
    }
    const reference = newReference();
    const { issues } = output;
    logEvent(log, 'tool_output_invalid', { ...idsOf(request), tool: tool.name, issues, reference });
    return outcomeWithoutOutput(tool, { how: 'unusable_output', reference });
  }

  /** Counts an overdue call until it returns, logs that, and returns its result. */
  async #watchOverdue(tool: Tool, request: CallRequest, running: Promise<End>): Promise<StepResult> {
    const { name } = tool;
    const since = performance.now();
    const count = (by: 1 | -1) => this.#overdue.set(name, (this.#overdue.get(name) ?? 0) + by);
    count(1);
    const end = await running.finally(() => count(-1));
    const lateMs = Math.round(performance.now() - since);
    const how = end.how === 'returned' ? 'a result' : 'an error';
    // One that listens to its signal returns at once.
    if (lateMs > 0) logEvent(this.#parts.log, 'tool_returned_late', { ...idsOf(request), tool: name, lateMs, how });
    return end.how === 'given_up' ? failed('cancelled', 'The call was given up.') : this.#judge(tool, request, end);
  }

  /** Reports a call to the audit log if the tool is reserved for a role. */
  #tellGranted({ name: tool, requiredRole: role }: Tool, { principal, runId }: CallRequest, outcome: string): void {
    if (role === undefined || role === 'user') return;
    const { tenantId: tenant_id, userId: user_id } = principal;
    const data = { tenant_id, user_id, tool, role, outcome, run_id: runId ?? null };
    this.#parts.systemEvents.publish({ type: 'tools.access.granted', data });
  }

  #tellDenied({ principal, tool, runId }: CallRequest, reason: string): void {
    const { tenantId: tenant_id, userId: user_id } = principal;
    this.#parts.systemEvents.publish({
      type: 'tools.access.denied',
      data: { tenant_id, user_id, tool, reason, run_id: runId ?? null },
    });
  }
}

/**
 * The ids for a log line of the call. They are passed explicitly: an asynchronous store would slow down every promise
 * of the process.
 */
function idsOf({ principal, runId, stepId }: CallRequest) {
  return { tenantId: principal.tenantId, runId, stepId };
}

/** An id that leads from a caller's answer to the log line with the details. */
function newReference(): string {
  return randomBytes(4).toString('hex');
}

/** A signal that ignores the loss of the caller. */
function stoppedByCancel(asked: AbortSignal): AbortSignal {
  const stop = new AbortController();
  const onAbort = (): void => {
    if (!(asked.reason instanceof CallerLost)) stop.abort(asked.reason);
  };
  if (asked.aborted) onAbort();
  else asked.addEventListener('abort', onAbort, { once: true });
  return stop.signal;
}

/** How a tool call ended, or that it continues. */
type End =
  | { readonly how: 'returned'; readonly value: unknown }
  | { readonly how: 'threw'; readonly error: unknown }
  | { readonly how: 'given_up' };

/** The end of the call; `given_up` if it has not ended `graceMs` after the abort. */
function endedOrGivenUp(running: Promise<End>, signal: AbortSignal, graceMs: number): Promise<End> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (end: End): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(end);
    };
    const giveUp = (): void => settle({ how: 'given_up' });
    function onAbort(): void {
      if (graceMs > 0) timer = setTimeout(giveUp, graceMs);
      else giveUp();
    }
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    void running.then(settle);
  });
}
