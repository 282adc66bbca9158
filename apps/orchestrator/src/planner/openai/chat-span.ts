import { GEN_AI, serverOf, telemetryEnabled, withSpan } from '@switchyard/platform';
import type { ModelAnswer, ModelRequest } from '../index.ts';

/** The span of one model call. It holds names and numbers, and no text of the conversation. */
export function inChatSpan(
  baseUrl: string,
  request: ModelRequest,
  ask: () => Promise<ModelAnswer>,
): Promise<ModelAnswer> {
  if (!telemetryEnabled()) return ask();
  const { model, maxOutputTokens } = request;
  const attributes = {
    [GEN_AI.operation]: 'chat',
    // The protocol; server.address names the server.
    [GEN_AI.provider]: 'openai',
    [GEN_AI.requestModel]: model,
    [GEN_AI.streamed]: true,
    ...(maxOutputTokens === undefined ? {} : { [GEN_AI.maxTokens]: maxOutputTokens }),
    ...serverOf(baseUrl),
  };
  return withSpan('chat', `chat ${model}`, attributes, async (span) => {
    const answer = await ask();
    const { told, usage, calls, cachedInputTokens } = answer;
    span.set({
      [GEN_AI.responseModel]: answer.model,
      [GEN_AI.finishReasons]: [told?.finish ?? (calls.length > 0 ? 'tool_calls' : 'stop')],
      [GEN_AI.inputTokens]: usage.input_tokens,
      [GEN_AI.outputTokens]: usage.output_tokens,
      ...(told?.id === undefined ? {} : { [GEN_AI.responseId]: told.id }),
      ...(cachedInputTokens === undefined ? {} : { [GEN_AI.cachedTokens]: cachedInputTokens }),
    });
    return answer;
  });
}
