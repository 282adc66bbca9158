import { z } from 'zod';

/** The chat completions wire, as far as this server reads it. Source: OpenAI API reference, POST /v1/chat/completions. */
const ToolCallMessage = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

export const ChatMessage = z.looseObject({
  role: z.string(),
  content: z.unknown(),
  tool_calls: z.array(ToolCallMessage).nullish(),
  tool_call_id: z.string().nullish(),
});
export type ChatMessage = z.infer<typeof ChatMessage>;

export const ChatRequest = z.looseObject({
  model: z.string().max(256).default('dev-model'),
  messages: z.array(ChatMessage).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.string(),
        function: z.looseObject({
          name: z.string(),
          description: z.string().optional(),
          parameters: z.record(z.string(), z.unknown()).optional(),
        }),
      }),
    )
    .nullish(),
  tool_choice: z
    .union([z.enum(['auto', 'none', 'required']), z.looseObject({ function: z.looseObject({ name: z.string() }) })])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

export interface WireToolCall {
  id: string;
  name: string;
  /** JSON text, as the wire carries it. */
  arguments: string;
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** One answer before it is encoded. */
export interface Completion {
  id: string;
  created: number;
  model: string;
  text: string | undefined;
  toolCalls: readonly WireToolCall[];
  finishReason: string;
  usage: Usage;
}

const FINGERPRINT = 'fp_dev_model';
const TEXT_PIECE_CHARS = 48;
const ARGUMENT_PIECE_CHARS = 32;

/** About four characters are a token; used for both directions, so budgets can be tested. */
export function tokensOf(chars: number): number {
  return Math.max(1, Math.ceil(chars / 4));
}

/** The answer of a request without `stream`. */
export function completionBody(completion: Completion): string {
  const calls = completion.toolCalls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  return JSON.stringify({
    id: completion.id,
    object: 'chat.completion',
    created: completion.created,
    model: completion.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: completion.text ?? null,
          refusal: null,
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: completion.finishReason,
      },
    ],
    usage: completion.usage,
    service_tier: 'default',
    system_fingerprint: FINGERPRINT,
  });
}

/**
 * The server-sent events of a streamed answer, each a complete `data: …` frame, `[DONE]` last.
 * A tool call comes as a piece with index, id and name, then pieces of its arguments, as the real API sends it.
 */
export function completionFrames(completion: Completion, includeUsage: boolean): string[] {
  const head = `data: {"id":${JSON.stringify(completion.id)},"object":"chat.completion.chunk","created":${completion.created},"model":${JSON.stringify(completion.model)},"service_tier":"default","system_fingerprint":"${FINGERPRINT}","choices":`;
  const usage = includeUsage ? ',"usage":null' : '';
  const frame = (delta: string, finish = 'null'): string =>
    `${head}[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${usage}}\n\n`;
  const frames = [
    frame(`{"role":"assistant","content":${completion.text === undefined ? 'null' : '""'},"refusal":null}`),
  ];
  for (const piece of piecesOf(completion.text ?? '', TEXT_PIECE_CHARS)) {
    frames.push(frame(`{"content":${JSON.stringify(piece)}}`));
  }
  completion.toolCalls.forEach((call, index) => {
    const name = JSON.stringify(call.name);
    frames.push(
      frame(
        `{"tool_calls":[{"index":${index},"id":${JSON.stringify(call.id)},"type":"function","function":{"name":${name},"arguments":""}}]}`,
      ),
    );
    for (const piece of piecesOf(call.arguments, ARGUMENT_PIECE_CHARS)) {
      frames.push(frame(`{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(piece)}}}]}`));
    }
  });
  frames.push(frame('{}', JSON.stringify(completion.finishReason)));
  if (includeUsage) frames.push(`${head}[],"usage":${JSON.stringify(completion.usage)}}\n\n`);
  frames.push('data: [DONE]\n\n');
  return frames;
}

/** Cuts without parting a surrogate pair. */
function piecesOf(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + size, text.length);
    const unit = text.charCodeAt(to - 1);
    if (to < text.length && unit >= 0xd800 && unit <= 0xdbff) to += 1;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** An error as the API spells it. `type` follows the status, as clients map it. */
export function errorBody(
  status: number,
  error: { message: string; type?: string; code?: string | null; param?: string | null },
): string {
  const type =
    error.type ?? (status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error');
  return JSON.stringify({
    error: { message: error.message, type, param: error.param ?? null, code: error.code ?? null },
  });
}
