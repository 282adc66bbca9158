import { AGAIN_MS, type Calls } from './calls.ts';
import type { GivenAnswer } from './transcript.ts';
import type { PlannedAnswer } from './workload.ts';

/** The run of the question, as its client knows it at the moment. */
export interface WatchedRun {
  readonly runId: string | undefined;
  readonly ended: boolean;
  /** Where its client reads. */
  readonly gateway: number;
}

/** Answers every question of a run, as one person or as two that contradict each other. */
export class SimulatedUser {
  /** The decision that was sent, and the status of the answer. */
  readonly answers: GivenAnswer[] = [];

  readonly #run: WatchedRun;
  readonly #calls: Calls;

  constructor(run: WatchedRun, calls: Calls) {
    this.#run = run;
    this.#calls = calls;
  }

  async answerQuestions({ afterMs, decision, contradicted }: PlannedAnswer): Promise<void> {
    const answered = new Set<string>();
    const opposite = decision === 'approve' ? 'deny' : 'approve';
    while (!this.#run.ended && !this.#calls.over.aborted) {
      for (const approvalId of await this.#openQuestions()) {
        if (answered.has(approvalId)) continue;
        answered.add(approvalId);
        await this.#calls.pause(afterMs);
        const said = [this.#answer(approvalId, decision, 0)];
        if (contradicted) said.push(this.#answer(approvalId, opposite, 1));
        await Promise.all(said);
      }
      await this.#calls.pause(AGAIN_MS);
    }
  }

  async #openQuestions(): Promise<readonly string[]> {
    const { runId } = this.#run;
    if (runId === undefined) return [];
    try {
      const answer = await this.#calls.fetch(1 - this.#run.gateway, `/runs/${runId}`);
      if (answer.status !== 200) return (await this.#calls.refused(answer, 'look'), []);
      const { approvals } = (await answer.json()) as { approvals: { approval_id: string }[] };
      return approvals.map(({ approval_id: id }) => id);
    } catch {
      return []; // looked at again
    }
  }

  async #answer(approvalId: string, decision: GivenAnswer['decision'], gateway: number): Promise<void> {
    const { runId } = this.#run;
    while (!this.#run.ended && !this.#calls.over.aborted) {
      try {
        const answer = await this.#calls.fetch(gateway, `/runs/${runId}/approvals/${approvalId}`, {
          method: 'POST',
          body: JSON.stringify({ decision }),
        });
        await answer.body?.cancel();
        if (!this.#calls.isAgain(answer))
          return void this.answers.push({ approvalId, decision, status: answer.status });
      } catch {
        // sent again: the user does not know whether the first one arrived
      }
      await this.#calls.pause(AGAIN_MS);
    }
  }
}
