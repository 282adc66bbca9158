import type { Bus } from '@switchyard/bus';
import {
  issueLines,
  type Principal,
  type StepRequest,
  type StepResult,
  type SystemFact,
  type ToolConstraints,
} from '@switchyard/contracts';
import { GEN_AI, linkAbort, type Logger, type Metrics, withContext, withSpan } from '@switchyard/platform';
import { boundOutput } from './bound-output.ts';
import type { Tool, ToolContext } from './define-tool.ts';
import { type Ending, failed, outcomeWithoutOutput } from './outcome.ts';
import { findTool, type Registry, viewerOf } from './toolbox.ts';

/*
 * Runs one tool call.
 *
 * T1 The order is fixed: look up and authorise, validate, credentials, run, validate and bound the output.
 * T2 A tool that fails is an answer (outcome.ts); run() does not throw, and no credential leaves this process.
 * T3 The answer comes at the time limit at the latest, also from a tool that does not listen to its signal.
 *    Such calls go on in the dark: they are counted, bounded per tool, and their end is logged.
 * T4 A call that was cancelled before it began has no effect.
 * T5 A tool that needs a person's approval is run only for a step that brings one.
 */

export interface CallRequest {
  readonly principal: Principal;
  readonly constraints: ToolConstraints;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string | undefined;
  readonly runId?: string | undefined;
  readonly stepId?: string | undefined;
  /** The approval of a person that the run's owner vouches for. */
  readonly approval?: StepRequest['approval'];
  readonly signal: AbortSignal;
}

export interface ExecutorParts {
  readonly registry: Registry;
  readonly bus: Pick<Bus, 'publishSystem'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Credentials by name, from the environment. */
  readonly credentials: Readonly<Record<string, string | undefined>>;
}

/** Calls of one tool that were given up and have not returned. */
export const MAX_OVERDUE = 64;
/** Facts that the bus has not taken yet; more are logged only. */
const MAX_UNTOLD = 256;
const HIDDEN = failed('tool_not_found', 'There is no such tool for you.');

export class Executor {
  readonly #calls;
  readonly #seconds;
  readonly #overdue = new Map<string, number>();
  #untold = 0;

  constructor(private readonly parts: ExecutorParts) {
    const { metrics } = parts;
    this.#calls = metrics.counter('tool_calls_total', 'Tool calls by outcome', ['tool', 'outcome']);
    this.#seconds = metrics.histogram('tool_duration_seconds', 'Duration of tool calls', ['tool']);
    metrics.gauge('tool_calls_overdue', 'Calls that were given up and still run', [], () =>
      [...this.#overdue.values()].reduce((sum, count) => sum + count, 0),
    );
  }

  run(request: CallRequest): Promise<StepResult> {
    const { principal, runId, stepId } = request;
    return withContext({ tenantId: principal.tenantId, runId, stepId }, () => this.#run(request));
  }

  async #run(request: CallRequest): Promise<StepResult> {
    const found = findTool(this.parts.registry, request.tool, viewerOf(request.principal, request.constraints));
    if ('hidden' in found) {
      // What was asked for is the caller's text: it is no label.
      this.#calls.inc({ tool: 'unknown', outcome: 'tool_not_found' });
      if (found.hidden !== 'unknown') this.#tellDenied(request, found.hidden);
      return HIDDEN;
    }
    const { found: tool } = found;
    const stop = this.#seconds.startTimer({ tool: tool.name });
    const attributes = { [GEN_AI.operation]: 'execute_tool', [GEN_AI.toolName]: tool.name };
    const result = await withSpan(`execute_tool ${tool.name}`, attributes, async (span) => {
      const outcome = await this.#runTool(tool, request).catch((error: unknown) => this.#defect(tool, error));
      if (outcome.status !== 'succeeded') span.setAttribute('error.type', outcome.code);
      return outcome;
    });
    stop();
    this.#calls.inc({ tool: tool.name, outcome: result.status === 'succeeded' ? 'succeeded' : result.code });
    return result;
  }

  async #runTool(tool: Tool, request: CallRequest): Promise<StepResult> {
    const input = tool.input.safeParse(request.arguments);
    if (!input.success)
      return failed('tool_invalid_arguments', `The arguments do not fit: ${issueLines(input.error).join('; ')}`);
    if (tool.requiresApproval && !request.approval) {
      this.#tellDenied(request, 'approval');
      return failed('approval_required', `A person must approve each call of ${tool.name}.`); // T5
    }
    const credentials: Record<string, string> = {};
    for (const name of tool.requiredCredentials ?? []) {
      const value = this.parts.credentials[name];
      if (value === undefined || value === '') {
        this.#tell({ type: 'tools.credential.missing', data: { tool: tool.name, credential: name } });
        return failed('credentials_missing', `${tool.name} is not set up: an administrator must provide ${name}.`);
      }
      credentials[name] = value;
    }
    if (request.signal.aborted) return failed('cancelled', 'The call was cancelled.'); // T4
    if ((this.#overdue.get(tool.name) ?? 0) >= MAX_OVERDUE)
      return failed('overloaded', `Too many earlier calls of ${tool.name} have not returned.`);
    return this.#perform(tool, input.data, { credentials, request });
  }

  /** Nothing ran: what checks the arguments threw itself. */
  #defect(tool: Tool, error: unknown): StepResult {
    this.parts.log.error({ err: error, tool: tool.name }, 'the arguments of a tool could not be checked');
    return failed('tool_failed', `The tool ${tool.name} failed.`);
  }

  async #perform(
    tool: Tool,
    input: unknown,
    { credentials, request }: { credentials: ToolContext['credentials']; request: CallRequest },
  ): Promise<StepResult> {
    const { principal, idempotencyKey, runId, stepId } = request;
    const limited = linkAbort([request.signal], tool.timeoutMs);
    const { signal } = limited;
    const context = { principal, credentials, signal, idempotencyKey, runId, stepId };
    const call = new Promise<unknown>((resolve) => resolve(tool.run(input, context)));
    try {
      const output = tool.output.safeParse(await orAborted(call, signal));
      if (output.success) return { status: 'succeeded', output: boundOutput(output.data) };
      this.parts.log.error({ tool: tool.name, issues: issueLines(output.error) }, 'a tool broke its own output schema');
      return outcomeWithoutOutput(tool, { how: 'unusable_output' });
    } catch (error) {
      const ending = endingOf(error, signal, limited.timedOut);
      if (ending.how === 'threw') this.parts.log.warn({ err: error, tool: tool.name }, 'a tool failed');
      else this.#watchOverdue(tool.name, call);
      return outcomeWithoutOutput(tool, ending);
    } finally {
      limited.release();
    }
  }

  /** T3 */
  #watchOverdue(tool: string, call: Promise<unknown>): void {
    const since = performance.now();
    const count = (by: 1 | -1) => this.#overdue.set(tool, (this.#overdue.get(tool) ?? 0) + by);
    count(1);
    const ended = (how: 'a result' | 'an error') => {
      count(-1);
      const lateMs = Math.round(performance.now() - since);
      // One that listens to its signal returns at once.
      if (lateMs > 0) this.parts.log.warn({ tool, lateMs, how }, 'a tool returned after its call was given up');
    };
    call.then(
      () => ended('a result'),
      () => ended('an error'),
    );
  }

  #tellDenied({ principal, tool, runId }: CallRequest, reason: string): void {
    const { tenantId: tenant_id, userId: user_id } = principal;
    this.#tell({ type: 'tools.access.denied', data: { tenant_id, user_id, tool, reason, run_id: runId ?? null } });
  }

  /** Facts are told to the bus without making the caller wait. */
  #tell(fact: SystemFact): void {
    const { bus, log } = this.parts;
    const lost = (error?: unknown) =>
      log.warn({ err: error, type: fact.type, ...fact.data }, 'a fact was not published');
    if (this.#untold >= MAX_UNTOLD) return lost();
    this.#untold += 1;
    void bus
      .publishSystem(fact)
      .catch(lost)
      .finally(() => (this.#untold -= 1));
  }
}

/** A tool that was told to stop says so in its own way: then the reason counts, not what it threw. */
function endingOf(error: unknown, signal: AbortSignal, timedOut: boolean): Ending {
  if (!signal.aborted) return { how: 'threw', error };
  return { how: timedOut ? 'timed_out' : 'cancelled' };
}

/** T3: the promise, or a rejection as soon as the signal is aborted. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('given up'));
    signal.addEventListener('abort', onAbort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
