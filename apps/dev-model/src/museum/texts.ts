import { breaks, chunk, data, DONE, end, type Exhibit, say, speaks, usage, whole } from './exhibit.ts';

/* How model servers send text, reasoning and usage. */

const text = (part: string) => ({ type: 'text', text: part });
const HELLO = [say('Hello '), say('there.')];
const reported = (value: unknown, more: object = {}) => [...HELLO, chunk({}, 'stop', more), usage(value), DONE];

const CONTENT: readonly Exhibit[] = [
  speaks('plain', 'OpenAI: API reference', [...HELLO, end()], 'Hello there.'),
  speaks(
    'content-parts',
    'Mistral and proxies: content as a list',
    [chunk({ content: [text('Part one. ')] }), chunk({ content: [text('Part two.')] }), end()],
    'Part one. Part two.',
  ),
  speaks(
    'content-part-alone',
    'Proxies: content as one part',
    [chunk({ content: text('Hello there.') }), end()],
    'Hello there.',
  ),
  speaks(
    'content-list-of-texts',
    'Proxies: content as a list of texts',
    [chunk({ content: ['Hello ', 'there.'] }), end()],
    'Hello there.',
  ),
  speaks(
    'content-parts-with-nothing',
    'Gemini on OCI: oracle/langchain-oracle#91',
    [chunk({ content: [{ type: 'text' }, null, 7, text('Hello there.')] }), end()],
    'Hello there.',
  ),
  speaks(
    'content-with-an-image',
    'OpenRouter: images beside text',
    [chunk({ content: [text('Hello there.'), { type: 'image_url', image_url: { url: 'data:x' } }] }), end()],
    'Hello there.',
  ),
  speaks(
    'content-output-text',
    'Responses API behind a proxy',
    [chunk({ content: [{ type: 'output_text', text: 'Hello there.' }] }), end()],
    'Hello there.',
  ),
  speaks(
    'thinking-parts',
    'Mistral Magistral: BerriAI/litellm#16272',
    [chunk({ content: [{ type: 'thinking', thinking: [text('Hm.')] }] }), say('Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'thinking-and-text-parts',
    'Mistral: HKUDS/nanobot#2494',
    [chunk({ content: [{ type: 'thinking', thinking: [text('Hm.')] }, text('Answer.')] }), end()],
    'Answer.',
  ),
  speaks(
    'thinking-part-as-text',
    'Anthropic by proxies: thinking as a text',
    [
      chunk({
        content: [{ type: 'thinking', thinking: 'Hm.' }, { type: 'redacted_thinking', data: 'x' }, text('Answer.')],
      }),
      end(),
    ],
    'Answer.',
  ),
  speaks(
    'reasoning-content',
    'DeepSeek: karthink/gptel#592',
    [chunk({ reasoning_content: 'Hm.' }), say('Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'reasoning-field',
    'OpenRouter, vLLM: reasoning',
    [
      chunk({ reasoning: 'Hm.', reasoning_details: [{ type: 'reasoning.text', text: 'Hm.' }], content: '' }),
      say('Answer.'),
      end(),
    ],
    'Answer.',
  ),
  speaks(
    'reasoning-with-a-finish',
    'Open WebUI: open-webui/open-webui#16377',
    [chunk({ reasoning_content: 'Hm.' }, 'stop'), say('Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'think-tags',
    'DeepSeek R1 on Ollama, vLLM: langchain-ai/langchainjs#9726',
    [say('<think>Hm.</think>\n\nAnswer.'), end()],
    'Answer.',
  ),
  speaks(
    'think-tags-split',
    'vLLM without a reasoning parser',
    [...'<think>Hm.</think>\nAnswer.'].map(say).concat(end()),
    'Answer.',
  ),
  speaks(
    'think-tags-after-space',
    'Qwen: a newline before the mark',
    [say('\n'), say('<think>\nHm. <b>\n</think>\n'), say('Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'think-tags-twice',
    'Qwen: more than one reasoning',
    [say('<think>a</think><think>b</think>Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'think-tags-empty',
    'Qwen3 without thinking: an empty reasoning',
    [say('<think>\n\n</think>\n\n'), say('Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'think-end-alone',
    'DeepSeek R1: ItzCrazyKns/Vane#1034',
    [say('Hm. I should greet.\n'), say('</think>\n\nAnswer.'), end()],
    'Answer.',
  ),
  speaks('think-end-first', 'LMDeploy: InternLM/lmdeploy#3321', [say('</think>\n\nAnswer.'), end()], 'Answer.'),
  speaks(
    'think-tags-spoken-of',
    'langchain-ai/langchainjs#10932',
    [say('The mark <think> begins a reasoning and </think> ends it.'), end()],
    'The mark <think> begins a reasoning and </think> ends it.',
  ),
  speaks(
    'think-tags-in-code',
    'ant-design/x#514',
    [say('```\n<think>\n</think>\n```\nas in'), end()],
    '```\n<think>\n</think>\n```\nas in',
  ),
  speaks('thinking-tags', 'Claude by proxies: <thinking>', [say('<thinking>Hm.</thinking>Answer.'), end()], 'Answer.'),
  speaks('thought-tags', 'Gemini: <thought>', [say('<thought>Hm.</thought>Answer.'), end()], 'Answer.'),
  speaks('think-brackets', 'Mistral Magistral 1.2: [THINK]', [say('[THINK]Hm.[/THINK]Answer.'), end()], 'Answer.'),
  speaks(
    'harmony-channels',
    'gpt-oss on vLLM: vllm-project/vllm#26291',
    [
      say('<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>'),
      say('final<|message|>Answer.'),
      end(),
    ],
    'Answer.',
  ),
  speaks(
    'harmony-final-alone',
    'gpt-oss: ddalcu/mlx-serve#247',
    [say('<|channel|>final<|message|>Answer.'), end()],
    'Answer.',
  ),
  speaks(
    'begins-like-a-mark',
    'An answer that begins with <',
    [say('<th'), say('is> is no mark'), end()],
    '<this> is no mark',
  ),
  speaks('is-a-part-of-a-mark', 'An answer that is <', [say('<'), end()], '<'),
  speaks(
    'refusal',
    'OpenAI: structured refusals',
    [chunk({ refusal: 'I cannot ' }), chunk({ refusal: 'do that.' }), end()],
    'I cannot do that.',
  ),
  speaks(
    'role-in-each-chunk',
    'Ollama: ollama/ollama#4357',
    [chunk({ role: 'assistant', content: 'Hello ' }), chunk({ role: 'assistant', content: 'there.' }), end()],
    'Hello there.',
  ),
  speaks(
    'null-content-first',
    'llama.cpp: darshi1337/apogee#139',
    [chunk({ role: 'assistant', content: null }), ...HELLO, end()],
    'Hello there.',
  ),
  speaks(
    'filter-results-first',
    'Azure: Azure/azure-sdk-for-go#21086',
    [
      data({ choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{ prompt_index: 0 }] }),
      ...HELLO,
      end(),
    ],
    'Hello there.',
  ),
  speaks(
    'delta-missing',
    'Azure: langchain-ai/langchain#18977',
    [
      ...HELLO,
      data({ id: '', model: '', object: '', choices: [{ index: 0, finish_reason: null, content_filter_results: {} }] }),
      end(),
    ],
    'Hello there.',
  ),
  speaks('delta-null', 'Azure: pydantic/pydantic-ai#797', [chunk(null), ...HELLO, end()], 'Hello there.'),
  speaks('choices-null', 'Proxies: choices null', [data({ choices: null }), ...HELLO, end()], 'Hello there.'),
  speaks(
    'second-choice-ignored',
    'Servers that answer more than was asked',
    [
      data({
        choices: [
          { index: 1, delta: { content: 'other' } },
          { index: 0, delta: { content: 'Hello there.' } },
        ],
      }),
      end(),
    ],
    'Hello there.',
  ),
  speaks(
    'text-in-choice',
    'llama-cpp-python: abetlen/llama-cpp-python#1958',
    [data({ choices: [{ index: 0, text: 'Hello there.', finish_reason: null }] }), end()],
    'Hello there.',
  ),
  speaks(
    'message-in-a-stream',
    'Proxies: a whole answer as one event',
    [data(JSON.parse(whole({ content: 'Hello there.' }))), DONE],
    'Hello there.',
  ),
  speaks(
    'control-characters',
    'Any model: NUL and lone surrogates',
    [say('a\u0000b\ud800c'), end()],
    'a\u0000b\ud800c',
  ),
  speaks(
    'emoji-over-chunks',
    'Proxies that cut within UTF-8',
    ['data: {"choices":[{"index":0,"delta":{"content":"👍🏽 ok"}}]}\n\n', end()],
    '👍🏽 ok',
    { pieceBytes: 3 },
  ),
  breaks('empty-answer', 'deepseek-ai/DeepSeek-R1#314: 200 without a word', [end()], {
    code: 'model_invalid_answer',
    usage: 'reported',
  }),
  breaks(
    'reasoning-alone',
    'vLLM: all of the answer in reasoning_content',
    [chunk({ reasoning_content: 'Answer.' }), end()],
    { code: 'model_invalid_answer', usage: 'reported' },
  ),
  breaks(
    'too-much-text',
    'Any model in a loop',
    Array.from({ length: 40 }, () => say('x'.repeat(4_000))),
    { code: 'model_invalid_answer', usage: 'estimated', requests: 1 },
  ),
  breaks(
    'too-much-text-in-parts',
    'Lists whose length says nothing',
    [chunk({ content: [text('x'.repeat(200_000))] }), end()],
    { code: 'model_invalid_answer', usage: 'estimated', requests: 1 },
  ),
  breaks('one-chunk-of-10-mb', 'Proxies that do not stream', [say('x'.repeat(10_000_000)), end()], {
    code: 'model_invalid_answer',
    usage: 'estimated',
    requests: 1,
  }),
  breaks(
    'part-of-10-mb',
    'Lists whose length says nothing',
    [chunk({ content: [text('x'.repeat(10_000_000))] }), end()],
    { code: 'model_invalid_answer', usage: 'estimated', requests: 1 },
  ),
];

const ESTIMATED = { usage: 'estimated' } as const;
const USAGE: readonly Exhibit[] = [
  speaks(
    'usage-missing',
    'Ollama, llama.cpp: ggml-org/llama.cpp#22081',
    [...HELLO, chunk({}, 'stop'), DONE],
    'Hello there.',
    ESTIMATED,
  ),
  speaks('usage-null', 'LiteLLM: BerriAI/litellm#9657', reported(null), 'Hello there.', ESTIMATED),
  speaks(
    'usage-zero',
    'LiteLLM: BerriAI/litellm#8349',
    reported({ prompt_tokens: 0, completion_tokens: 0 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-negative',
    'Servers that count wrongly',
    reported({ prompt_tokens: -5, completion_tokens: -1 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-fractions',
    'Servers that count wrongly',
    reported({ prompt_tokens: 1.5, completion_tokens: 2.5 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-as-words',
    'Servers that count wrongly',
    reported({ prompt_tokens: 'many', completion_tokens: true }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-beyond-reason',
    'Servers that count wrongly',
    reported({ prompt_tokens: 1e15, completion_tokens: 1e300 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks('usage-a-list', 'Servers that count wrongly', reported([1, 2]), 'Hello there.', ESTIMATED),
  speaks('usage-empty', 'LiteLLM: BerriAI/litellm#3490', reported({}), 'Hello there.', ESTIMATED),
  speaks(
    'usage-prompt-zero',
    'mere-run: sawfwair/mere-run#134',
    reported({ prompt_tokens: 0, completion_tokens: 20 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-answer-missing',
    'Servers that count the prompt alone',
    reported({ prompt_tokens: 100 }),
    'Hello there.',
    ESTIMATED,
  ),
  speaks(
    'usage-other-names',
    'mlx-vlm: earendil-works/pi#2326',
    reported({ input_tokens: 100, output_tokens: 20 }),
    'Hello there.',
  ),
  speaks(
    'usage-with-the-finish',
    'Gateways: odysseus-dev/odysseus#1703',
    [
      ...HELLO,
      chunk({ role: 'assistant', content: null }, 'stop', { usage: { prompt_tokens: 100, completion_tokens: 20 } }),
      DONE,
    ],
    'Hello there.',
  ),
  speaks(
    'usage-in-each-chunk',
    'DeepSeek, Kimi: router-for-me/CLIProxyAPI#3077',
    [chunk({ content: 'Hello there.' }, null, { usage: { prompt_tokens: 0, completion_tokens: 0 } }), end()],
    'Hello there.',
  ),
  speaks(
    'usage-growing',
    'Perplexity, Gemini: usage with each chunk',
    [
      chunk({ content: 'Hello ' }, null, { usage: { prompt_tokens: 100, completion_tokens: 5 } }),
      chunk({ content: 'there.' }, null, { usage: { prompt_tokens: 100, completion_tokens: 9 } }),
      end(),
    ],
    'Hello there.',
  ),
  speaks(
    'usage-then-zero',
    'Proxies that add an empty usage',
    [...HELLO, chunk({}, 'stop'), usage(), usage({ prompt_tokens: 0, completion_tokens: 0 }), DONE],
    'Hello there.',
  ),
  speaks(
    'usage-of-groq',
    'Groq: x_groq.usage',
    [...HELLO, chunk({}, 'stop', { x_groq: { usage: { prompt_tokens: 100, completion_tokens: 20 } } }), DONE],
    'Hello there.',
  ),
  speaks(
    'usage-before-the-text',
    'Proxies: usage in the first chunk',
    [usage(), ...HELLO, chunk({}, 'stop'), DONE],
    'Hello there.',
  ),
  speaks(
    'usage-with-a-choice',
    'LiteLLM: BerriAI/litellm#8450',
    [...HELLO, chunk({}, 'stop'), chunk({}, null, { usage: { prompt_tokens: 100, completion_tokens: 20 } }), DONE],
    'Hello there.',
  ),
  speaks(
    'cached-more-than-all',
    'Servers that count wrongly',
    reported({ prompt_tokens: 100, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 5_000 } }),
    'Hello there.',
  ),
];

export const TEXTS: readonly Exhibit[] = [...CONTENT, ...USAGE];
