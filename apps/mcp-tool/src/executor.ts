import type { Bus } from '@switchyard/bus';
import {
  issueLines,
  type Principal,
  type StepResult,
  type SystemFact,
  type ToolConstraints,
} from '@switchyard/contracts';
import { linkAbort, type Logger, type Metrics, withSpan } from '@switchyard/platform';
import { type Tool, ToolError } from './define-tool.ts';
import { boundOutput } from './bound-output.ts';
import { findTool, type Registry, viewerOf } from './toolbox.ts';

/*
 * Runs one tool call.
 *
 * T1 The order is fixed: look up and authorise, validate, credentials, run, validate and bound the output.
 * T2 A tool that fails is an answer. Only a ToolError's text is public; of any other error nothing but the
 *    fact leaves this process, and no credential ever does.
 * T3 The answer comes at the time limit at the latest, also from a tool that does not listen to its signal.
 */

export interface CallRequest {
  readonly principal: Principal;
  readonly constraints: ToolConstraints;
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string | undefined;
  readonly runId?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ExecutorParts {
  readonly registry: Registry;
  readonly bus: Bus;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Credentials by name, from the environment. */
  readonly credentials: Readonly<Record<string, string | undefined>>;
}

const UNKNOWN = 'There is no such tool for you.';

export class Executor {
  readonly #calls;
  readonly #seconds;

  constructor(private readonly parts: ExecutorParts) {
    this.#calls = parts.metrics.counter('tool_calls_total', 'Tool calls by outcome', ['tool', 'outcome']);
    this.#seconds = parts.metrics.histogram('tool_duration_seconds', 'Duration of tool calls', ['tool']);
  }

  async run(request: CallRequest): Promise<StepResult> {
    const found = findTool(this.parts.registry, request.tool, viewerOf(request.principal, request.constraints));
    if ('hidden' in found) {
      this.#calls.inc({ tool: 'unknown', outcome: 'tool_not_found' });
      if (found.hidden !== 'unknown')
        this.#tell({
          type: 'tools.access.denied',
          data: {
            tenant_id: request.principal.tenantId,
            user_id: request.principal.userId,
            tool: request.tool,
            reason: found.hidden,
            run_id: request.runId ?? null,
          },
        });
      return failed('tool_not_found', UNKNOWN);
    }
    const tool = found.found;
    const stop = this.#seconds.startTimer({ tool: tool.name });
    const result = await withSpan(
      `execute_tool ${tool.name}`,
      { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool.name },
      () => this.#runTool(tool, request),
    );
    stop();
    this.#calls.inc({ tool: tool.name, outcome: result.status === 'succeeded' ? 'succeeded' : result.code });
    return result;
  }

  async #runTool(tool: Tool, request: CallRequest): Promise<StepResult> {
    const input = tool.input.safeParse(request.arguments);
    if (!input.success) {
      return failed(
        'tool_invalid_arguments',
        `The arguments do not fit: ${issueLines(input.error).join('; ')}`.slice(0, 2_000),
      );
    }
    const credentials: Record<string, string> = {};
    for (const name of tool.requiredCredentials ?? []) {
      const value = this.parts.credentials[name];
      if (value === undefined || value === '') {
        this.#tell({ type: 'tools.credential.missing', data: { tool: tool.name, credential: name } });
        return failed(
          'credentials_missing',
          `The tool ${tool.name} is not set up: an administrator must provide ${name}.`,
        );
      }
      credentials[name] = value;
    }
    const limited = linkAbort([request.signal], tool.timeoutMs);
    const { signal } = limited;
    const { principal, idempotencyKey } = request;
    try {
      const call = Promise.resolve().then(() =>
        tool.run(input.data, {
          principal,
          credentials,
          signal,
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        }),
      );
      const output = tool.output.safeParse(await orAborted(call, signal));
      if (output.success) return { status: 'succeeded', output: boundOutput(output.data) };
      this.parts.log.error({ tool: tool.name, issues: issueLines(output.error) }, 'a tool broke its own output schema');
      return failed('tool_failed', `The tool ${tool.name} gave an answer that it should not give.`);
    } catch (error) {
      return this.#failure(tool, error, limited.timedOut, request.signal.aborted);
    } finally {
      limited.release();
    }
  }

  #failure(tool: Tool, error: unknown, timedOut: boolean, cancelled: boolean): StepResult {
    if (error instanceof ToolError) return failed('tool_failed', error.message.slice(0, 2_000));
    if (cancelled) return failed('cancelled', 'The call was cancelled.');
    if (timedOut) return failed('tool_timeout', `${tool.name} did not answer within ${tool.timeoutMs / 1_000} s.`);
    this.parts.log.warn({ err: error, tool: tool.name }, 'a tool failed');
    return failed('tool_failed', `The tool ${tool.name} failed.`);
  }

  /** Facts are told to the bus without making the caller wait. */
  #tell(fact: SystemFact): void {
    this.parts.bus
      .publishSystem(fact)
      .catch((error: unknown) => this.parts.log.warn({ err: error, type: fact.type }, 'fact not published'));
  }
}

function failed(code: string, message: string): StepResult {
  return { status: 'failed', code, message };
}

/** T3: the promise, or a rejection as soon as the signal is aborted. A later outcome of the promise is dropped. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
