import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createDevModel, type DevModel } from '@switchyard/dev-model';
import { createSafeFetch } from '@switchyard/safe-fetch';
import { until } from '@switchyard/testing';
import { createOpenAiPlanner, type OpenAiPlannerOptions } from '../src/planner/openai/planner.ts';
import type { ModelFunction } from '@switchyard/run';

let model: DevModel;
beforeAll(async () => {
  model = await createDevModel({ port: 0 });
});
afterEach(() => {
  model.setScript({ rules: [] });
  model.clearRequests();
});
afterAll(() => model?.stop());

type Respond = NonNullable<Parameters<DevModel['setScript']>[0]['rules']>[number]['respond'];
const script = (respond: Respond, times?: number) =>
  model.setScript({ rules: [{ respond, ...(times === undefined ? {} : { times }) }] });

const fn = (name: string, property: string): ModelFunction => ({
  name,
  description: name,
  parameters: { type: 'object', properties: { [property]: { type: 'string' } }, required: [property] },
});
const FUNCTIONS = [fn('get_weather', 'city'), fn('calculator', 'expression')];

function ask(task: string, options: Partial<OpenAiPlannerOptions> = {}, signal = new AbortController().signal) {
  const spoken: string[] = [];
  const planner = createOpenAiPlanner({
    apiKey: 'key-of-a-test',
    baseUrl: `${model.url}/v1`,
    timeoutMs: 20_000,
    stallMs: 15_000,
    maxRetries: 0,
    fetch: createSafeFetch({ allowHosts: [new URL(model.url).host], maxResponseBytes: 16 * 1024 ** 2 }),
    ...options,
  });
  const answer = planner.ask(
    {
      model: 'gpt-test',
      messages: [{ role: 'user', content: task }],
      functions: FUNCTIONS,
      onText: (piece) => spoken.push(piece),
    },
    signal,
  );
  return { answer, spoken };
}

/** A limit that only a stream which is silent on purpose passes. */
const SHORT = { stallMs: 1_000 };

/** A stream of chunks as an endpoint might send it. */
const sse = (...chunks: unknown[]) =>
  [...chunks.map((chunk) => (typeof chunk === 'string' ? chunk : JSON.stringify(chunk))), '[DONE]']
    .map((data) => `data: ${data}\n\n`)
    .join('');
const delta = (content: object, finish: string | null = null, more: object = {}) => ({
  id: 'x',
  object: 'chat.completion.chunk',
  model: 'gpt-test-2026',
  choices: [{ index: 0, delta: content, finish_reason: finish }],
  ...more,
});

describe('an answer', () => {
  it('is heard piece by piece and comes whole, with its usage and model', async () => {
    const text = Array.from({ length: 40 }, (_, n) => `word ${n}`).join(' ');
    script({ text, delayMs: 2, usage: { prompt_tokens: 11, completion_tokens: 7 } });
    const { answer, spoken } = ask('hello');
    expect(await answer).toEqual({
      text,
      calls: [],
      usage: { input_tokens: 11, output_tokens: 7 },
      cachedInputTokens: 0,
      model: expect.any(String),
      told: { finish: 'stop', id: expect.any(String) },
    });
    expect(spoken.length).toBeGreaterThan(1);
    expect(spoken.join('')).toBe(text);
  });

  it('may hold several calls', async () => {
    const { answer } = ask('What is the weather in London, and what is 17% of 2340?');
    const { calls, text } = await answer;
    expect(text).toBe('');
    expect(calls.map(({ name, arguments: args }) => [name, JSON.parse(args)])).toEqual([
      ['get_weather', { city: 'London' }],
      ['calculator', { expression: '17/100*2340' }],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });

  it('keeps calls apart whose ids are missing or the same, and puts their pieces together', async () => {
    const piece = (index: number, more: object) => delta({ tool_calls: [{ index, ...more }] });
    script({
      raw: sse(
        piece(0, { id: 'same', type: 'function', function: { name: 'a', arguments: '{"x":' } }),
        piece(1, { id: 'same', type: 'function', function: { name: 'b', arguments: '' } }),
        piece(2, { type: 'function', function: { name: 'c', arguments: '{}' } }),
        piece(0, { function: { arguments: '1}' } }),
        piece(1, { function: { arguments: '{}' } }),
        delta({}, 'tool_calls'),
      ),
    });
    const { calls } = await ask('hello').answer;
    expect(calls.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['a', '{"x":1}'],
      ['b', '{}'],
      ['c', '{}'],
    ]);
    expect(calls[0]!.id).toBe('same');
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
    expect(calls.every(({ id }) => id !== '')).toBe(true);
  });

  it('with absurd indices, counts and numbers stays bounded', async () => {
    const strange = [-1, 1e9, 0.5, 64].map((index) =>
      delta({ tool_calls: [{ index, id: `i${index}`, function: { name: 'x', arguments: '{}' } }] }),
    );
    script({
      raw: sse(
        ...strange,
        delta({ tool_calls: [{ index: 63, id: 'last', function: { name: 'y', arguments: '{}' } }] }),
        delta({ content: 'fine' }, 'stop', { usage: { prompt_tokens: -5, completion_tokens: 'many' } }),
      ),
    });
    expect(await ask('hello').answer).toEqual({
      text: 'fine',
      calls: [
        ...[-1, 1e9, 0.5, 64].map((index) => ({ id: `i${index}`, name: 'x', arguments: '{}' })),
        { id: 'last', name: 'y', arguments: '{}' },
      ],
      usage: { input_tokens: expect.any(Number), output_tokens: 5, estimated: true },
      cachedInputTokens: 0,
      model: 'gpt-test-2026',
      told: { finish: 'stop', id: 'x' },
    });
  });

  it('that is too long is refused', async () => {
    script({ text: 'x'.repeat(130_000) });
    await expect(ask('hello').answer).rejects.toMatchObject({ code: 'model_invalid_answer' });
    script({ toolCalls: [{ name: 'calculator', arguments: { expression: '1'.repeat(130_000) } }] });
    await expect(ask('hello').answer).rejects.toMatchObject({ code: 'model_invalid_answer' });
  });
});

describe('a stream that goes wrong', () => {
  it('by a stall is asked again once, and the second answer counts', async () => {
    script({ text: 'never heard', stallMs: 20_000, stallAfterChunks: 1 }, 1);
    const { answer } = ask('calculate 6*7', SHORT);
    expect((await answer).calls).toMatchObject([{ name: 'calculator' }]);
    expect(model.totalRequests()).toBe(2);
  });

  it('by a stall in both tries is unavailable, in the time of two stalls', async () => {
    script({ text: 'never heard', stallMs: 20_000, stallAfterChunks: 1 });
    const began = Date.now();
    await expect(ask('hello', SHORT).answer).rejects.toMatchObject({ code: 'model_unavailable' });
    expect(Date.now() - began).toBeLessThan(14_000);
    expect(model.totalRequests()).toBe(2);
  });

  it('after text was heard is not asked again: nobody hears two beginnings', async () => {
    script({ text: 'one two three four five six', stallMs: 20_000, stallAfterChunks: 2 });
    const { answer, spoken } = ask('hello', SHORT);
    await expect(answer).rejects.toMatchObject({ code: 'model_unavailable' });
    expect(spoken.join('')).not.toBe('');
    expect(model.totalRequests()).toBe(1);
  });

  it('by an early end is asked again once', async () => {
    script({ toolCalls: [{ name: 'calculator', arguments: { expression: '1' } }], truncate: true }, 1);
    expect((await ask('calculate 6*7').answer).calls).toMatchObject([{ name: 'calculator' }]);
    expect(model.totalRequests()).toBe(2);
  });

  it.each([
    ['a chunk that is no JSON', sse('{"choices": [{')],
    ['no end', `data: ${JSON.stringify(delta({ role: 'assistant' }))}\n\n`],
    ['nothing at all', ''],
    ['a chunk that is no object', sse('42', 'null')],
    ['choices that are no list', sse({ ...delta({}), choices: 'x' })],
  ])('by %s is asked again once, then unavailable', async (_name, raw) => {
    script({ raw });
    await expect(ask('hello').answer).rejects.toMatchObject({ code: 'model_unavailable' });
    expect(model.totalRequests()).toBe(2);
    script({ raw }, 1);
    expect((await ask('calculate 6*7').answer).calls).toHaveLength(1);
  });

  it('by silence before the first byte ends within the limit', async () => {
    script({ stallMs: 20_000 });
    const began = Date.now();
    await expect(ask('hello', { timeoutMs: 300 }).answer).rejects.toMatchObject({ code: 'model_unavailable' });
    expect(Date.now() - began).toBeLessThan(14_000);
  });
});

describe('a refusal', () => {
  it.each([
    [429, 'model_unavailable'],
    [500, 'model_unavailable'],
    [503, 'model_unavailable'],
    [400, 'model_rejected'],
    [401, 'model_key_refused'],
    [404, 'model_rejected'],
  ])('with HTTP %i is %s, and nothing of its text is told', async (status, code) => {
    script({ status, error: { message: 'key-of-a-test is wrong' } });
    const error: unknown = await ask('hello').answer.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).not.toContain('key-of-a-test');
  });

  it.each([429, 500])('with HTTP %i is tried again as often as configured', async (status) => {
    script({ status, headers: { 'retry-after-ms': '10' } }, 2);
    expect((await ask('calculate 6*7', { maxRetries: 2 }).answer).calls).toHaveLength(1);
    expect(model.totalRequests()).toBe(3);
  });

  it('of the connection is unavailable', async () => {
    const closed = { baseUrl: 'http://127.0.0.1:9/v1', fetch: createSafeFetch({ allowHosts: ['127.0.0.1:9'] }) };
    await expect(ask('hello', closed).answer).rejects.toMatchObject({ code: 'model_unavailable' });
  });

  it('by the guard of outbound calls keeps its code', async () => {
    const guarded = { fetch: createSafeFetch({ allowHosts: [] }) };
    await expect(ask('hello', guarded).answer).rejects.toMatchObject({
      code: expect.stringMatching(/egress_blocked|model_unavailable/),
    });
  });
});

describe('a parameter that the server does not know', () => {
  it('is left out from then on: max_tokens takes the place of max_completion_tokens', async () => {
    const bodies: Record<string, unknown>[] = [];
    const real = createSafeFetch({ allowHosts: [new URL(model.url).host] });
    const watching: typeof fetch = (address, init) => {
      bodies.push(JSON.parse(String(init?.body)) as Record<string, unknown>);
      return real(address, init);
    };
    const planner = createOpenAiPlanner({
      apiKey: 'k',
      baseUrl: `${model.url}/v1/`,
      timeoutMs: 5_000,
      stallMs: 5_000,
      maxRetries: 0,
      fetch: watching,
    });
    const message = 'Extra inputs are not permitted: body.max_completion_tokens';
    const answer = { text: 'fine' };
    model.setScript({
      rules: [{ times: 1, respond: { status: 422, error: { message } } }, { respond: answer }],
    });
    for (const task of ['one', 'two']) {
      const messages = [{ role: 'user' as const, content: task }];
      const request = { model: 'm', messages, functions: [], maxOutputTokens: 32, onText: () => undefined };
      expect((await planner.ask(request, new AbortController().signal)).text).toBe('fine');
    }
    const limits = bodies.map(({ max_tokens, max_completion_tokens }) => [max_completion_tokens, max_tokens]);
    expect(limits).toEqual([
      [32, undefined],
      [undefined, 32],
      [undefined, 32],
    ]);
  });
});

describe('an abort', () => {
  it('ends a pause that the server asked for at once', async () => {
    script({ status: 429, headers: { 'retry-after': '15' } });
    const abort = new AbortController();
    const answer = ask('hello', { maxRetries: 2 }, abort.signal).answer.catch((error: unknown) => error);
    await until(() => model.totalRequests() === 1);
    const began = Date.now();
    setTimeout(() => abort.abort(), 50);
    expect(await answer).toMatchObject({ code: 'cancelled' });
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(model.totalRequests()).toBe(1);
  });

  it.each([
    ['before the first byte', { stallMs: 20_000 }],
    ['in the middle of the answer', { text: 'one two three four', stallMs: 20_000, stallAfterChunks: 2 }],
  ])('%s ends the call at once, also at the endpoint', async (_name, respond) => {
    script(respond);
    const abort = new AbortController();
    const answer = ask('hello', {}, abort.signal).answer.catch((error: unknown) => error);
    await until(() => model.totalRequests() === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const began = Date.now();
    abort.abort();
    expect(await answer).toMatchObject({ code: 'cancelled' });
    expect(Date.now() - began).toBeLessThan(10_000);
    await until(() => model.requests().every(({ aborted }) => aborted));
    expect(model.totalRequests()).toBe(1);
  });

  it('that came before sends nothing', async () => {
    await expect(ask('hello', {}, AbortSignal.abort()).answer).rejects.toMatchObject({ code: 'cancelled' });
    expect(model.totalRequests()).toBe(0);
  });
});
