import { describe, expect, it } from '@jest/globals';
import { AppError, type InputOf, type modelTurn, type RunFact } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import { accepted, dispatching, journal, planningStarted, RUN, started } from '@switchyard/testing';
import { createGuardrail } from '../planning/guardrail.ts';
import { ModelService } from './model-service.ts';
import type { ModelRequest } from '../planner/planner.ts';

const STEP = 'step-mcp-001';
const usage = { input_tokens: 10, output_tokens: 5 };

const FRAME = { sha256: 'a'.repeat(64), width: 1_280, height: 800 };

type Act = { agent?: string; tool?: string };

/** The model was asked to delegate, or to call a tool, and the step is under way; `others` are planned beside it. */
function open(act: Act, budget: Partial<typeof RUN.budget> = {}, ...others: Act[]): RunFact[] {
  const beside = others.map((other, n) => ({
    step_id: `step-mcp-00${n + 2}`,
    tool_call_id: `c${n}`,
    target: 'mcp' as const,
    task: 't',
    ...other,
  }));
  return [
    accepted({ budget: { ...RUN.budget, ...budget } }),
    started(),
    planningStarted(1),
    {
      type: 'orchestrator.planning.completed',
      data: {
        step_number: 1,
        decision_type: 'next_step',
        target: 'mcp',
        task_preview: '',
        text: '',
        model: 'm',
        usage,
        duration_ms: 1,
        decision: {
          kind: 'act',
          order: 'parallel',
          acts: [{ step_id: STEP, tool_call_id: 'c', target: 'mcp', task: 't', ...act }, ...beside],
        },
      },
    },
    dispatching(STEP),
  ];
}

function serviceOver(facts: readonly RunFact[], text = 'hello', answers?: (request: ModelRequest) => Promise<never>) {
  const events = journal(...facts);
  const { runId, tenantId } = events[0]!;
  const asked: ModelRequest[] = [];
  const service = new ModelService({
    journal: {
      head: (id: string) =>
        Promise.resolve(id === runId ? ({ tenantId, userId: 'u1', phase: 'running' } as never) : undefined),
      read: (_id: string, after: number) => Promise.resolve(events.slice(after)),
    } as never,
    planner: {
      ask: (request) => {
        asked.push(request);
        return answers?.(request) ?? Promise.resolve({ text, calls: [], usage, model: 'm' });
      },
    },
    frames: {
      get: (run, sha256) =>
        Promise.resolve(
          run.runId === runId && run.tenantId === tenantId && sha256 === FRAME.sha256
            ? { ...FRAME, png: Buffer.from('picture') }
            : undefined,
        ),
    },
    guardrail: createGuardrail(['forbidden']),
    defaultModel: 'm',
    prices: () => undefined,
    maxOutputTokens: 1_000,
    daily: null,
    clock: { now: () => events.at(-1)!.ts } as never,
    log: createLogger({ app: 'test', level: 'silent' }),
    budgetWaitMs: 0,
  });
  const turn = (more: Partial<InputOf<typeof modelTurn>> = {}) =>
    service.turn(
      {
        principal: RUN.principal,
        runId,
        stepId: STEP,
        turn: 1,
        functions: [],
        messages: [{ role: 'user', content: 'do it' }],
        used: { input_tokens: 0, output_tokens: 0 },
        ...more,
      },
      new AbortController().signal,
    );
  return { turn, asked };
}

describe('the model for delegated steps', () => {
  it('answers for a step that is open and was given as a task in words', async () => {
    const { turn, asked } = serviceOver(open({ agent: 'mcp' }));
    expect(await turn()).toEqual({ text: 'hello', calls: [], usage });
    expect(asked).toMatchObject([{ model: 'm', messages: [{ role: 'user', content: 'do it' }] }]);
  });

  it('is shown the frames of this run that a message names, after its text, and none of another run', async () => {
    const { turn, asked } = serviceOver(open({}));
    await turn({ messages: [{ role: 'user', content: 'look', frames: [FRAME] }] });
    const url = `data:image/png;base64,${Buffer.from('picture').toString('base64')}`;
    expect(asked[0]!.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'look' },
          { type: 'image_url', image_url: { url } },
        ],
      },
    ]);
    const unknown = { ...FRAME, sha256: 'b'.repeat(64) };
    await expect(turn({ messages: [{ role: 'user', content: 'look', frames: [unknown] }] })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(asked).toHaveLength(1);
  });

  it('gives a call back to the model server with the signature that came with it', async () => {
    const { turn, asked } = serviceOver(open({}));
    const call = { id: 'c1', name: 'get_weather', arguments: '{}' };
    await turn({
      messages: [
        { role: 'user', content: 'a task' },
        {
          role: 'assistant',
          content: null,
          calls: [
            { ...call, signature: 'c2lnbmVk' },
            { ...call, id: 'c2' },
          ],
        },
      ],
    });
    const calls = (asked[0]!.messages.at(-1) as { tool_calls: object[] }).tool_calls;
    expect(calls).toMatchObject([{ extra_content: { google: { thought_signature: 'c2lnbmVk' } } }, { id: 'c2' }]);
    expect(calls[1]).not.toHaveProperty('extra_content');
  });

  it('is nobody else’s: another user, another run, a direct call, a step that is none', async () => {
    const { turn, asked } = serviceOver(open({ agent: 'mcp' }));
    await expect(turn({ principal: { ...RUN.principal, userId: 'u2' } })).rejects.toMatchObject({ code: 'not_found' });
    await expect(turn({ principal: { ...RUN.principal, tenantId: 'x' } })).rejects.toMatchObject({ code: 'not_found' });
    await expect(turn({ runId: 'other' })).rejects.toMatchObject({ code: 'not_found' });
    await expect(turn({ stepId: 'step-mcp-002' })).rejects.toMatchObject({ code: 'conflict' });
    const direct = serviceOver(open({ tool: 'calculator' }));
    await expect(direct.turn()).rejects.toMatchObject({ code: 'conflict' });
    const cancelled = serviceOver([
      ...open({ agent: 'mcp' }),
      { type: 'orchestrator.cancel.requested', data: { by: 'u1', reason: '' } },
    ]);
    await expect(cancelled.turn()).rejects.toMatchObject({ code: 'run_ended' });
    expect([...asked, ...direct.asked, ...cancelled.asked]).toEqual([]);
  });

  it('counts what the step has used so far, and is not asked beyond the limit of the run', async () => {
    const { turn, asked } = serviceOver(open({ agent: 'mcp' }, { max_tokens: 100 }));
    await turn({ used: { input_tokens: 20, output_tokens: 0 } });
    expect(asked[0]!.maxOutputTokens).toBeLessThan(100 - 35);
    await expect(turn({ used: { input_tokens: 85, output_tokens: 0 } })).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
    expect(asked).toHaveLength(1);
  });

  it('leaves to each of the steps that are open at once its part of what the run has left', async () => {
    const facts = open({ agent: 'mcp' }, { max_tokens: 415 }, { agent: 'mcp' }, { tool: 'calculator' });
    const { turn, asked } = serviceOver(facts); // 400 are left, and 200 for each of the two that use the model
    await turn({ used: { input_tokens: 100, output_tokens: 50 } });
    expect(asked[0]!.maxOutputTokens).toBeLessThan(50);
    await expect(turn({ used: { input_tokens: 150, output_tokens: 50 } })).rejects.toMatchObject({
      code: 'budget_exceeded',
    });
    const other = { step_id: 'step-mcp-002', target: 'mcp' as const, duration_ms: 1 };
    const ended = { status: 'completed' as const, success: true, result: 'done', error: null, error_code: null };
    const later = serviceOver([
      ...facts,
      dispatching(other.step_id),
      { type: 'orchestrator.step.completed', data: { ...other, ...ended, usage } },
    ]);
    await later.turn({ used: { input_tokens: 150, output_tokens: 50 } });
    expect(later.asked[0]!.maxOutputTokens).toBeGreaterThan(150);
  });

  it('gives no text that a guardrail refuses', async () => {
    const { turn } = serviceOver(open({ agent: 'mcp' }), 'a for\u00adbidden word');
    const { refused, ...told } = await turn();
    expect(refused).toMatchObject({ code: 'guardrail_blocked' });
    expect(told).toEqual({ text: '', calls: [], usage });
  });

  it('tells what a call used that came to nothing, and refuses at once where nothing was used', async () => {
    const broken = (heard: string) => {
      const { turn } = serviceOver(open({ agent: 'mcp' }), 'never said', (request) => {
        if (heard !== '') request.onText(heard);
        return Promise.reject(new AppError('model_unavailable'));
      });
      return turn();
    };
    const told = await broken('half an answer, and then nothing more');
    expect(told).toMatchObject({ text: '', calls: [], refused: { code: 'model_unavailable' } });
    expect(told.usage.output_tokens).toBeGreaterThan(0);
    await expect(broken('')).rejects.toMatchObject({ code: 'model_unavailable' });
  });
});
