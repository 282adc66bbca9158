import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { StreamEvent } from '../terminal/event-line.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * The gateway as a client sees it; this command knows nothing else of the services. Guarantees:
 *  - A run is started once: the client repeats a start with the same run id and idempotency key.
 *  - The client resumes a broken stream after the last event that it saw, and shows no event twice.
 *  - A stream that is silent for SILENCE_MS counts as broken (the gateway sends a keepalive every 15 s).
 */

const ASK_LIMIT_MS = 10_000;
const SILENCE_MS = 45_000;
const RETRIES = 12;
/** After one of these the run is over. */
const TERMINAL = new Set(['response.completed', 'orchestrator.task.completed', 'RUN_FINISHED']);
/** The frames of a failure. Before the run is over they mean that the gateway lost sight of it, not that it failed. */
const FAILURE = new Set(['response.failed', 'error']);
/** The usual reason of a 401: this command can identify itself only in development. */
const ONLY_IN_DEVELOPMENT =
  'This command names its user in X-User-Id, which counts with IDENTITY_MODE=dev alone; with jwt or edge, ask by HTTP with credentials of your own.';
const LAST_OF_STREAM = new Set(['response.completed', 'error']);

export interface Identity {
  readonly user: string;
  readonly role?: string | undefined;
}

export interface TaskRequest {
  readonly task: string;
  readonly run_id: string;
  readonly thread_id?: string;
  readonly tool_constraints?: { mode: 'custom'; providers?: string[]; tools?: string[]; agents?: string[] };
  readonly interactive?: boolean;
}

export interface ApprovalReply {
  readonly decision: 'approve' | 'deny' | 'answer';
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly text?: string;
}

/** The gateway refused; `status` is HTTP's. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function refusal(response: Response): Promise<Refused> {
  const body = await response.text().catch(() => '');
  let detail = body.slice(0, 500);
  try {
    const problem = JSON.parse(body) as { detail?: string; title?: string; code?: string; details?: unknown };
    detail = [problem.detail ?? problem.title, problem.code && `(${problem.code})`].filter(Boolean).join(' ') || detail;
    // The first one stands in the sentence already.
    if (Array.isArray(problem.details) && problem.details.length > 1)
      detail += problem.details.map((each) => `\n  ${String(each)}`).join('');
  } catch {
    // Not JSON: the text itself is the best there is.
  }
  if (response.status === 401) detail += `\n  ${ONLY_IN_DEVELOPMENT}`;
  return new Refused(response.status, `the gateway answered ${response.status}: ${detail}`);
}

function interruption({ data }: StreamEvent): string {
  const error = (data as { error?: unknown } | null)?.error;
  return typeof error === 'string' ? error : 'the stream was interrupted';
}

/** Events of a server-sent stream, as they come. Ends with the stream; throws where it breaks or falls silent. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  silenceMs = SILENCE_MS,
): AsyncGenerator<StreamEvent> {
  const waiting: StreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      let value: unknown = data;
      try {
        value = JSON.parse(data);
      } catch {
        // Shown as the text that it is.
      }
      waiting.push({ id, name: event ?? 'message', data: value });
    },
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const pause = new AbortController();
      const silence = sleep(silenceMs, undefined, { signal: pause.signal }).then(
        () => Promise.reject(new Error(`silent for ${silenceMs / 1000} s`)),
        () => new Promise<never>(() => undefined),
      );
      const { done, value } = await Promise.race([reader.read(), silence]).finally(() => pause.abort());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* waiting.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

export class GatewayClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, identity: Identity) {
    this.#url = url;
    this.#headers = { 'X-User-Id': identity.user, ...(identity.role ? { 'X-User-Role': identity.role } : {}) };
  }

  async get(path: string): Promise<unknown> {
    const response = await this.#send(path, { headers: this.#headers, signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  cancel(runId: string): Promise<unknown> {
    return this.post(`/runs/${encodeURIComponent(runId)}/cancel`, {});
  }

  decide(runId: string, approvalId: string, answer: ApprovalReply): Promise<unknown> {
    return this.post(`/runs/${encodeURIComponent(runId)}/approvals/${encodeURIComponent(approvalId)}`, answer);
  }

  async remove(path: string): Promise<void> {
    const signal = AbortSignal.timeout(ASK_LIMIT_MS);
    const response = await this.#send(path, { method: 'DELETE', headers: this.#headers, signal });
    if (!response.ok) throw await refusal(response);
  }

  async post(path: string, body: unknown, limitMs = ASK_LIMIT_MS): Promise<unknown> {
    const response = await this.#send(path, {
      method: 'POST',
      headers: { ...this.#headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(limitMs),
    });
    if (!response.ok) throw await refusal(response);
    return response.json().catch(() => ({}));
  }

  /** Starts a run and follows it to its end, over as many connections as it takes. */
  run(
    request: TaskRequest,
    options: { view?: string | undefined; signal: AbortSignal; onBreak: (why: string) => void },
  ): AsyncGenerator<StreamEvent> {
    const query = options.view ? `?view=${encodeURIComponent(options.view)}` : '';
    const start = (): Promise<Response> =>
      this.#send(`/orchestrate/stream${query}`, {
        method: 'POST',
        headers: {
          ...this.#headers,
          'Content-Type': 'application/json',
          Accept: 'text/event-stream',
          'Idempotency-Key': request.run_id,
        },
        body: JSON.stringify(request),
        signal: options.signal,
      });
    return this.#followed(request.run_id, start, options);
  }

  /** Follows a run that is there, from its first event or after `after` (a sequence number). */
  attach(
    runId: string,
    options: {
      view?: string | undefined;
      dialect?: string;
      after?: number;
      signal: AbortSignal;
      onBreak: (why: string) => void;
    },
  ): AsyncGenerator<StreamEvent> {
    const first = options.after === undefined ? undefined : `${runId}:${options.after}`;
    return this.#followed(runId, () => this.#resume(runId, first, options), options);
  }

  #resume(
    runId: string,
    lastId: string | undefined,
    { view, dialect = 'orchestrate', signal }: { view?: string | undefined; dialect?: string; signal: AbortSignal },
  ): Promise<Response> {
    const query = new URLSearchParams({ dialect, ...(view ? { view } : {}) });
    return this.#send(`/runs/${encodeURIComponent(runId)}/events?${query}`, {
      headers: { ...this.#headers, Accept: 'text/event-stream', ...(lastId ? { 'Last-Event-ID': lastId } : {}) },
      signal,
    });
  }

  async *#followed(
    runId: string,
    open: () => Promise<Response>,
    options: { view?: string | undefined; dialect?: string; signal: AbortSignal; onBreak: (why: string) => void },
  ): AsyncGenerator<StreamEvent> {
    let lastId: string | undefined;
    let ended = false;
    let lastBreak: string | undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        const response = lastId ? await this.#resume(runId, lastId, options) : await open();
        if (response.status === 204) return;
        if (!response.ok || !response.body) throw await refusal(response);
        for await (const event of readEvents(response.body)) {
          if (event.id) {
            lastId = event.id;
            attempt = 0;
            lastBreak = undefined;
          }
          ended ||= TERMINAL.has(event.name);
          if (!ended && FAILURE.has(event.name)) throw new Error(interruption(event));
          yield event;
          if (LAST_OF_STREAM.has(event.name)) return;
        }
        if (ended) return;
        throw new Error('the connection ended before the run did');
      } catch (error) {
        if (options.signal.aborted) return;
        const mayPass = !(error instanceof Refused) || error.status >= 500 || error.status === 429;
        if (ended) return;
        if (!mayPass || attempt >= RETRIES) throw error;
        const why = error instanceof UserError ? 'the gateway does not answer' : (error as Error).message;
        if (why !== lastBreak) options.onBreak(why);
        lastBreak = why;
        await sleep(Math.min(3_000, 150 * 2 ** attempt), undefined, { signal: options.signal }).catch(() => undefined);
      }
    }
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, init);
    } catch (error) {
      if (init.signal?.aborted && init.signal.reason instanceof Error && init.signal.reason.name !== 'TimeoutError')
        throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new UserError(
        `the gateway at ${this.#url} does not answer (${cause}); ./switchyard status tells more`,
        EXIT.unavailable,
      );
    }
  }
}
