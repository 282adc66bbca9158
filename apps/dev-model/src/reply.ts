import type { Conversation } from './conversation.ts';
import type { Completion, WireToolCall, ChatRequest } from './openai.ts';
import { tokensOf } from './openai.ts';
import { plan } from './planner.ts';
import { screenCall } from './screen/index.ts';
import type { ScriptedResponse } from './script.ts';

/** Decides the answer to a chat request: the script's where it says so, else the planner's. Pure but for `newId`. */
export function replyTo(
  request: ChatRequest,
  conversation: Conversation,
  requestChars: number,
  script: ScriptedResponse | undefined,
  newId: (prefix: string) => string,
  nowMs: number,
): Completion {
  const said = decide(request, conversation, script);
  const toolCalls = said.calls.map(({ name, arguments: args }): WireToolCall => {
    const json = typeof args === 'string' ? args : JSON.stringify(args);
    return { id: newId('call_'), name, arguments: script?.invalidJsonArguments ? cutShort(json) : json };
  });
  const answerChars =
    (said.text?.length ?? 0) + toolCalls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
  const prompt = script?.usage?.prompt_tokens ?? tokensOf(requestChars);
  const completion = script?.usage?.completion_tokens ?? tokensOf(answerChars);
  return {
    id: newId('chatcmpl-'),
    created: Math.floor(nowMs / 1000),
    model: request.model,
    text: said.text,
    toolCalls,
    finishReason: script?.finishReason ?? (toolCalls.length > 0 ? 'tool_calls' : 'stop'),
    usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
  };
}

interface Said {
  text: string | undefined;
  calls: readonly { name: string; arguments: Record<string, unknown> | string }[];
}

function decide(request: ChatRequest, conversation: Conversation, script: ScriptedResponse | undefined): Said {
  if (script?.emptyAnswer) return { text: '', calls: [] };
  if (script?.text !== undefined || script?.toolCalls) return { text: script.text, calls: script.toolCalls ?? [] };
  const onScreen = screenCall(request);
  if (onScreen) return { text: undefined, calls: [onScreen] };
  const choice = request.tool_choice ?? 'auto';
  const decision = plan({
    conversation,
    functions: (request.tools ?? []).map((tool) => tool.function),
    parallel: request.parallel_tool_calls ?? true,
    choice: typeof choice === 'string' ? choice : { name: choice.function.name },
  });
  return decision.kind === 'text' ? { text: decision.text, calls: [] } : { text: undefined, calls: decision.calls };
}

/** No longer JSON, whatever it was. */
function cutShort(json: string): string {
  return json.length > 2 ? json.slice(0, -2) : '{';
}
