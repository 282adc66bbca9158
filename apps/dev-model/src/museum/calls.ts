import {
  call,
  calls,
  chunk,
  data,
  DONE,
  end,
  error,
  type Exhibit,
  fn,
  LIMIT_MS,
  say,
  usage,
  whole,
} from './exhibit.ts';

/* How model servers write function calls. */

const LONDON = '{"city":"London"}';
const PARIS = '{"city":"Paris"}';
const SUM = '{"expression":"6*7"}';
const weather = `get_weather ${LONDON}`;
const paris = `get_weather ${PARIS}`;
const sum = `calculator ${SUM}`;
const finish = end('tool_calls');
const start = (index: number, id: string, name: string, args = '') => call({ index, id, ...fn(name, args) });

const signed = (signature: string) => ({ extra_content: { google: { thought_signature: signature } } });
const GEMINI = 'Gemini 3: ai.google.dev/gemini-api/docs/thought-signatures';
/** The server refuses each further turn that lacks this text. */
const wants = (text: string) => ({
  text,
  otherwise: {
    status: 400,
    body: [error({ code: 400, message: 'Function call is missing a thought_signature.', status: 'INVALID_ARGUMENT' })],
  },
});
/** The server signs its calls, and accepts them in the next turn only with `text`. */
const signs = (name: string, body: readonly string[], text: string, steps: readonly string[]): Exhibit => ({
  name,
  source: GEMINI,
  sent: [{ body }, { body: [say('All done.'), end()], wants: wants(text) }],
  outcome: { status: 'success', answer: 'All done.', usage: 'reported', requests: 2, withinMs: LIMIT_MS, steps },
});

export const CALLS: readonly Exhibit[] = [
  signs(
    'signature-of-a-call',
    [call({ index: 0, id: 'a', ...fn('get_weather', LONDON), ...signed('c2lnbmVk') }), finish],
    '"thought_signature":"c2lnbmVk"',
    [weather],
  ),
  signs(
    'signature-of-the-first-of-two',
    [
      call({ index: 0, id: 'a', ...fn('get_weather', LONDON), ...signed('Zmlyc3Q=') }),
      call({ index: 1, id: 'b', ...fn('calculator', SUM) }),
      finish,
    ],
    '"thought_signature":"Zmlyc3Q="',
    [weather, sum],
  ),
  signs(
    'signature-in-a-piece-of-its-own',
    [
      start(0, 'a', 'get_weather', LONDON),
      call({ index: 0, function: { arguments: '' }, ...signed('bGF0ZQ==') }),
      finish,
    ],
    '"thought_signature":"bGF0ZQ=="',
    [weather],
  ),
  signs(
    'signature-of-a-plan',
    [
      call({
        index: 0,
        id: 'a',
        ...fn('submit_plan', JSON.stringify({ steps: [{ tool: 'get_weather', arguments: { city: 'London' } }] })),
        ...signed('cGxhbg=='),
      }),
      finish,
    ],
    '"thought_signature":"skip_thought_signature_validator"',
    [weather],
  ),
  calls(
    'call-plain',
    'OpenAI: API reference',
    [start(0, 'a', 'get_weather'), call({ index: 0, ...fn(undefined, LONDON) }), finish],
    [weather],
  ),
  calls(
    'calls-parallel',
    'OpenAI: API reference',
    [start(0, 'a', 'get_weather', LONDON), start(1, 'b', 'calculator', SUM), finish],
    [weather, sum],
  ),
  calls(
    'calls-all-at-index-0',
    'Ollama: ollama/ollama#15457',
    [start(0, 'a', 'get_weather', LONDON), start(0, 'b', 'calculator', SUM), finish],
    [weather, sum],
  ),
  calls(
    'calls-at-index-0-in-pieces',
    'LiteLLM: BerriAI/litellm#33678',
    [
      start(0, 'a', 'get_weather'),
      call({ index: 0, ...fn(undefined, LONDON) }),
      start(0, 'b', 'calculator'),
      call({ index: 0, ...fn(undefined, SUM) }),
      finish,
    ],
    [weather, sum],
  ),
  calls(
    'calls-at-index-0-same-name',
    'NVIDIA Dynamo: ai-dynamo/dynamo#4723',
    [start(0, 'a', 'get_weather', LONDON), start(0, 'b', 'get_weather', PARIS), finish],
    [weather, paris],
  ),
  calls(
    'calls-at-index-0-without-ids',
    'Ollama: ollama/ollama#15457',
    [call({ index: 0, ...fn('get_weather', LONDON) }), call({ index: 0, ...fn('calculator', SUM) }), finish],
    [weather, sum],
  ),
  calls(
    'calls-at-index-0-without-ids-same-name',
    'Ollama: ollama/ollama#15457',
    [call({ index: 0, ...fn('get_weather', LONDON) }), call({ index: 0, ...fn('get_weather', PARIS) }), finish],
    [weather, paris],
  ),
  calls(
    'calls-at-index-0-in-one-chunk',
    'Ollama: ollama/ollama#15457',
    [
      chunk({
        tool_calls: [
          { index: 0, id: 'a', ...fn('get_weather', LONDON) },
          { index: 0, id: 'b', ...fn('calculator', SUM) },
        ],
      }),
      finish,
    ],
    [weather, sum],
  ),
  calls(
    'name-in-each-chunk',
    'Hermes agent: NousResearch/hermes-agent#3468',
    ['{"city":', '"Lon', 'don"}'].map((args) => start(0, 'a', 'get_weather', args)).concat(finish),
    [weather],
  ),
  calls(
    'name-in-each-chunk-without-id',
    'SGLang: sgl-project/sglang#4700',
    ['', '{"city":', '"London"}'].map((args) => call({ index: 0, ...fn('get_weather', args) })).concat(finish),
    [weather],
  ),
  calls(
    'name-empty-after-the-first',
    'SGLang: sgl-project/sglang#4700',
    [start(0, 'a', 'get_weather'), call({ index: 0, id: '', ...fn('', LONDON) }), finish],
    [weather],
  ),
  calls(
    'nulls-after-the-first',
    'SGLang: sgl-project/sglang#35542',
    [
      start(0, 'a', 'get_weather'),
      call({ index: 0, id: null, type: null, function: { name: null, arguments: LONDON } }),
      finish,
    ],
    [weather],
  ),
  calls(
    'arguments-null-at-first',
    'vLLM: vllm-project/vllm#9693',
    [call({ index: 0, id: 'a', ...fn('get_weather', null) }), call({ index: 0, ...fn(undefined, LONDON) }), finish],
    [weather],
  ),
  calls(
    'id-missing',
    'vLLM: vllm-project/vllm#18412',
    [call({ index: 0, ...fn('get_weather', LONDON) }), finish],
    [weather],
  ),
  calls(
    'id-empty',
    'Gemini: Arize-ai/phoenix#11376',
    [start(0, '', 'get_weather', LONDON), start(1, '', 'get_weather', PARIS), finish],
    [weather, paris],
  ),
  calls(
    'id-null',
    'LlamaIndex: run-llama/llama_index#20207',
    [call({ index: 0, id: null, ...fn('get_weather', LONDON) }), finish],
    [weather],
  ),
  calls(
    'id-is-the-name',
    'Gemini: run-llama/llama_index#20207',
    [start(0, 'get_weather', 'get_weather', LONDON), start(1, 'get_weather', 'get_weather', PARIS), finish],
    [weather, paris],
  ),
  calls(
    'id-is-a-number',
    'LM Studio and others: ids as numbers',
    [call({ index: 0, id: 7, ...fn('get_weather', LONDON) }), finish],
    [weather],
  ),
  calls(
    'id-twice',
    'vLLM: vllm-project/vllm#18412',
    [start(0, 'same', 'get_weather', LONDON), start(1, 'same', 'calculator', SUM), finish],
    [weather, sum],
  ),
  calls(
    'id-very-long',
    'Gemini: thought signatures within ids',
    [start(0, 'x'.repeat(100_000), 'get_weather', LONDON), finish],
    [weather],
  ),
  calls(
    'id-new-in-each-chunk',
    'vLLM: vllm-project/vllm#31443',
    [start(0, 'a', 'get_weather', '{"city":'), call({ index: 0, id: 'b', ...fn(undefined, '"London"}') }), finish],
    [weather],
  ),
  calls(
    'id-only-later',
    'LiteLLM: BerriAI/litellm#11407',
    [
      call({ index: 0, ...fn('get_weather', '{"city":') }),
      call({ index: 0, id: 'late', ...fn(undefined, '"London"}') }),
      finish,
    ],
    [weather],
  ),
  calls(
    'index-missing',
    'Gemini: THU-MAIC/OpenMAIC#1556',
    [
      call({ id: 'a', ...fn('get_weather', LONDON), extra_content: { google: { thought_signature: 'x' } } }),
      end('stop'),
    ],
    [weather],
  ),
  calls(
    'index-missing-in-pieces',
    'Gemini: open-webui/computer#224',
    [call({ id: 'a', ...fn('get_weather', '{"city":') }), call({ ...fn(undefined, '"London"}') }), end('stop')],
    [weather],
  ),
  calls(
    'index-missing-id-empty',
    'Gemini by a proxy: AstrBotDevs/AstrBot#6661',
    [call({ id: 'a', ...fn('get_weather', '') }), call({ id: '', function: { arguments: LONDON }, type: '' }), finish],
    [weather],
  ),
  calls(
    'index-missing-two-calls',
    'Gemini: THU-MAIC/OpenMAIC#1556',
    [call({ id: 'a', ...fn('get_weather', LONDON) }), call({ id: 'b', ...fn('calculator', SUM) }), finish],
    [weather, sum],
  ),
  calls(
    'index-missing-ids-missing',
    'Gemini: oracle/langchain-oracle#91',
    [call({ ...fn('get_weather', LONDON) }), call({ ...fn('get_weather', PARIS) }), finish],
    [weather, paris],
  ),
  calls(
    'index-null',
    'Gemini: oracle/langchain-oracle#91',
    [call({ index: null, id: 'a', ...fn('get_weather', LONDON) }), finish],
    [weather],
  ),
  calls(
    'index-from-1',
    'LiteLLM with Bedrock: BerriAI/litellm#11407',
    [start(1, 'a', 'get_weather'), call({ index: 1, ...fn(undefined, LONDON) }), finish],
    [weather],
  ),
  calls(
    'index-minus-1',
    'OCI Gemini: oracle/langchain-oracle#91',
    [start(-1, 'a', 'get_weather', LONDON), finish],
    [weather],
  ),
  calls(
    'index-as-text',
    'Proxies that write numbers as text',
    [call({ index: '0', id: 'a', ...fn('get_weather', '') }), call({ index: '0', ...fn(undefined, LONDON) }), finish],
    [weather],
  ),
  calls(
    'index-mixed-up',
    'vLLM: pieces of parallel calls in turns',
    [
      start(1, 'b', 'calculator'),
      start(0, 'a', 'get_weather'),
      call({ index: 1, ...fn(undefined, SUM) }),
      call({ index: 0, ...fn(undefined, LONDON) }),
      finish,
    ],
    [sum, weather],
  ),
  calls(
    'arguments-as-object',
    'LiteLLM: BerriAI/litellm#37792',
    [call({ index: 0, id: 'a', ...fn('get_weather', { city: 'London' }) }), finish],
    [weather],
  ),
  calls(
    'arguments-as-object-twice',
    'LiteLLM: BerriAI/litellm#37792',
    [
      call({ index: 0, id: 'a', ...fn('get_weather', {}) }),
      call({ index: 0, id: 'a', ...fn('get_weather', { city: 'London' }) }),
      finish,
    ],
    [weather],
  ),
  calls(
    'arguments-by-character',
    'Tokens of one character',
    [start(0, 'a', 'get_weather'), ...[...LONDON].map((char) => call({ index: 0, ...fn(undefined, char) })), finish],
    [weather],
  ),
  calls(
    'arguments-all-so-far',
    'DeepSeek by Qianfan: NousResearch/hermes-agent#35718',
    ['{"ci', '{"city":"Lon', LONDON]
      .map((args) => call({ index: 0, id: 'a', ...fn('get_weather', args) }))
      .concat(finish),
    [weather],
  ),
  calls(
    'arguments-sent-again-at-the-end',
    'GLM and others: anomalyco/opencode#17339',
    [
      start(0, 'a', 'get_weather'),
      call({ index: 0, ...fn(undefined, '{"city":') }),
      call({ index: 0, ...fn(undefined, '"London"}') }),
      call({ index: 0, ...fn(undefined, LONDON) }),
      finish,
    ],
    [weather],
  ),
  calls(
    'call-sent-again-whole',
    'Mistral: 64bit/async-openai#329',
    [start(0, 'a', 'get_weather', LONDON), start(0, 'a', 'get_weather', LONDON), finish],
    [weather],
  ),
  calls(
    'call-sent-three-times',
    'codex-lb: Soju06/codex-lb#284',
    [
      start(0, 'a', 'get_weather', LONDON),
      call({ index: 0, ...fn(undefined, LONDON) }),
      call({ index: 0, ...fn(undefined, LONDON) }),
      finish,
    ],
    [weather],
  ),
  calls(
    'empty-piece-at-the-end',
    'NVIDIA NIM: vercel/ai#3953',
    [
      start(0, 'a', 'get_weather', LONDON),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '' } }] }, 'tool_calls'),
      usage(),
      DONE,
    ],
    [weather],
  ),
  calls(
    'finish-twice',
    'OpenRouter: skye-harris/hass_local_openai_llm#92',
    [
      start(0, 'a', 'get_weather', LONDON),
      chunk({}, 'tool_calls'),
      chunk({ content: '' }, 'tool_calls', { usage: { prompt_tokens: 100, completion_tokens: 20 } }),
      DONE,
    ],
    [weather],
  ),
  calls(
    'finish-stop-with-calls',
    'Ollama: ollama/ollama#7963',
    [start(0, 'a', 'get_weather', LONDON), end('stop')],
    [weather],
  ),
  calls(
    'finish-end-turn',
    'LiteLLM: BerriAI/litellm#12481',
    [start(0, 'a', 'get_weather', LONDON), end('end_turn')],
    [weather],
  ),
  calls(
    'finish-apart-from-calls',
    'LiteLLM with Ollama: BerriAI/litellm#35663',
    [start(0, 'a', 'get_weather', LONDON), chunk({ content: '' }), end('stop')],
    [weather],
  ),
  calls(
    'finish-stop-in-a-stream',
    'Gemini: googleapis/python-genai#2868',
    [call({ id: 'a', ...fn('get_weather', LONDON) }), end('stop')],
    [weather],
  ),
  calls(
    'finish-function-call',
    'OpenAI before 2024: function_call',
    [
      chunk({ function_call: { name: 'get_weather', arguments: '' } }),
      chunk({ function_call: { arguments: LONDON } }),
      end('function_call'),
    ],
    [weather],
  ),
  calls(
    'all-in-one-chunk',
    'vLLM: vllm-project/vllm#47907',
    [
      chunk(
        { role: 'assistant', content: '', tool_calls: [{ index: 0, id: 'a', ...fn('get_weather', LONDON) }] },
        'tool_calls',
      ),
      usage(),
      DONE,
    ],
    [weather],
  ),
  calls(
    'remark-beside-calls',
    'Anthropic by proxies: text before calls',
    [say('Let me look.'), start(0, 'a', 'get_weather', LONDON), finish],
    [weather],
  ),
  calls(
    'empty-deltas-before-calls',
    'vMLX: jjang-ai/vmlx#219',
    [
      ...Array.from({ length: 40 }, () => chunk({}, null, { tool_call_generating: true })),
      start(0, 'a', 'get_weather', LONDON),
      finish,
    ],
    [weather],
  ),
  calls(
    'calls-not-streamed',
    'Ollama: earendil-works/pi#1125',
    [whole({ content: '', tool_calls: [{ id: 'a', ...fn('get_weather', LONDON) }] }, 'tool_calls')],
    [weather],
    { headers: { 'content-type': 'application/json' } },
  ),
  calls(
    'calls-not-streamed-as-object',
    'Ollama: arguments as an object',
    [whole({ content: null, tool_calls: [{ ...fn('get_weather', { city: 'London' }) }] })],
    [weather],
    { headers: { 'content-type': 'application/json' } },
  ),
  calls(
    'calls-in-a-second-choice',
    'GitHub Copilot: text and calls in choices of their own',
    [
      data({
        choices: [
          { index: 0, delta: { content: 'Looking.' } },
          {
            index: 0,
            delta: { tool_calls: [{ index: 0, id: 'a', ...fn('get_weather', LONDON) }] },
            finish_reason: 'tool_calls',
          },
        ],
      }),
      usage(),
      DONE,
    ],
    [weather],
  ),
  calls(
    'type-missing',
    'llama.cpp: calls without type',
    [call({ index: 0, id: 'a', function: { name: 'get_weather', arguments: LONDON } }), finish],
    [weather],
  ),
  calls(
    'arguments-empty',
    'vLLM: calls without arguments',
    [start(0, 'a', 'no_arguments'), finish],
    ['no_arguments {}'],
  ),
  calls(
    'arguments-with-spaces',
    'Qwen: arguments in several lines',
    [start(0, 'a', 'get_weather', '{\n  "city": "London"\n}\n'), finish],
    [weather],
  ),
  calls(
    'arguments-broken',
    'Any model that is cut: told to the model',
    [start(0, 'a', 'get_weather', '{"city":"Lon'), finish],
    [],
    { status: 'partial' },
  ),
  calls(
    'arguments-as-list',
    'Small models: a list in place of an object',
    [start(0, 'a', 'get_weather', '["London"]'), finish],
    [],
    { status: 'partial' },
  ),
  calls(
    'name-unknown',
    'Small models: functions that do not exist',
    [start(0, 'a', 'get_wether', LONDON), finish],
    [],
    { status: 'partial' },
  ),
  calls(
    'name-missing',
    'vLLM: vllm-project/vllm#31443',
    [call({ index: 0, id: null, function: { name: null, arguments: '{"code":"x"}' } }), finish],
    [],
    { status: 'partial' },
  ),
  calls(
    'name-in-pieces',
    'Tokens that part a name',
    [
      start(0, 'a', 'get_'),
      call({ index: 0, ...fn('weather', '') }),
      call({ index: 0, ...fn(undefined, LONDON) }),
      finish,
    ],
    [weather],
  ),
  calls(
    'name-all-so-far',
    'Servers that send all that there is so far',
    [start(0, 'a', 'get_'), start(0, 'a', 'get_weather'), call({ index: 0, ...fn(undefined, LONDON) }), finish],
    [weather],
  ),
  calls(
    'usage-missing-with-calls',
    'LiteLLM: BerriAI/litellm#8349',
    [start(0, 'a', 'get_weather', LONDON), chunk({}, 'tool_calls'), DONE],
    [weather],
    { usage: 'estimated' },
  ),
];
