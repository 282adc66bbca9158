import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@switchyard/testing';
import OpenAI, { APIUserAbortError, InternalServerError, RateLimitError } from 'openai';
import type { ChatCompletionFunctionTool } from 'openai/resources/chat/completions';
import { createDevModel } from '../src/index.ts';
import type { DevModel } from '../src/index.ts';
import { Config } from '../src/config.ts';

const TOOLS: ChatCompletionFunctionTool[] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Current weather of a city.',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
  {
    type: 'function',
    function: {
      name: 'calculator',
      description: 'Work out an arithmetic expression.',
      parameters: { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] },
    },
  },
];
const BOTH = 'What is the weather in London, and what is 17% of 2340?';
const user = (content: string) => [{ role: 'user' as const, content }];

let model: DevModel;
let openai: OpenAI;

beforeAll(async () => {
  model = await createDevModel({ port: 0 });
  openai = new OpenAI({ apiKey: 'none', baseURL: `${model.url}/v1`, maxRetries: 0, timeout: 30_000 });
});
afterEach(() => {
  model.setScript({ rules: [] });
  model.clearRequests();
});
afterAll(() => model.stop());

describe('the openai SDK against the development model', () => {
  it('answers without stream, with several calls in one answer and usage', async () => {
    const answer = await openai.chat.completions.create({ model: 'm', messages: user(BOTH), tools: TOOLS });
    const calls = answer.choices[0]!.message.tool_calls!.map((call) => call.type === 'function' && call.function);
    expect(calls).toEqual([
      { name: 'get_weather', arguments: '{"city":"London"}' },
      { name: 'calculator', arguments: '{"expression":"17/100*2340"}' },
    ]);
    expect(answer.choices[0]!.finish_reason).toBe('tool_calls');
    expect(answer.usage!.total_tokens).toBe(answer.usage!.prompt_tokens + answer.usage!.completion_tokens);
  });

  it('streams several calls as deltas that the SDK assembles, and usage last', async () => {
    const stream = openai.chat.completions.stream({
      model: 'm',
      messages: user(BOTH),
      tools: TOOLS,
      stream_options: { include_usage: true },
    });
    let usageChunks = 0;
    stream.on('chunk', (chunk) => (usageChunks += chunk.usage ? 1 : 0));
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]!.message.tool_calls!.map((call) => call.function)).toMatchObject([
      { name: 'get_weather', arguments: '{"city":"London"}' },
      { name: 'calculator', arguments: '{"expression":"17/100*2340"}' },
    ]);
    expect(new Set(final.choices[0]!.message.tool_calls!.map(({ id }) => id)).size).toBe(2);
    expect(usageChunks).toBe(1);
    expect(final.usage!.total_tokens).toBeGreaterThan(0);
  });

  it('drives a whole loop of the SDK to an answer made of the results', async () => {
    const runner = openai.chat.completions.runTools({
      model: 'm',
      messages: user(BOTH),
      stream: true,
      tools: [
        {
          type: 'function',
          function: {
            ...TOOLS[0]!.function,
            parse: JSON.parse,
            function: () => ({ temperature_c: 12, condition: 'cloudy' }),
          },
        },
        {
          type: 'function',
          function: { ...TOOLS[1]!.function, parse: JSON.parse, function: () => ({ result: 397.8 }) },
        },
      ] as never,
    });
    const answer = await runner.finalContent();
    expect(answer).toBe('Weather for London: temperature c 12, condition cloudy.\n17% of 2340 is 397.8.');
    expect(model.requests().map(({ turn, answered }) => [turn, answered])).toEqual([
      [1, 'tool_calls'],
      [2, 'text'],
    ]);
  });

  it('honours parallel_tool_calls: false and tool_choice', async () => {
    const single = await openai.chat.completions.create({
      model: 'm',
      messages: user(BOTH),
      tools: TOOLS,
      parallel_tool_calls: false,
    });
    expect(single.choices[0]!.message.tool_calls).toHaveLength(1);
    const none = await openai.chat.completions.create({
      model: 'm',
      messages: user(BOTH),
      tools: TOOLS,
      tool_choice: 'none',
    });
    expect(none.choices[0]!.message.tool_calls).toBeUndefined();
    const named = await openai.chat.completions.create({
      model: 'm',
      messages: user(BOTH),
      tools: TOOLS,
      tool_choice: { type: 'function', function: { name: 'calculator' } },
    });
    expect(named.choices[0]!.message.tool_calls!.map((call) => call.type === 'function' && call.function.name)).toEqual(
      ['calculator'],
    );
  });

  it('lists its model and refuses what is no chat request', async () => {
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['dev-model']);
    await expect(openai.chat.completions.create({ model: 'm', messages: [] })).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
    });
    expect((await fetch(`${model.url}/nowhere`)).status).toBe(404);
    expect(await (await fetch(`${model.url}/health`)).json()).toEqual({ status: 'ok' });
  });
});

describe('scripted answers', () => {
  it('refuses with 429 and Retry-After so many times, then answers', async () => {
    model.setScript({
      rules: [
        {
          times: 1,
          respond: {
            status: 429,
            headers: { 'retry-after': '0' },
            error: { message: 'Slow down', code: 'rate_limit_exceeded' },
          },
        },
      ],
    });
    const ask = () => openai.chat.completions.create({ model: 'm', messages: user('weather in Oslo'), tools: TOOLS });
    const refusal = await ask().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RateLimitError);
    expect(refusal).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      type: 'rate_limit_error',
      requestID: expect.stringMatching(/^req_/),
    });
    expect((refusal as RateLimitError).headers!.get('retry-after')).toBe('0');
    expect((await ask()).choices[0]!.finish_reason).toBe('tool_calls');
  });

  it('fails with 500, for one task only', async () => {
    model.setScript({ rules: [{ when: { taskIncludes: 'boom' }, respond: { status: 500 } }] });
    await expect(openai.chat.completions.create({ model: 'm', messages: user('BOOM') })).rejects.toBeInstanceOf(
      InternalServerError,
    );
    await expect(openai.chat.completions.create({ model: 'm', messages: user('other') })).resolves.toBeDefined();
  });

  it('stalls in the middle of a stream until the client gives up', async () => {
    model.setScript({ rules: [{ respond: { text: 'never finished', stallMs: 60_000, stallAfterChunks: 1 } }] });
    const stop = new AbortController();
    const before = model.totalRequests();
    const read = async () => {
      const stream = await openai.chat.completions.create(
        { model: 'm', messages: user('x'), stream: true },
        { signal: stop.signal },
      );
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) throw new Error('said something');
      stop.signal.throwIfAborted();
    };
    const reading = read().catch(String);
    await until(() => model.totalRequests() > before);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    expect(await reading).toMatch(/abort/i);
    await until(() => model.requests().at(-1)!.aborted);
  });

  it('stalls before the first byte', async () => {
    model.setScript({ rules: [{ respond: { text: 'late', stallMs: 60_000 } }] });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    await expect(
      openai.chat.completions.create({ model: 'm', messages: user('x') }, { signal: stop.signal }),
    ).rejects.toBeInstanceOf(APIUserAbortError);
  });

  it('breaks the connection in the middle of a stream', async () => {
    model.setScript({ rules: [{ respond: { text: 'a'.repeat(1_000), truncate: true } }] });
    const read = async () => {
      for await (const _ of await openai.chat.completions.create({ model: 'm', messages: user('x'), stream: true }))
        void _;
    };
    await expect(read()).rejects.toThrow();
    await expect(openai.chat.completions.create({ model: 'm', messages: user('x') })).rejects.toThrow();
  });

  it('gives arguments that are no JSON, and an empty answer', async () => {
    model.setScript({
      rules: [
        { when: { taskIncludes: 'weather' }, respond: { invalidJsonArguments: true } },
        { when: { taskIncludes: 'silence' }, respond: { emptyAnswer: true } },
      ],
    });
    const broken = await openai.chat.completions.create({
      model: 'm',
      messages: user('weather in Oslo'),
      tools: TOOLS,
    });
    const call = broken.choices[0]!.message.tool_calls![0]!;
    expect(() => JSON.parse(call.type === 'function' ? call.function.arguments : '')).toThrow();
    const empty = await openai.chat.completions.create({ model: 'm', messages: user('silence') });
    expect(empty.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: '' } });
  });

  it('chooses by turn and last tool, sets usage, and takes PUT /script and a script of one request', async () => {
    const put = await fetch(`${model.url}/script`, {
      method: 'PUT',
      body: JSON.stringify({
        rules: [
          { when: { turn: 1 }, respond: { toolCalls: [{ name: 'calculator', arguments: { expression: '1+1' } }] } },
          {
            when: { lastToolName: 'calculator' },
            respond: { text: 'after the calculator', usage: { prompt_tokens: 7, completion_tokens: 3 } },
          },
        ],
      }),
    });
    expect(put.status).toBe(200);
    const first = await openai.chat.completions.create({ model: 'm', messages: user('go') });
    const message = first.choices[0]!.message;
    const second = await openai.chat.completions.create({
      model: 'm',
      messages: [...user('go'), message, { role: 'tool', tool_call_id: message.tool_calls![0]!.id, content: '2' }],
    });
    expect(second.choices[0]!.message.content).toBe('after the calculator');
    expect(second.usage!.total_tokens).toBe(10);
    const own = await openai.chat.completions.create(
      { model: 'm', messages: user('go') },
      { headers: { 'x-dev-model-respond': '{"text":"only this time"}' } },
    );
    expect(own.choices[0]!.message.content).toBe('only this time');
    expect(
      (await fetch(`${model.url}/script`, { method: 'PUT', body: '{"rules":[{"respond":{"nope":1}}]}' })).status,
    ).toBe(400);
    const listed = (await (await fetch(`${model.url}/requests`)).json()) as { total: number };
    expect(listed.total).toBe(3);
  });

  it('keeps the last 100 requests only', async () => {
    for (let at = 0; at < 103; at += 1) {
      await fetch(`${model.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ messages: user(`n${at}`) }),
      }).then((answer) => answer.text());
    }
    expect(model.requests()).toHaveLength(100);
    expect(model.totalRequests()).toBe(103);
    expect(model.requests()[0]!.task).toBe('n3');
  });
});

describe('the configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dev-model-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads a script file and refuses a wrong one', () => {
    const good = join(folder, 'good.json');
    const bad = join(folder, 'bad.json');
    writeFileSync(good, '{"rules":[{"respond":{"text":"hi"}}]}');
    writeFileSync(bad, '{"rules":[{"respond":{"nope":1}}]}');
    expect(Config.parse({ DEV_MODEL_SCRIPT: good, DEV_MODEL_PORT: '8123' })).toMatchObject({ port: 8123, delayMs: 0 });
    expect(Config.safeParse({ DEV_MODEL_SCRIPT: bad }).error!.issues[0]!.path).toEqual(['DEV_MODEL_SCRIPT']);
    expect(Config.safeParse({ DEV_MODEL_SCRIPT: join(folder, 'none.json') }).success).toBe(false);
  });
});
