import { setTimeout as sleep } from 'node:timers/promises';
import { headersOf } from '../client.ts';
import { type ClientDialect, type PlannedAnswer, type PlannedRun, taskOf } from './workload.ts';

/*
 * A client of a round: starts a run, reads its stream, goes away and comes back as planned, and keeps what it saw.
 *
 * C1 It repeats a start, with the same key, until it is told that the run is accepted or refused for good.
 * C2 It comes back to the other gateway with the cursor of the last event that it has whole; frames after that
 *    cursor are not its own yet, since the same event comes again.
 * C3 It gives up when the round does, and then its transcript is not complete.
 * C4 Every question is answered, by one person or by two that contradict each other; an answer is repeated until it
 *    is taken or refused for good.
 */

export interface SeenFrame {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

export interface Transcript {
  readonly n: number;
  readonly user: string;
  readonly key: string;
  readonly dialect: ClientDialect;
  /** Every run id that an answer to this request named; one where all is well. */
  readonly runIds: readonly string[];
  readonly frames: readonly SeenFrame[];
  readonly complete: boolean;
  readonly resumes: number;
  /** Answers that no client could go on from. */
  readonly refusals: readonly string[];
  /** Status of the request with another body under the same key; null: none was sent, or it never got an answer. */
  readonly conflict: number | null;
  readonly cancel: { readonly ts: number; readonly accepted: boolean } | null;
  readonly acceptedTs: number | null;
  /** What people said to its questions, and the status of the answer. */
  readonly answers: readonly GivenAnswer[];
}

export interface GivenAnswer {
  readonly approvalId: string;
  readonly decision: 'approve' | 'deny';
  readonly status: number;
}

const AGAIN_MS = 250;
const MAX_AGAIN_MS = 1_500;
/** What says "try again", with or without a pause. */
const RETRY = new Set([408, 429, 502, 503, 504]);
const ATTEMPT_LIMIT_MS = 20_000;

export class ChaosClient {
  readonly #frames: SeenFrame[] = [];
  readonly #runIds = new Set<string>();
  readonly #refusals: string[] = [];
  readonly key: string;
  readonly #attempts = new Set<AbortController>();
  #cursor: string | null = null;
  #complete = false;
  #resumes = 0;
  #gateway: number;
  #vanishes: { afterFrames: number; forMs: number }[];
  #conflict: number | null = null;
  #cancel: Transcript['cancel'] = null;
  #acceptedTs: number | null = null;
  readonly #answers: GivenAnswer[] = [];

  constructor(
    private readonly plan: PlannedRun,
    private readonly seed: string,
    private readonly gateways: readonly [string, string],
    /** Aborted when the round is over. */
    private readonly over: AbortSignal,
  ) {
    this.key = `chaos-${seed}-${plan.n}`;
    this.#gateway = plan.gateway;
    this.#vanishes = plan.vanishes.map((vanish) => ({ ...vanish }));
  }

  async run(): Promise<Transcript> {
    const { plan } = this;
    const stop = () => {
      for (const attempt of this.#attempts) attempt.abort();
    };
    this.over.addEventListener('abort', stop, { once: true });
    try {
      await this.#play();
    } finally {
      this.over.removeEventListener('abort', stop);
      this.#attempts.clear();
    }
    return {
      n: plan.n,
      user: plan.user,
      key: this.key,
      dialect: plan.dialect,
      runIds: [...this.#runIds],
      frames: this.#frames,
      complete: this.#complete,
      resumes: this.#resumes,
      refusals: this.#refusals,
      conflict: this.#conflict,
      cancel: this.#cancel,
      acceptedTs: this.#acceptedTs,
      answers: this.#answers,
    };
  }

  async #play(): Promise<void> {
    const { plan } = this;
    const work = [this.#watch()];
    for (let n = 0; n < plan.duplicates; n += 1) work.push(this.#startAgain(n));
    if (plan.cancelAfterMs !== null) work.push(this.#cancelAfter(plan.cancelAfterMs));
    if (plan.answer !== null) work.push(this.#answerQuestions(plan.answer));
    await Promise.all(work);
    if (plan.conflict && this.#runIds.size > 0 && !this.over.aborted) await this.#otherBody();
  }

  async #watch(): Promise<void> {
    let pauseMs = AGAIN_MS;
    while (!this.#complete && !this.over.aborted) {
      const seen = this.#frames.length;
      const [runId] = this.#runIds;
      try {
        if (runId === undefined) await this.#start();
        else await this.#resume(runId);
      } catch {
        // The gateway went away, or the link did: that is what rounds are for.
      }
      if (this.#complete || this.over.aborted) return;
      this.#dropUnfinished();
      this.#gateway = 1 - this.#gateway;
      pauseMs = this.#frames.length > seen ? AGAIN_MS : Math.min(pauseMs * 1.5, MAX_AGAIN_MS);
      await this.#pause(pauseMs);
    }
  }

  async #start(): Promise<void> {
    const answer = await this.#post(this.#gateway);
    if (!this.#accepted(answer)) return void (await answer.body?.cancel());
    if (this.plan.dialect === 'raw') return void (await answer.text());
    await this.#read(answer);
  }

  async #resume(runId: string): Promise<void> {
    this.#resumes += 1;
    const path = `/runs/${runId}/events?dialect=${this.plan.dialect}`;
    const answer = await this.#fetch(this.#gateway, path, {
      headers: this.#headers(this.#cursor === null ? {} : { 'last-event-id': this.#cursor }),
    });
    if (answer.status === 204) return void (this.#complete = true);
    if (answer.status === 200) return this.#read(answer);
    await this.#refused(answer, 'resume');
  }

  /** The same request once more, while the first is under way. */
  async #startAgain(n: number): Promise<void> {
    await this.#pause(n * 5);
    try {
      const answer = await this.#post(n % 2);
      this.#accepted(answer);
      await answer.body?.cancel();
    } catch {
      // One that got no answer says nothing.
    }
  }

  async #otherBody(): Promise<void> {
    for (let tries = 0; tries < 40 && !this.over.aborted; tries += 1) {
      try {
        const answer = await this.#post(tries % 2, ' and something else');
        await answer.body?.cancel();
        if (!RETRY.has(answer.status)) return void (this.#conflict = answer.status);
      } catch {
        // tried again
      }
      await this.#pause(AGAIN_MS);
    }
  }

  async #cancelAfter(ms: number): Promise<void> {
    const idKnown = async () => {
      while (this.#runIds.size === 0 && !this.#complete && !this.over.aborted) await this.#pause(20);
    };
    await Promise.all([idKnown(), this.#pause(ms)]);
    const [runId] = this.#runIds;
    while (runId !== undefined && !this.over.aborted) {
      try {
        const path = `/runs/${runId}/cancel`;
        const answer = await this.#fetch(1 - this.plan.gateway, path, { method: 'POST', headers: this.#headers() });
        if (answer.status === 202) {
          const { accepted } = (await answer.json()) as { accepted: boolean };
          this.#cancel = { ts: Date.now(), accepted };
          return;
        }
        if (!(await this.#refused(answer, 'cancel'))) return;
      } catch {
        // tried again
      }
      await this.#pause(AGAIN_MS);
    }
  }

  /** C4 */
  async #answerQuestions({ afterMs, decision, contradicted }: PlannedAnswer): Promise<void> {
    const answered = new Set<string>();
    const opposite = decision === 'approve' ? 'deny' : 'approve';
    while (!this.#complete && !this.over.aborted) {
      for (const approvalId of await this.#openQuestions()) {
        if (answered.has(approvalId)) continue;
        answered.add(approvalId);
        await this.#pause(afterMs);
        const said = [this.#answer(approvalId, decision, 0)];
        if (contradicted) said.push(this.#answer(approvalId, opposite, 1));
        await Promise.all(said);
      }
      await this.#pause(AGAIN_MS);
    }
  }

  async #openQuestions(): Promise<readonly string[]> {
    const [runId] = this.#runIds;
    if (runId === undefined) return [];
    try {
      const answer = await this.#fetch(1 - this.#gateway, `/runs/${runId}`, { headers: this.#headers() });
      if (answer.status !== 200) return (await this.#refused(answer, 'look'), []);
      const { approvals } = (await answer.json()) as { approvals: { approval_id: string }[] };
      return approvals.map(({ approval_id: id }) => id);
    } catch {
      return []; // looked at again
    }
  }

  async #answer(approvalId: string, decision: GivenAnswer['decision'], gateway: number): Promise<void> {
    const [runId] = this.#runIds;
    while (!this.#complete && !this.over.aborted) {
      try {
        const answer = await this.#fetch(gateway, `/runs/${runId}/approvals/${approvalId}`, {
          method: 'POST',
          headers: this.#headers(),
          body: JSON.stringify({ decision }),
        });
        await answer.body?.cancel();
        if (!RETRY.has(answer.status)) return void this.#answers.push({ approvalId, decision, status: answer.status });
      } catch {
        // said again: whether it was heard is not known
      }
      await this.#pause(AGAIN_MS);
    }
  }

  #post(gateway: number, more = ''): Promise<Response> {
    const { dialect, n } = this.plan;
    const task = taskOf(this.plan) + more;
    const [path, body] =
      dialect === 'ag-ui'
        ? [
            '/ag-ui',
            {
              threadId: `thread-${this.seed}-${n}`,
              runId: this.key,
              protocolVersion: '1.0',
              messages: [{ id: 'm1', role: 'user', content: task }],
            },
          ]
        : [dialect === 'raw' ? '/runs' : '/orchestrate/stream', { task }];
    const headers = this.#headers(dialect === 'ag-ui' ? {} : { 'idempotency-key': this.key });
    return this.#fetch(gateway, path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Notes the run that an answer to a start names. */
  #accepted(answer: Response): boolean {
    const runId = answer.headers.get('x-run-id');
    if ((answer.status === 200 || answer.status === 202) && runId !== null) {
      this.#acceptedTs ??= Date.now();
      this.#runIds.add(runId);
      return true;
    }
    if (!RETRY.has(answer.status)) this.#refusals.push(`start: HTTP ${answer.status}`);
    return false;
  }

  async #refused(answer: Response, what: string): Promise<boolean> {
    const text = (await answer.text()).slice(0, 300);
    if (RETRY.has(answer.status)) return true;
    this.#refusals.push(`${what}: HTTP ${answer.status} ${text}`);
    return false;
  }

  async #read(answer: Response): Promise<void> {
    if (!answer.body) return;
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        this.#take(frame);
        if (this.#complete) return;
        if (await this.#vanished()) return; // leaving the loop ends the connection
      }
      if (this.plan.slowMs > 0) await this.#pause(this.plan.slowMs);
    }
  }

  #take(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    this.#frames.push(frame);
    if (frame.id === null) return;
    this.#cursor = frame.id;
    if (isTerminal(this.plan.dialect, frame)) this.#complete = true;
  }

  async #vanished(): Promise<boolean> {
    const [vanish] = this.#vanishes;
    if (!vanish || (vanish.afterFrames -= 1) > 0) return false;
    this.#vanishes.shift();
    await this.#pause(vanish.forMs);
    return true;
  }

  /** C2 */
  #dropUnfinished(): void {
    while (this.#frames.length > 0 && this.#frames.at(-1)!.id === null) this.#frames.pop();
  }

  #headers(more: Record<string, string> = {}): Record<string, string> {
    return headersOf({ user: this.plan.user, headers: more });
  }

  #fetch(gateway: number, path: string, init: RequestInit): Promise<Response> {
    const limit = new AbortController();
    this.#attempts.add(limit);
    // Only the headers are waited for so long; a stream may take its time.
    const timer = setTimeout(() => limit.abort(), ATTEMPT_LIMIT_MS);
    return fetch(`${this.gateways[gateway === 0 ? 0 : 1]}${path}`, { ...init, signal: limit.signal }).finally(() =>
      clearTimeout(timer),
    );
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.over }).catch(() => undefined);
  }
}

/** True for the one frame after which nothing comes. */
export function isTerminal(dialect: ClientDialect, { event, data }: SeenFrame): boolean {
  if (dialect === 'raw') return event === 'orchestrator.task.completed';
  if (dialect === 'orchestrate') return event === 'response.completed';
  return /^\{"type":"RUN_(FINISHED|ERROR)"/.test(data);
}

/** A whole stream, read by somebody who was never away. */
export async function readWhole(
  gateway: string,
  dialect: ClientDialect,
  runId: string,
  user: string,
): Promise<SeenFrame[]> {
  const answer = await fetch(`${gateway}/runs/${runId}/events?dialect=${dialect}`, {
    headers: headersOf({ user }),
    signal: AbortSignal.timeout(30_000),
  });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status} for the events of ${runId}`);
  return (await answer.text()).split('\n\n').flatMap((text) => parseFrame(text) ?? []);
}

/** One event of a stream; undefined for what only says that the stream lives. */
function parseFrame(text: string): SeenFrame | undefined {
  const lines = text.split('\n').filter((line) => !line.startsWith(':'));
  const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const data = field('data');
  const id = field('id') ?? null;
  const event = field('event') ?? 'message';
  if ((data === undefined && id === null) || event === 'server.keepalive') return undefined;
  return { event, id, data: data ?? '' };
}
