import { breaks, chunk, data, DONE, end, type Exhibit, recovers, say, speaks, usage, whole } from './exhibit.ts';

/* How answers are framed, and how they end, with or without an error. */

const HELLO = [say('Hello '), say('there.')];
const TEXT = 'Hello there.';
const STOP = chunk({}, 'stop');
const FOREVER = 60_000;
const ESTIMATED = { usage: 'estimated' } as const;
const bare = (content: string) => JSON.stringify({ choices: [{ index: 0, delta: { content } }] });

const FRAMES: readonly Exhibit[] = [
  speaks(
    'lines-crlf',
    'Proxies on Windows',
    [...HELLO, end()].map((part) => part.replaceAll('\n', '\r\n')),
    TEXT,
  ),
  speaks(
    'lines-cr',
    'The SSE standard: CR alone',
    [...HELLO, end()].map((part) => part.replaceAll('\n', '\r')),
    TEXT,
  ),
  speaks('byte-order-mark', 'IIS and others', ['\ufeff', ...HELLO, end()], TEXT),
  speaks(
    'no-space-after-data',
    'DashScope: karthink/gptel#592',
    [...HELLO, end()].map((part) => part.replaceAll('data: ', 'data:')),
    TEXT,
  ),
  speaks(
    'comments',
    'OpenRouter: TheR1D/shell_gpt#358',
    [': OPENROUTER PROCESSING\n\n', ...HELLO, ': OPENROUTER PROCESSING\n\n', end()],
    TEXT,
  ),
  speaks('comments-as-data', 'mnfst/llm-gateway#2053', ['data: : OPENROUTER PROCESSING\n\n', ...HELLO, end()], TEXT),
  speaks(
    'comments-for-a-while',
    'OpenRouter: a cold model',
    [{ repeat: ': OPENROUTER PROCESSING\n\n', times: 5, pause: 500 }, ...HELLO, end()],
    TEXT,
  ),
  speaks(
    'keepalive-events',
    'OmniRoute: diegosouzapw/OmniRoute#1146',
    ['event: keepalive\n\n', ...HELLO, 'event: ping\ndata: {"type":"ping"}\n\n', end()],
    TEXT,
  ),
  speaks(
    'keepalive-objects',
    'CLIProxyAPI: router-for-me/CLIProxyAPI#4691',
    [data({ type: 'keepalive', sequence_number: 1 }), ...HELLO, end()],
    TEXT,
  ),
  speaks('empty-data', 'llama.cpp: coddy-project/coddy-agent#106', ['data: \n\n', ...HELLO, 'data:\n\n', end()], TEXT),
  speaks('empty-lines', 'DeepSeek: empty lines under load', ['\n\n\n\n', ...HELLO, '\n\n', end()], TEXT),
  speaks(
    'event-names-and-ids',
    'theopenco/llmgateway#2334: an id with each chunk',
    [`event: message\nid: 1\n${HELLO[0]}`, `retry: 10\nid: 2\n${HELLO[1]}`, end()],
    TEXT,
  ),
  speaks(
    'data-in-two-lines',
    'The SSE standard: data in several lines',
    ['data: {"choices":[{"index":0,\ndata: "delta":{"content":"Hello there."}}]}\n\n', end()],
    TEXT,
  ),
  speaks('bytes-one-by-one', 'Proxies without a buffer', [...HELLO, end()], TEXT, { pieceBytes: 1 }),
  speaks('gzip', 'Proxies that compress streams', [...HELLO, end()], TEXT, { gzip: true }),
  speaks('content-type-missing', 'Proxies without a content type', [...HELLO, end()], TEXT, {
    headers: { 'content-type': '' },
  }),
  speaks('content-type-json', 'Proxies: a stream as application/json', [...HELLO, end()], TEXT, {
    headers: { 'content-type': 'application/json' },
  }),
  speaks('content-type-text', 'Proxies: a stream as text/plain', [...HELLO, end()], TEXT, {
    headers: { 'content-type': 'text/plain' },
  }),
  speaks('not-streamed', 'Servers that ignore `stream`', [whole({ content: TEXT })], TEXT, {
    headers: { 'content-type': 'application/json' },
  }),
  speaks('not-streamed-as-stream', 'Servers that ignore `stream`', [whole({ content: TEXT })], TEXT),
  speaks(
    'not-streamed-in-lines',
    'Servers that print JSON for people',
    [JSON.stringify(JSON.parse(whole({ content: TEXT })), null, 2)],
    TEXT,
    { headers: { 'content-type': 'application/json' } },
  ),
  speaks(
    'not-streamed-parts',
    'Mistral: content as a list',
    [whole({ content: [{ type: 'text', text: TEXT }] })],
    TEXT,
  ),
  speaks(
    'not-streamed-reasoning',
    'vLLM without a reasoning parser',
    [whole({ content: `<think>Hm.</think>${TEXT}` })],
    TEXT,
  ),
  speaks('json-lines', 'Proxies that leave `data:` out', [`${bare('Hello ')}\n${bare('there.')}\n`], TEXT, ESTIMATED),
];

const ENDS: readonly Exhibit[] = [
  speaks('done-missing', 'theopenco and others: no [DONE]', [...HELLO, STOP, usage()], TEXT),
  speaks(
    'done-without-an-empty-line',
    'llama.cpp: darshi1337/apogee#139',
    [...HELLO, STOP, usage(), 'data: [DONE]'],
    TEXT,
  ),
  speaks('done-without-a-space', 'DashScope: data:[DONE]', [...HELLO, STOP, usage(), 'data:[DONE]\n\n'], TEXT),
  speaks('done-then-open', 'Servers that keep the connection', [...HELLO, end()], TEXT, {
    staysOpen: true,
    withinMs: 4_000,
  }),
  speaks(
    'done-then-more',
    'Servers that go on after [DONE]',
    [...HELLO, end(), say(' And more.'), 'garbage\n\n'],
    TEXT,
  ),
  speaks(
    'finish-and-usage-then-open',
    'Servers without [DONE] that keep the connection',
    [...HELLO, STOP, usage()],
    TEXT,
    { staysOpen: true, withinMs: 4_000 },
  ),
  speaks('finish-then-open', 'Servers without usage and [DONE] that keep the connection', [...HELLO, STOP], TEXT, {
    ...ESTIMATED,
    staysOpen: true,
    withinMs: 6_000,
  }),
  speaks(
    'finish-then-reset',
    'Proxies that break the connection at the end',
    [...HELLO, STOP, { pause: 50 }, 'RESET'],
    TEXT,
    ESTIMATED,
  ),
  speaks(
    'finish-then-garbage',
    'Proxies that add a line of their own',
    [...HELLO, STOP, usage(), 'data: bye\n\n'],
    TEXT,
  ),
  speaks(
    'finish-then-usage-late',
    'LiteLLM: usage some time after the end',
    [...HELLO, STOP, { pause: 700 }, usage(), DONE],
    TEXT,
  ),
  speaks(
    'finish-null',
    'Gemini by proxies: finish_reason null to the end',
    [...HELLO, chunk({}, null), usage(), DONE],
    TEXT,
  ),
  speaks(
    'finish-empty',
    'Ollama: ollama/ollama#4357',
    [chunk({ content: TEXT }, ''), chunk({}, ''), usage(), DONE],
    TEXT,
  ),
  speaks(
    'finish-missing',
    'openai/openai-node#1292: Nebius',
    [data({ choices: [{ index: 0, delta: { content: TEXT } }] }), usage(), DONE],
    TEXT,
  ),
  speaks(
    'finish-left-out-while-null',
    'BerriAI/liteLLM-proxy#19',
    [data({ choices: [{ index: 0, delta: { content: TEXT } }] }), end()],
    TEXT,
  ),
  speaks('finish-unknown', 'Servers with reasons of their own', [...HELLO, end('eos_token')], TEXT),
  speaks('finish-upper-case', 'Gemini: STOP', [...HELLO, end('STOP')], TEXT),
  speaks('finish-a-number', 'Gemini: BerriAI/litellm#3468', [...HELLO, chunk({}, 1), usage(), DONE], TEXT),
  speaks('cut-length', 'OpenAI: length', [...HELLO, end('length')], TEXT, { finish: 'length' }),
  speaks('cut-max-tokens', 'Anthropic and Gemini by proxies: MAX_TOKENS', [...HELLO, end('MAX_TOKENS')], TEXT, {
    finish: 'length',
  }),
  speaks('cut-model-length', 'Mistral: model_length', [...HELLO, end('model_length')], TEXT, { finish: 'length' }),
  speaks('cut-not-streamed', 'Servers that ignore `stream`', [whole({ content: TEXT }, 'length')], TEXT, {
    finish: 'length',
  }),
  speaks('filtered', 'Azure: content_filter', [...HELLO, end('content_filter')], TEXT, { finish: 'content_filter' }),
  speaks('filtered-safety', 'Gemini: BerriAI/litellm#6104', [...HELLO, end('SAFETY')], TEXT, {
    finish: 'content_filter',
  }),
  speaks('filtered-sensitive', 'Zhipu: sensitive', [...HELLO, end('sensitive')], TEXT, { finish: 'content_filter' }),
  breaks('filtered-whole', 'Azure: nothing but content_filter', [end('content_filter')], {
    code: 'model_filtered',
    usage: 'reported',
    requests: 1,
  }),
  breaks('cut-while-thinking', 'DeepSeek: heshengtao/super-agent-party#283', [say('<think>Hm, '), end('length')], {
    code: 'model_invalid_answer',
    usage: 'reported',
    requests: 1,
    says: 'limit of length',
  }),
];

const BREAKS: readonly Exhibit[] = [
  breaks('end-without-a-word', 'deepseek-ai/DeepSeek-R1#314: an empty body', []),
  breaks('end-in-the-middle', 'Servers that stop', [chunk({ role: 'assistant' })]),
  breaks('end-after-text', 'ranxianglei/billion-context-pi#92', HELLO, { requests: 1, usage: 'estimated' }),
  breaks(
    'end-with-a-plain-line',
    'tetsuo-ai/agenc-core#2492: a proxy adds its error as text',
    [chunk({ reasoning_content: 'Hm' }), 'upstream error: read ECONNRESET\n'],
    { usage: 'estimated' },
  ),
  breaks('reset-before-text', 'tetsuo-ai/agenc-core#2492', [chunk({ role: 'assistant' }), { pause: 50 }, 'RESET']),
  breaks('reset-after-text', 'Any server that dies', [...HELLO, { pause: 50 }, 'RESET'], {
    requests: 1,
    usage: 'estimated',
  }),
  breaks('stall-at-once', 'Servers that hang after the headers', [': hello\n\n', { pause: FOREVER }]),
  breaks(
    'stall-while-thinking',
    'deepseek-ai/DeepSeek-V3#1608',
    [chunk({ reasoning_content: 'Hm, ' }), { pause: FOREVER }],
    { usage: 'estimated' },
  ),
  breaks('stall-after-text', 'Any server that hangs', [...HELLO, { pause: FOREVER }], {
    requests: 1,
    usage: 'estimated',
  }),
  breaks('comments-for-ever', 'Proxies whose server hangs', [{ repeat: ': ping\n\n', times: 1_000, pause: 100 }], {
    withinMs: 20_000,
  }),
  breaks('empty-chunks-for-ever', 'vMLX: jjang-ai/vmlx#219', [{ repeat: chunk({}), times: 1_000, pause: 100 }], {
    withinMs: 20_000,
  }),
  breaks(
    'comments-for-ever-after-text',
    'Proxies whose server hangs',
    [...HELLO, { repeat: ': ping\n\n', times: 1_000, pause: 100 }],
    { requests: 1, usage: 'estimated' },
  ),
  breaks('no-json', 'Proxies that write text into a stream', ['data: {"choices": [{\n\n', DONE]),
  breaks('no-object', 'Proxies that write numbers into a stream', ['data: 42\n\n', 'data: null\n\n', DONE]),
  breaks('no-list', 'Proxies: choices as a text', [data({ choices: 'x' }), DONE]),
  breaks('done-alone', 'Servers that say nothing', [DONE]),
  breaks('web-page', 'A wrong address: a page with 200', ['<!doctype html><html><body>Welcome</body></html>'], {
    requests: 1,
    says: 'web page',
    headers: { 'content-type': 'text/html' },
  }),
  breaks('json-without-an-answer', 'A wrong address: other JSON', ['{"status":"ok"}']),
  breaks('finish-error', 'OpenRouter: finish_reason error', [chunk({}, 'error'), DONE]),
  breaks('finish-no-resources', 'DeepSeek: insufficient_system_resource', [
    chunk({}, 'insufficient_system_resource'),
    DONE,
  ]),
  breaks('finish-abort', 'vLLM, SGLang: abort', [chunk({}, 'abort'), DONE]),
  breaks('finish-network-error', 'Zhipu: network_error', [chunk({}, 'network_error'), DONE]),
  recovers(
    'stalls-once',
    'Any server that hangs once',
    [{ body: [chunk({ role: 'assistant' }), { pause: FOREVER }] }],
    ESTIMATED,
  ),
  recovers(
    'breaks-once',
    'Any server that dies once',
    [{ body: [chunk({ role: 'assistant' }), { pause: 50 }, 'RESET'] }],
    ESTIMATED,
  ),
  recovers('hangs-before-the-headers-once', 'Servers under load', [{ body: [{ pause: FOREVER }] }], {
    withinMs: 20_000,
  }),
];

export const ENDINGS: readonly Exhibit[] = [...FRAMES, ...ENDS, ...BREAKS];
