import { randomBytes } from 'node:crypto';
import type { Bus, Call } from '@switchyard/bus';
import { answerQuestion, AppError, type McpFrame, type StepResult, type ToolCall } from '@switchyard/contracts';
import type { Metrics } from '@switchyard/platform';
import { type CallRequest, failed, type Question } from '../tool/index.ts';
import type { Executor } from './executor.ts';
import type { InputStates } from '../common/index.ts';

/*
 * Calls during which an upstream of the older protocol asks its caller something. The caller gets `input_required`, as
 * from an upstream of the current protocol, and continues the call by calling again with its answers.
 *
 * - The call itself continues while its caller is asked. For the ledger it is one call, whose outcome is recorded
 *   whether or not its caller returns.
 * - The state that the caller holds is sealed. It names the call and the replica that has it, and is valid once, for
 *   this caller and this tool. Another replica that gets the answers forwards them to that one. If the call is over,
 *   the caller is told to call anew.
 * - The number of waiting calls (in all, and per user), the questions of one call and the time for an answer are
 *   limited. A question beyond a limit is refused to the upstream, and the call continues without the answer.
 * - If a caller leaves while its call is working, the call ends, as any other would. If the caller never returns with
 *   an answer, the call continues without one.
 */

export interface OpenCallsParts {
  readonly executor: Pick<Executor, 'run'>;
  readonly states: Pick<InputStates, 'seal' | 'open'>;
  readonly bus: Pick<Bus, 'request'>;
  readonly metrics: Metrics;
  readonly answerMs?: number | undefined;
}

/** How long a caller has for an answer; less than an upstream may be silent. */
const ANSWER_MS = 300_000;
const MAX_WAITING = 256;
const MAX_WAITING_OF_USER = 8;
const MAX_QUESTIONS = 8;
const MAX_QUESTION_CHARS = 64 * 1024;
const MINE = 'call.';
const OVER = failed('question_closed', 'The call that asked this is over; call the tool again, without requestState.');

export class OpenCalls {
  /** The name of this replica. */
  readonly name = randomBytes(8).toString('hex');
  readonly #waiting = new Map<string, OpenCall>();

  readonly #parts: OpenCallsParts;

  constructor(parts: OpenCallsParts) {
    this.#parts = parts;
    parts.metrics.gauge('tool_calls_asking', 'Calls that wait for an answer of their caller', [], () => this.size);
  }

  get size(): number {
    return this.#waiting.size;
  }

  async run(
    input: ToolCall,
    call: Pick<Call, 'signal' | 'progress' | 'idempotencyKey' | 'deadline'>,
  ): Promise<StepResult> {
    const { mcp } = input;
    if (mcp?.requestState?.startsWith(MINE)) return this.#goOn(input, mcp.requestState, call);
    const idempotencyKey = input.idempotencyKey ?? call.idempotencyKey;
    const request = { ...input, idempotencyKey, signal: call.signal, tell: (frame: McpFrame) => call.progress(frame) };
    const canBeAsked = mcp?.capabilities['elicitation'] !== undefined || mcp?.capabilities['sampling'] !== undefined;
    if (!canBeAsked) return this.#parts.executor.run(request);
    const open = new OpenCall(request, () => this.#hasRoom(input));
    open.begin(this.#parts.executor, this.#answerMs);
    return this.#next(open, call);
  }

  /** Takes the answers to a call of this replica. */
  answer(input: ToolCall, call: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const place = placeOf(input);
    const { id } = this.#read(input.mcp?.requestState ?? '', place);
    const open = this.#waiting.get(id);
    if (!open) return Promise.resolve(OVER);
    this.#waiting.delete(id);
    open.answer(input.mcp?.inputResponses ?? {});
    return this.#next(open, call);
  }

  stop(): void {
    for (const open of this.#waiting.values()) open.giveUp(new AppError('cancelled'));
    this.#waiting.clear();
  }

  get #answerMs(): number {
    return this.#parts.answerMs ?? ANSWER_MS;
  }

  /** Continues the call: here, or at the replica that has it. */
  async #goOn(
    input: ToolCall,
    state: string,
    call: Pick<Call, 'signal' | 'progress' | 'deadline'>,
  ): Promise<StepResult> {
    let replica: string;
    try {
      ({ replica } = this.#read(state, placeOf(input)));
    } catch (error) {
      if (error instanceof AppError) return failed(error.code, error.message);
      throw error;
    }
    if (replica === this.name) return this.answer(input, call);
    const { signal, deadline } = call;
    const onProgress = (frame: unknown): void => call.progress(frame);
    try {
      return await this.#parts.bus.request(answerQuestion, input, { to: replica, signal, deadline, onProgress });
    } catch (error) {
      if (error instanceof AppError && error.code === 'no_responders') return OVER;
      throw error;
    }
  }

  /** The answer to the caller: the outcome, or the next questions. */
  async #next(open: OpenCall, { signal, progress }: Pick<Call, 'signal' | 'progress'>): Promise<StepResult> {
    const detach = open.attach(signal, progress);
    try {
      const questions = await Promise.race([open.result, open.asked()]);
      return Array.isArray(questions) ? this.#park(open, questions as readonly Asked[]) : (questions as StepResult);
    } finally {
      detach();
    }
  }

  #park(open: OpenCall, questions: readonly Asked[]): StepResult {
    const id = randomBytes(16).toString('hex');
    this.#waiting.set(id, open);
    open.wait(this.#answerMs, () => this.#waiting.delete(id));
    const inputRequests = Object.fromEntries(questions.map(({ key, question }) => [key, question]));
    const state = this.#parts.states.seal(JSON.stringify({ replica: this.name, id }), placeOf(open.request));
    return failed('input_required', 'The tool needs an answer that only an interactive MCP client can give.', {
      inputRequired: { inputRequests, requestState: `${MINE}${state}` },
    });
  }

  /** True if one more call may wait: in all, and of this user. */
  #hasRoom({ principal: { tenantId, userId } }: Pick<ToolCall, 'principal'>): boolean {
    const all = [...this.#waiting.values()];
    const mine = all.filter(
      ({ request: { principal } }) => principal.tenantId === tenantId && principal.userId === userId,
    );
    return all.length < MAX_WAITING && mine.length < MAX_WAITING_OF_USER;
  }

  #read(state: string, place: ReturnType<typeof placeOf>): { replica: string; id: string } {
    return JSON.parse(this.#parts.states.open(state.slice(MINE.length), place)) as { replica: string; id: string };
  }
}

/** The caller and tool to which the state is bound. */
function placeOf({ principal, tool }: Pick<ToolCall, 'principal' | 'tool'>) {
  return { principal, upstream: '', method: 'open call', name: tool };
}

interface Asked {
  readonly key: string;
  readonly question: Question;
  readonly resolve: (answer: Record<string, unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** One call, independent of its current caller. */
class OpenCall {
  result!: Promise<StepResult>;
  readonly #abort = new AbortController();
  #asked: Asked[] = [];
  #count = 0;
  #gone = false;
  #tell: (frame: unknown) => void = () => undefined;
  #onAsked: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  readonly #hasRoom: () => boolean;

  constructor(
    readonly request: CallRequest,
    hasRoom: () => boolean,
  ) {
    this.#hasRoom = hasRoom;
  }

  begin(executor: Pick<Executor, 'run'>, answerMs: number): void {
    this.result = executor.run({
      ...this.request,
      signal: this.#abort.signal,
      tell: (frame) => this.#tell(frame),
      ask: (question) => this.#ask(question),
      askTimeoutMs: MAX_QUESTIONS * answerMs,
    });
    this.result.catch(() => undefined); // the waiting caller gets the error
  }

  /** Attaches a caller: from now on it waits for the call, and its departure ends the call. */
  attach(signal: AbortSignal, tell: (frame: unknown) => void): () => void {
    const leave = (): void => this.giveUp(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    this.#tell = tell;
    return () => {
      signal.removeEventListener('abort', leave);
      this.#tell = () => undefined;
    };
  }

  /** Resolves with all open questions as soon as there is one. */
  async asked(): Promise<readonly Asked[]> {
    if (this.#asked.length === 0) await new Promise<void>((resolve) => (this.#onAsked = resolve));
    await new Promise((resolve) => setImmediate(resolve));
    return this.#asked;
  }

  wait(answerMs: number, onOver: () => void): void {
    this.#timer = setTimeout(() => {
      onOver();
      this.#refuse(new AppError('approval_expired'));
    }, answerMs).unref();
  }

  answer(answers: Readonly<Record<string, unknown>>): void {
    clearTimeout(this.#timer);
    for (const { key, resolve, reject } of this.#asked.splice(0)) {
      const answer = answers[key];
      if (typeof answer === 'object' && answer !== null) resolve(answer as Record<string, unknown>);
      else reject(new AppError('invalid_input', 'The caller gave no answer to this question.'));
    }
  }

  /** Ends all questions: no caller is left to answer. */
  giveUp(reason: unknown): void {
    this.#gone = true;
    clearTimeout(this.#timer);
    this.#abort.abort(reason);
    this.#refuse(reason);
  }

  #refuse(reason: unknown): void {
    for (const { reject } of this.#asked.splice(0)) reject(reason);
  }

  /** Asks the caller. Rejects if the caller is gone, the question is too large, or too many are open. */
  #ask(question: Question): Promise<Record<string, unknown>> {
    if (this.#gone) return Promise.reject(new AppError('cancelled'));
    if (this.#count >= MAX_QUESTIONS || !this.#hasRoom())
      return Promise.reject(new AppError('rate_limited', 'Too many questions wait for an answer.'));
    if (JSON.stringify(question).length > MAX_QUESTION_CHARS) return Promise.reject(new AppError('payload_too_large'));
    const key = `question-${(this.#count += 1)}`;
    return new Promise((resolve, reject) => {
      this.#asked.push({ key, question, resolve, reject });
      this.#onAsked?.();
    });
  }
}
