import { ERROR_CODES, type FactOf, isErrorCode, UNFINISHED } from '@switchyard/contracts';
import { type AgUiEvent, type AgUiState, type Change, closeAll, closeText, isModern, say } from './ag-ui-state.ts';
import { join } from './ag-ui-steps.ts';

/** The end of a run: closes what is open, and says the answer if no message said it. */
export function finished(state: AgUiState, data: FactOf<'orchestrator.task.completed'>['data']): Change {
  const { status, completion_reason, answer, total_steps, successful_steps, failed_steps, finish_reason: cut } = data;
  const unfinished = cut === undefined ? {} : { finish_reason: cut, warning: UNFINISHED[cut] };
  const { runId, peerRunId, threadId } = state.context;
  const cancelled = status === 'cancelled';
  const reason = cancelled
    ? { message: 'The run was cancelled.', code: 'CANCELLED' }
    : { message: data.error ?? publicSentence(data.error_code), code: data.error_code ?? 'internal' };
  const text = closeText(state);
  const spoken =
    !state.finalSaid && answer !== null && answer !== '' && status !== 'failed' && !cancelled
      ? join(text, say(text.state, `${runId}-answer`, answer))
      : text;
  const closed = join(spoken, closeAll(spoken.state, reason));
  const end = (event: AgUiEvent): Change => ({ state: closed.state, events: [...closed.events, event] });

  if (status === 'failed' || (cancelled && !isModern(state))) return end({ type: 'RUN_ERROR', ...reason });
  const { input_tokens: inputTokens, output_tokens: outputTokens } = data.usage;
  const usage = {
    ...(state.model === null ? {} : { model: state.model }),
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
  };
  return end({
    type: 'RUN_FINISHED',
    threadId,
    runId: peerRunId ?? runId,
    result: { status, completion_reason, total_steps, successful_steps, failed_steps, ...unfinished },
    ...(isModern(state) ? { outcome: { type: cancelled ? 'cancelled' : 'success' } } : {}),
    usage: [usage],
  });
}

function publicSentence(code: string | null): string {
  return isErrorCode(code) ? ERROR_CODES[code].summary : 'The run failed.';
}
