import { describe, expect, it } from '@jest/globals';
import { AppError, type Principal, scopedRunId } from '@switchyard/contracts';
import { AgUiInput } from '@switchyard/contracts/http';
import { agUiToStartRun } from './input.ts';

const principal: Principal = { tenantId: 'acme', userId: 'alice', role: 'user', via: 'dev' };
const HELLO = [{ id: 'u', role: 'user', content: 'Hello' }];

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'no error';
}

describe('agUiToStartRun', () => {
  const input = (messages: unknown[], more: object = {}) =>
    AgUiInput.parse({ threadId: 't', runId: 'r', messages, ...more });

  it('takes the last message of the user as the task and the earlier ones as history', () => {
    const messages = [
      { id: '1', role: 'user', content: 'Hello' },
      { id: '2', role: 'assistant', content: 'Hi' },
      { id: '3', role: 'activity', content: { steps: [] }, activityType: 'PLAN' },
      { id: '4', role: 'assistant', toolCalls: [] },
      { id: '5', role: 'tool', toolCallId: 'x', content: '{}' },
      {
        id: '6',
        role: 'user',
        content: [
          { type: 'text', text: 'What' },
          { type: 'image', source: { type: 'url', value: 'https://example.com/a.png' } },
          { type: 'text', text: 'now?' },
        ],
      },
    ];
    const { request, notices } = agUiToStartRun(
      input(messages, { forwardedProps: { budget: { max_steps: 2 } } }),
      principal,
    );
    const { run, runId, idempotencyKey } = request;
    expect(notices).toEqual([]);
    expect({ runId, idempotencyKey }).toEqual({ runId: scopedRunId(principal.tenantId, 'r'), idempotencyKey: 'r' });
    expect(run).toMatchObject({
      task: 'What\nnow?',
      images: [{ url: 'https://example.com/a.png' }],
      thread_id: 't',
      budget: { max_steps: 2 },
      history: [
        { role: 'user', text: 'Hello' },
        { role: 'assistant', text: 'Hi' },
      ],
    });
  });

  it('refuses a conversation in which the user said nothing', () => {
    expect(code(() => agUiToStartRun(input([]), principal))).toBe('invalid_input');
    expect(code(() => agUiToStartRun(input([{ id: '1', role: 'user', content: '' }]), principal))).toBe(
      'invalid_input',
    );
    expect(
      code(() => agUiToStartRun(input([{ id: '1', role: 'user', content: 'x'.repeat(200_001) }]), principal)),
    ).toBe('invalid_input');
  });

  it('takes ids of any text, encoded, and the same for the same text', () => {
    const of = (threadId: string, runId: string) =>
      agUiToStartRun(AgUiInput.parse({ threadId, runId, messages: HELLO }), principal).request;
    const odd = of('thread/1 ü', 'a run: 1');
    expect(odd.run.thread_id).toMatch(/^x-[A-Za-z0-9_-]+$/);
    expect(odd).toEqual(of('thread/1 ü', 'a run: 1'));
    expect(new Set([odd, of('thread/1 u', 'x'), of('t', 'x')].map(({ run }) => run.thread_id)).size).toBe(3);
    expect(AgUiInput.safeParse({ threadId: '', runId: 'r', messages: HELLO }).success).toBe(false);
  });

  it('gives the planner the tools and the context of the client', () => {
    const { run } = agUiToStartRun(
      input(HELLO, {
        tools: [{ name: 'show', description: 'Shows', parameters: { type: 'object' } }],
        context: [
          { description: 'page', value: 'basket' },
          { description: 'count', value: 3 },
        ],
      }),
      principal,
    ).request;
    expect(run.client_tools).toEqual([{ name: 'show', description: 'Shows', parameters: { type: 'object' } }]);
    expect(run.context).toEqual([
      { description: 'page', value: 'basket' },
      { description: 'count', value: '3' },
    ]);
  });

  it('names what it does not use', () => {
    const { notices } = agUiToStartRun(
      input(
        [
          { id: '0', role: 'system', content: 'Be short.' },
          {
            id: '1',
            role: 'user',
            content: [
              { type: 'audio', source: {} },
              { type: 'text', text: 'Hear' },
            ],
          },
          ...HELLO,
        ],
        { state: { a: 1 } },
      ),
      principal,
    );
    expect(notices).toHaveLength(3);
    expect(notices.join(' ')).toMatch(/system and developer.*earlier messages.*state/s);
    expect(agUiToStartRun(input(HELLO, { state: {}, tools: [], context: [] }), principal).notices).toEqual([]);
  });

  const data = (value: string, mimeType = 'image/png') => ({
    type: 'image',
    source: { type: 'data', value, mimeType },
  });
  const withPart = (part: object) => input([{ id: '1', role: 'user', content: [part] }]);

  it.each([
    [data('AAAA'), 'data:image/png;base64,AAAA'],
    [{ type: 'binary', mimeType: 'image/jpeg', data: 'AAAA' }, 'data:image/jpeg;base64,AAAA'],
    [{ type: 'binary', mimeType: 'image/jpeg', url: 'https://example.com/x' }, 'https://example.com/x'],
    [{ type: 'image', source: { type: 'url', value: 'data:image/gif;base64,AAAA' } }, 'data:image/gif;base64,AAAA'],
  ])('hands an image on: %j', (part, url) => {
    expect(agUiToStartRun(withPart(part), principal).request.run.images).toEqual([{ url }]);
  });

  it.each([
    ['another scheme', { type: 'image', source: { type: 'url', value: 'http://10.0.0.1/x.png' } }, 'https://'],
    ['another type', data('AAAA', 'image/svg+xml'), 'MIME type'],
    ['what is no base64', data('<svg>'), 'base64'],
    ['too much', data('A'.repeat(600_000)), '512000'],
    ['a sound', { type: 'audio', source: { type: 'data', value: 'AAAA', mimeType: 'audio/wav' } }, '"audio"'],
    ['a file', { type: 'binary', mimeType: 'application/pdf', data: 'AAAA' }, '"binary"'],
  ])('refuses %s in the last message with a sentence that says so', (_what, part, sentence) => {
    expect(() => agUiToStartRun(withPart(part), principal)).toThrow(sentence);
  });

  it.each([
    ['a name that models cannot call', [{ name: 'a.b' }]],
    ['a name of ours', [{ name: 'ask_user' }]],
    ['a name of ours', [{ name: 'delegate_to_x' }]],
    ['a name twice', [{ name: 'a' }, { name: 'a' }]],
    ['parameters that are no schema', [{ name: 'a', parameters: 'none' }]],
    ['too many', Array.from({ length: 65 }, (_, n) => ({ name: `t${n}` }))],
    ['too much', [{ name: 'a', parameters: { x: 'x'.repeat(64_000) } }]],
  ])('refuses tools with %s', (_what, tools) => {
    expect(() => agUiToStartRun(input(HELLO, { tools }), principal)).toThrow(/^tools: expected/);
  });

  it('refuses more context than a planner is told', () => {
    const context = [{ description: 'page', value: 'x'.repeat(32_001) }];
    expect(() => agUiToStartRun(input(HELLO, { context }), principal)).toThrow('context: expected');
  });
});
