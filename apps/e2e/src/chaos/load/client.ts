import { AGAIN_MS, Calls } from './calls.ts';
import { isTerminal, parseFrame, type SeenFrame } from './frames.ts';
import { SimulatedUser, type WatchedRun } from './simulated-user.ts';
import type { Transcript } from './transcript.ts';
import { type PlannedRun, taskOf } from './workload.ts';

/*
 * A client of a round: starts a run, reads its stream, goes away and comes back as planned, and keeps what it saw.
 *
 * - The client repeats a start, with the same key, until a gateway accepts the run or refuses it for good.
 * - The client comes back to the other gateway with the cursor of the last event that it has whole. It drops the frames
 *   after that cursor, since the gateway sends the same event again.
 * - The client gives up when the round ends; its transcript is then not complete.
 * - Every question gets an answer, by one person or by two that contradict each other. A person repeats an answer until
 *   a gateway takes it or refuses it for good.
 */

const MAX_AGAIN_MS = 1_500;

export class ChaosClient implements WatchedRun {
  readonly #frames: SeenFrame[] = [];
  readonly #runIds = new Set<string>();
  readonly key: string;
  readonly #calls: Calls;
  readonly #people: SimulatedUser;
  #cursor: string | null = null;
  #complete = false;
  #resumes = 0;
  #gateway: number;
  #vanishes: { afterFrames: number; forMs: number }[];
  #conflict: number | null = null;
  #cancel: Transcript['cancel'] = null;
  #acceptedTs: number | null = null;

  readonly #plan: PlannedRun;
  readonly #seed: string;
  readonly #over: AbortSignal;

  /** `over` is aborted when the round is. */
  constructor(plan: PlannedRun, seed: string, gateways: readonly [string, string], over: AbortSignal) {
    this.#plan = plan;
    this.#seed = seed;
    this.#over = over;
    this.key = `chaos-${seed}-${plan.n}`;
    this.#gateway = plan.gateway;
    this.#vanishes = plan.vanishes.map((vanish) => ({ ...vanish }));
    this.#calls = new Calls(plan.user, gateways, over);
    this.#people = new SimulatedUser(this, this.#calls);
  }

  get runId(): string | undefined {
    const [runId] = this.#runIds;
    return runId;
  }

  get ended(): boolean {
    return this.#complete;
  }

  get gateway(): number {
    return this.#gateway;
  }

  async run(): Promise<Transcript> {
    const plan = this.#plan;
    await this.#calls.whileOpen(() => this.#play());
    return {
      n: plan.n,
      user: plan.user,
      key: this.key,
      dialect: plan.dialect,
      runIds: [...this.#runIds],
      frames: this.#frames,
      complete: this.#complete,
      resumes: this.#resumes,
      refusals: this.#calls.refusals,
      conflict: this.#conflict,
      cancel: this.#cancel,
      acceptedTs: this.#acceptedTs,
      answers: this.#people.answers,
    };
  }

  async #play(): Promise<void> {
    const plan = this.#plan;
    const work = [this.#watch()];
    for (let n = 0; n < plan.duplicates; n += 1) work.push(this.#startAgain(n));
    if (plan.cancelAfterMs !== null) work.push(this.#cancelAfter(plan.cancelAfterMs));
    if (plan.answer !== null) work.push(this.#people.answerQuestions(plan.answer));
    await Promise.all(work);
    if (plan.conflict && this.#runIds.size > 0 && !this.#over.aborted) await this.#otherBody();
  }

  async #watch(): Promise<void> {
    let pauseMs = AGAIN_MS;
    while (!this.#complete && !this.#over.aborted) {
      const seen = this.#frames.length;
      const { runId } = this;
      try {
        if (runId === undefined) await this.#start();
        else await this.#resume(runId);
      } catch {
        // A gateway or a link broke, which a round does on purpose.
      }
      if (this.#complete || this.#over.aborted) return;
      this.#dropUnfinished();
      this.#gateway = 1 - this.#gateway;
      pauseMs = this.#frames.length > seen ? AGAIN_MS : Math.min(pauseMs * 1.5, MAX_AGAIN_MS);
      await this.#calls.pause(pauseMs);
    }
  }

  async #start(): Promise<void> {
    const answer = await this.#post(this.#gateway);
    if (!this.#accepted(answer)) return void (await answer.body?.cancel());
    if (this.#plan.dialect === 'raw') return void (await answer.text());
    await this.#read(answer);
  }

  async #resume(runId: string): Promise<void> {
    this.#resumes += 1;
    const path = `/runs/${runId}/events?dialect=${this.#plan.dialect}`;
    const answer = await this.#calls.fetch(this.#gateway, path, {
      headers: this.#cursor === null ? {} : { 'last-event-id': this.#cursor },
    });
    if (answer.status === 204) return void (this.#complete = true);
    if (answer.status === 200) return this.#read(answer);
    await this.#calls.refused(answer, 'resume');
  }

  /** Sends the same request once more while the first one is under way. */
  async #startAgain(n: number): Promise<void> {
    await this.#calls.pause(n * 5);
    try {
      const answer = await this.#post(n % 2);
      this.#accepted(answer);
      await answer.body?.cancel();
    } catch {
      // A request without an answer proves nothing.
    }
  }

  async #otherBody(): Promise<void> {
    for (let tries = 0; tries < 40 && !this.#over.aborted; tries += 1) {
      try {
        const answer = await this.#post(tries % 2, ' and something else');
        await answer.body?.cancel();
        if (!this.#calls.isAgain(answer)) return void (this.#conflict = answer.status);
      } catch {
        // tried again
      }
      await this.#calls.pause(AGAIN_MS);
    }
  }

  async #cancelAfter(ms: number): Promise<void> {
    const idKnown = async () => {
      while (this.#runIds.size === 0 && !this.#complete && !this.#over.aborted) await this.#calls.pause(20);
    };
    await Promise.all([idKnown(), this.#calls.pause(ms)]);
    const { runId } = this;
    while (runId !== undefined && !this.#over.aborted) {
      try {
        const path = `/runs/${runId}/cancel`;
        const answer = await this.#calls.fetch(1 - this.#plan.gateway, path, { method: 'POST' });
        if (answer.status === 202) {
          const { accepted } = (await answer.json()) as { accepted: boolean };
          this.#cancel = { ts: Date.now(), accepted };
          return;
        }
        if (!(await this.#calls.refused(answer, 'cancel'))) return;
      } catch {
        // tried again
      }
      await this.#calls.pause(AGAIN_MS);
    }
  }

  #post(gateway: number, more = ''): Promise<Response> {
    const { dialect, n } = this.#plan;
    const task = taskOf(this.#plan) + more;
    const [path, body] =
      dialect === 'ag-ui'
        ? [
            '/ag-ui',
            {
              threadId: `thread-${this.#seed}-${n}`,
              runId: this.key,
              protocolVersion: '1.0',
              messages: [{ id: 'm1', role: 'user', content: task }],
            },
          ]
        : [dialect === 'raw' ? '/runs' : '/orchestrate/stream', { task }];
    const headers: Record<string, string> = dialect === 'ag-ui' ? {} : { 'idempotency-key': this.key };
    return this.#calls.fetch(gateway, path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Notes the run that an answer to a start names. */
  #accepted(answer: Response): boolean {
    const runId = answer.headers.get('x-run-id');
    if ((answer.status === 200 || answer.status === 202) && runId !== null) {
      this.#acceptedTs ??= Date.now();
      this.#runIds.add(runId);
      return true;
    }
    if (!this.#calls.isAgain(answer)) this.#calls.refusals.push(`start: HTTP ${answer.status}`);
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
      if (this.#plan.slowMs > 0) await this.#calls.pause(this.#plan.slowMs);
    }
  }

  #take(text: string): void {
    const frame = parseFrame(text);
    if (!frame) return;
    this.#frames.push(frame);
    if (frame.id === null) return;
    this.#cursor = frame.id;
    if (isTerminal(this.#plan.dialect, frame)) this.#complete = true;
  }

  async #vanished(): Promise<boolean> {
    const [vanish] = this.#vanishes;
    if (!vanish || (vanish.afterFrames -= 1) > 0) return false;
    this.#vanishes.shift();
    await this.#calls.pause(vanish.forMs);
    return true;
  }

  /** Drops the frames after the cursor: the gateway sends their event again. */
  #dropUnfinished(): void {
    while (this.#frames.length > 0 && this.#frames.at(-1)!.id === null) this.#frames.pop();
  }
}
