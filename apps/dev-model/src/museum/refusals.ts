import { breaks, chunk, data, DONE, error, type Exhibit, recovers, refuses, say } from './exhibit.ts';

/* How model servers refuse a request, before an answer and in the middle of one. */

const JSON_TYPE = { 'content-type': 'application/json' };
const SECRET = 'SECRETKEY';
const wait = (retryAfter: string, status = 429) => ({
  status,
  headers: { ...JSON_TYPE, 'retry-after': retryAfter },
  body: [error({ message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' })],
});
const again = (status: number, body = error({ message: `status ${status}` })) => ({
  status,
  headers: { 'retry-after-ms': '20' },
  body: [body],
});
const TOO_MANY = { requests: 3 };
const soon = { headers: { 'retry-after-ms': '20' }, ...TOO_MANY };

const WAITS: readonly Exhibit[] = [
  refuses(
    'wait-an-hour',
    'openai/openai-node#1840: 300 to 277,000 s',
    429,
    error({ message: 'slow down' }),
    'model_unavailable',
    { headers: { 'retry-after': '3600' }, retryAfterMs: 3_600_000, says: '3600 s', withinMs: 4_000 },
  ),
  refuses('wait-three-days', 'openai/openai-node#1840', 429, error({ message: 'slow down' }), 'model_unavailable', {
    headers: { 'retry-after': '277000' },
    retryAfterMs: 277_000_000,
    withinMs: 4_000,
  }),
  refuses('wait-an-hour-overloaded', 'Proxies under maintenance', 503, 'maintenance', 'model_unavailable', {
    headers: { 'retry-after': '3600' },
    retryAfterMs: 3_600_000,
    withinMs: 4_000,
  }),
  refuses(
    'wait-by-retry-info',
    'Gemini: google-gemini/gemini-cli#6454',
    429,
    JSON.stringify([
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota, please check your plan and billing details.',
          status: 'RESOURCE_EXHAUSTED',
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '47.5s' }],
        },
      },
    ]),
    'model_unavailable',
    { retryAfterMs: 47_500, withinMs: 4_000 },
  ),
  recovers('wait-a-second', 'OpenAI: rate limits', [wait('1')], { waits: 1 }),
  recovers('wait-a-part-of-a-second', 'Azure: retry-after-ms', [again(429)], { waits: 1 }),
  recovers('wait-twice', 'OpenAI: rate limits', [wait('1'), wait('1')], { waits: 2 }),
  recovers(
    'wait-till-a-date',
    'Proxies: Retry-After as a date that has passed',
    [wait('Wed, 21 Oct 2015 07:28:00 GMT')],
    { waits: 1 },
  ),
  recovers('wait-nonsense', 'Proxies: Retry-After that is none', [wait('soon')], { waits: 0 }),
  recovers('wait-negative', 'Proxies: Retry-After below zero', [wait('-5')], {}),
  recovers(
    'wait-not-said',
    'llama.cpp: 503 while the model is loaded',
    [{ status: 503, body: [error({ code: 503, message: 'Loading model', type: 'unavailable_error' })] }],
    { waits: 0 },
  ),
  refuses(
    'rate-limit-for-ever',
    'OpenAI: rate limits',
    429,
    error({ code: 'rate_limit_exceeded' }),
    'model_unavailable',
    { ...soon, says: 'rate limit' },
  ),
  refuses('should-not-retry', 'OpenAI: x-should-retry', 429, error({ message: 'no' }), 'model_unavailable', {
    headers: { 'x-should-retry': 'false' },
  }),
];

const FAILURES: readonly Exhibit[] = [
  ...[500, 502, 504, 408, 409, 520].map((status) =>
    refuses(
      `status-${status}`,
      'Servers and proxies in trouble',
      status,
      error({ message: SECRET }),
      'model_unavailable',
      soon,
    ),
  ),
  refuses(
    'status-529-overloaded',
    'Anthropic by proxies: 529',
    529,
    error({ type: 'overloaded_error', message: 'Overloaded' }),
    'model_unavailable',
    { ...soon, says: 'overloaded' },
  ),
  refuses(
    'status-500-overloaded',
    'Ollama: server busy, maximum pending requests',
    500,
    error({ message: 'server busy, please try again. maximum pending requests exceeded' }),
    'model_unavailable',
    { ...soon, says: 'overloaded' },
  ),
  refuses(
    'status-502-page',
    'Cloudflare, nginx: a page',
    502,
    '<html><h1>502 Bad Gateway</h1></html>',
    'model_unavailable',
    soon,
  ),
  refuses('status-503-empty', 'Load balancers: no body', 503, '', 'model_unavailable', soon),
  refuses(
    'memory',
    'Ollama: continuedev/continue#11505',
    500,
    error('model requires more system memory (7.5 GiB) than is available (6.0 GiB)'),
    'model_unavailable',
    soon,
  ),
  recovers('fails-twice', 'Any server in trouble', [again(500), again(502)]),
];

const context = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_context_too_long', { says: 'longer than' });
const key = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_key_refused', { says: 'key' });
const noModel = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_not_found');
const noTools = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_rejected', { says: 'tools' });
const filtered = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_filtered', { usage: 'estimated' });
const broke = (name: string, source: string, status: number, body: string) =>
  refuses(name, source, status, body, 'model_quota_exceeded');

const MEANINGS: readonly Exhibit[] = [
  context(
    'context-openai',
    'OpenAI: context_length_exceeded',
    400,
    error({
      message: "This model's maximum context length is 8192 tokens.",
      type: 'invalid_request_error',
      param: 'messages',
      code: 'context_length_exceeded',
    }),
  ),
  context(
    'context-vllm',
    'vLLM: harbor-framework/harbor#996',
    400,
    error({
      message:
        "You passed 1015 input tokens and requested 10 output tokens. However, the model's context length is only 1024 tokens. Please reduce the length of the input prompt.",
      type: 'BadRequestError',
      param: 'input_tokens',
      code: 400,
    }),
  ),
  context(
    'context-vllm-bare',
    'vLLM: vllm-project/vllm#19464',
    400,
    JSON.stringify({
      object: 'error',
      message: "This model's maximum context length is 32768 tokens",
      type: 'BadRequestError',
      code: 400,
    }),
  ),
  context(
    'context-llama-cpp',
    'llama.cpp: exceed_context_size_error',
    400,
    error({
      code: 400,
      message: 'the request exceeds the available context size, try increasing it',
      type: 'exceed_context_size_error',
    }),
  ),
  context(
    'context-litellm',
    'LiteLLM: ContextWindowExceededError',
    400,
    error({
      message: 'litellm.ContextWindowExceededError: prompt is too long: 210000 tokens > 200000 maximum',
      code: '400',
    }),
  ),
  context(
    'context-anthropic',
    'Anthropic by proxies',
    400,
    error({ type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' }),
  ),
  context(
    'context-gemini',
    'Gemini',
    400,
    JSON.stringify([
      {
        error: {
          code: 400,
          message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
          status: 'INVALID_ARGUMENT',
        },
      },
    ]),
  ),
  context(
    'context-llama-cpp-python',
    'abetlen/llama-cpp-python#462',
    500,
    error({ message: 'Requested tokens (2285) exceed context window of 2048', type: 'internal_server_error' }),
  ),
  context(
    'context-rkllm',
    'jaylfc/taOS#1738',
    400,
    error('Prompt is 11543 tokens but the model context window is 4096 tokens.'),
  ),
  context(
    'context-groq',
    'Groq: 413',
    413,
    error({ message: 'Request too large for model', type: 'tokens', code: 'rate_limit_exceeded' }),
  ),
  context('context-nginx', 'nginx: 413', 413, '<html>413 Request Entity Too Large</html>'),
  key(
    'key-openai',
    'OpenAI',
    401,
    error({ message: `Incorrect API key provided: ${SECRET}.`, code: 'invalid_api_key' }),
  ),
  key(
    'key-gemini',
    'Gemini: 400 for a wrong key',
    400,
    JSON.stringify([
      { error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' } },
    ]),
  ),
  key('key-openrouter', 'OpenRouter', 401, error({ message: 'No auth credentials found', code: 401 })),
  key('key-vllm', 'vLLM: error as a text', 401, JSON.stringify({ error: 'Unauthorized' })),
  key('key-fastapi', 'FastAPI: detail', 403, JSON.stringify({ detail: 'Invalid API key' })),
  key(
    'key-forbidden',
    'OpenAI: a project without this model',
    403,
    error({ message: 'Project does not have access', code: 'unsupported_country_region_territory' }),
  ),
  noModel(
    'model-openai',
    'OpenAI',
    404,
    error({ message: 'The model `x` does not exist or you do not have access to it.', code: 'model_not_found' }),
  ),
  noModel(
    'model-ollama',
    'Ollama',
    404,
    error({ message: "model 'x' not found, try pulling it first", type: 'api_error' }),
  ),
  noModel(
    'model-vllm',
    'vLLM',
    404,
    JSON.stringify({ object: 'error', message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 }),
  ),
  noModel(
    'model-azure',
    'Azure: DeploymentNotFound',
    404,
    error({ code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' }),
  ),
  noModel(
    'model-mistral',
    'Mistral: 400',
    400,
    JSON.stringify({ object: 'error', message: 'Invalid model: x', type: 'invalid_model', code: '1500' }),
  ),
  noModel('model-openrouter', 'OpenRouter', 400, error({ message: 'x is not a valid model ID', code: 400 })),
  noModel(
    'model-gemini',
    'Gemini',
    404,
    JSON.stringify([
      { error: { code: 404, message: 'models/x is not found for API version v1main', status: 'NOT_FOUND' } },
    ]),
  ),
  noModel(
    'model-litellm',
    'LiteLLM',
    400,
    error({ message: '/chat/completions: Invalid model name passed in model=x', code: '400' }),
  ),
  noTools(
    'tools-ollama',
    'Ollama: ollama/ollama#11131',
    400,
    error({ message: 'registry.ollama.ai/library/deepseek-r1:14b does not support tools', type: 'api_error' }),
  ),
  noTools(
    'tools-ollama-text',
    'Ollama: ollama/ollama#14795',
    400,
    error('registry.ollama.ai/library/Qwen3.5:0.8b does not support tools'),
  ),
  noTools(
    'tools-vllm',
    'vLLM: langchain4j/langchain4j#3475',
    400,
    JSON.stringify({
      object: 'error',
      message: '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
      type: 'BadRequestError',
      code: 400,
    }),
  ),
  noTools(
    'tools-openrouter',
    'OpenRouter',
    404,
    error({ message: 'No endpoints found that support tool use.', code: 404 }),
  ),
  noTools(
    'tools-llama-cpp',
    'llama.cpp without --jinja',
    500,
    error({ code: 500, message: 'tools param requires --jinja flag', type: 'server_error' }),
  ),
  filtered(
    'filter-azure',
    'Azure: compl-ai/compl-ai#20',
    400,
    error({
      message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
      code: 'content_filter',
      status: 400,
      innererror: { code: 'ResponsibleAIPolicyViolation' },
    }),
  ),
  filtered(
    'filter-litellm',
    'LiteLLM: BerriAI/litellm#16231',
    400,
    error({ message: 'litellm.ContentPolicyViolationError: content management policy', code: '400' }),
  ),
  filtered(
    'filter-dashscope',
    'DashScope: data_inspection_failed',
    400,
    error({ code: 'data_inspection_failed', message: 'Input data may contain inappropriate content.' }),
  ),
  filtered(
    'filter-openrouter',
    'OpenRouter: moderation',
    403,
    error({ code: 403, message: 'Your chosen model requires moderation and your input was flagged' }),
  ),
  broke(
    'credit-openai',
    'OpenAI: insufficient_quota',
    429,
    error({
      message: 'You exceeded your current quota, please check your plan and billing details.',
      code: 'insufficient_quota',
    }),
  ),
  broke(
    'credit-openrouter',
    'OpenRouter: 402',
    402,
    error({ message: 'This request requires more credits', code: 402 }),
  ),
  broke('credit-deepseek', 'DeepSeek: 402', 402, error({ message: 'Insufficient Balance' })),
  refuses('address-wrong', 'A base address without /v1', 404, '404 page not found', 'model_rejected', {
    says: 'OPENAI_BASE_URL',
  }),
  refuses('address-wrong-fastapi', 'FastAPI', 404, JSON.stringify({ detail: 'Not Found' }), 'model_rejected', {
    says: 'OPENAI_BASE_URL',
  }),
  refuses(
    'bad-request',
    'Any server: a schema that it does not take',
    400,
    error({ message: `${SECRET}: invalid schema for function`, type: 'invalid_request_error' }),
    'model_rejected',
  ),
];

const unknown = (name: string, source: string, status: number, body: string): Exhibit =>
  recovers(name, source, [{ status, onlyWith: 'stream_options', body: [body] }]);

const IN_THE_STREAM: readonly Exhibit[] = [
  unknown(
    'stream-options-unknown',
    'Older servers',
    400,
    error({ message: 'Unrecognized request argument supplied: stream_options', type: 'invalid_request_error' }),
  ),
  unknown(
    'stream-options-forbidden',
    'Mistral: mistralai/platform-docs-public#7',
    422,
    JSON.stringify({
      object: 'error',
      message: {
        detail: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }],
      },
    }),
  ),
  unknown(
    'stream-options-fastapi',
    'FastAPI: Gitlawb/openclaude#739',
    422,
    JSON.stringify({ detail: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'] }] }),
  ),
  unknown(
    'stream-options-500',
    'BerriAI/litellm#23847',
    500,
    error({ message: "got an unexpected keyword argument 'stream_options'" }),
  ),
  refuses(
    'stream-options-always',
    'Servers that blame it in any case',
    400,
    error({ message: 'stream_options is bad' }),
    'model_rejected',
    { requests: 2 },
  ),
  breaks(
    'error-in-the-stream',
    'llama.cpp: ggml-org/llama.cpp#14566',
    [
      data({
        error: { code: 400, message: 'the request exceeds the available context size', type: 'invalid_request_error' },
      }),
      DONE,
    ],
    { requests: 1, code: 'model_context_too_long' },
  ),
  breaks(
    'error-as-a-field',
    'llama.cpp: ggml-org/llama.cpp#16109',
    [
      'error: {"code":400,"message":"the request exceeds the available context size","type":"invalid_request_error"}\n\n',
      DONE,
    ],
    { requests: 1, code: 'model_context_too_long' },
  ),
  breaks(
    'error-as-an-event',
    'SSE proxies: event: error',
    ['event: error\ndata: {"message":"Incorrect API key provided","code":401}\n\n'],
    { requests: 1, code: 'model_key_refused' },
  ),
  breaks(
    'error-at-the-top',
    'vLLM: errors without `error`',
    [
      data({
        object: 'error',
        message: "This model's maximum context length is 10 tokens",
        type: 'BadRequestError',
        code: 400,
      }),
      DONE,
    ],
    { requests: 1, code: 'model_context_too_long' },
  ),
  breaks(
    'error-with-a-finish',
    'OpenRouter: damianvtran/local-operator#223',
    [
      data({
        error: { code: 502, message: 'Provider disconnected' },
        choices: [{ index: 0, delta: {}, finish_reason: 'error' }],
      }),
    ],
    { requests: 3 },
  ),
  breaks(
    'error-with-empty-choices',
    'OpenRouter: diegosouzapw/OmniRoute#8210',
    [data({ choices: [], error: { code: 502, message: 'Worker local total request limit reached' } })],
    { requests: 3 },
  ),
  breaks(
    'error-after-text',
    'OpenRouter: damianvtran/local-operator#223',
    [say('Hello '), data({ error: { code: 502, message: SECRET } })],
    { requests: 1, usage: 'estimated' },
  ),
  breaks(
    'error-not-streamed',
    'Proxies: 200 with an error',
    [error({ message: 'Incorrect API key provided', code: 'invalid_api_key', status: 401 })],
    { requests: 1, code: 'model_key_refused' },
  ),
  breaks(
    'error-as-a-text',
    'Ollama: {"error": "..."}',
    [data({ error: 'model "x" not found, try pulling it first', status: 404 })],
    { requests: 1, code: 'model_not_found' },
  ),
  breaks(
    'error-while-thinking',
    'Any server: an error after reasoning',
    [chunk({ reasoning_content: 'Hm' }), data({ error: { code: 400, message: 'context length exceeded' } })],
    { requests: 1, code: 'model_context_too_long' },
  ),
  recovers(
    'error-in-the-stream-once',
    'OpenRouter: overloaded once',
    [{ body: [data({ error: { code: 503, message: 'overloaded' } })] }],
    {},
  ),
  refuses('redirect', 'openai behind a proxy: ogx-ai/ogx#2496', 307, '', 'model_rejected'),
];

export const REFUSALS: readonly Exhibit[] = [...WAITS, ...FAILURES, ...MEANINGS, ...IN_THE_STREAM];
