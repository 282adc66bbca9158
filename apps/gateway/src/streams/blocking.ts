import type { OrchestrateAnswer, WaitingAnswer } from '@switchyard/contracts/http';
import { evolve, INITIAL, isWaiting, openAsks } from '@switchyard/run';
import { orchestrateDialect } from '../dialects/index.ts';
import type { OpenRun } from './follow.ts';
import { eventsUrl } from './position.ts';

/**
 * The answer of a run, or the question that it waits for, folded from its events; null if the feed stopped before
 * either.
 */
export async function answerOf(
  run: OpenRun,
  notices: readonly string[] = [],
): Promise<OrchestrateAnswer | WaitingAnswer | null> {
  const { runId, feed, lastSeq } = run;
  let shown = orchestrateDialect.initial({ runId, threadId: '', view: 'default', profile: '1.0', notices });
  let state = INITIAL;
  for await (const batch of feed) {
    for (const event of batch) {
      shown = orchestrateDialect.project(shown, event).state;
      state = evolve(state, event);
    }
    if (shown.answer !== null) return shown.answer;
    // Not within the replayed history: its questions are answered.
    if (state.seq < lastSeq || state.cancel !== null || !isWaiting(state)) continue;
    const approvals = openAsks(state).map(({ request }) => request);
    const more = notices.length === 0 ? {} : { notices: [...notices] };
    return { run_id: runId, status: 'waiting', approvals, events_url: eventsUrl(runId), ...more };
  }
  return null;
}
