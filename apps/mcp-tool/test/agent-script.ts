import {
  AppError,
  type InputOf,
  type modelTurn,
  type RunFactDraft,
  type StepRequest,
  type StepResult,
} from '@switchyard/contracts';
import type { AgentTurns, Effect } from '@switchyard/store';
import { z } from 'zod';
import type { AgentCall } from '../src/agent/calls.ts';
import { AgentJournal } from '../src/agent/journal.ts';
import { defineTool } from '../src/tool/define-tool.ts';
import { ToolAgent } from '../src/agent/tool-agent.ts';
import type { Tool } from '../src/tool/tool.ts';
import { memoryTurns } from './memory-store.ts';

/* The tool agent with a model that says what a test tells it to, and tools that answer what a test tells them to. */

type Turn = InputOf<typeof modelTurn>;
export type Said =
  { text?: string; calls?: [name: string, args: unknown][]; refused?: { code: string; message: string } } | AppError;

export const tool = (name: string, more: Partial<Parameters<typeof defineTool>[0]> = {}): Tool =>
  defineTool({
    name,
    description: `Does ${name}.`,
    provider: 'p',
    kind: 'write',
    idempotency: 'key',
    timeoutMs: 1_000,
    input: z.object({}),
    output: z.unknown(),
    run: () => null,
    ...more,
  });

export const STEP: StepRequest = {
  principal: { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' },
  runId: 'run1',
  stepId: 'step-mcp-001',
  threadId: 't',
  idempotencyKey: 'run1:step-mcp-001',
  attempt: 1,
  task: 'do it',
  toolConstraints: { mode: 'auto', providers: [], tools: [] },
};

/** Performs the step against a model that says these things one after the other. */
export async function perform(
  said: readonly Said[],
  options: {
    tools?: readonly Tool[];
    step?: Partial<StepRequest>;
    searchAbove?: number;
    maxTurns?: number;
    result?: (call: AgentCall) => StepResult;
    signal?: AbortSignal;
    /** What earlier workers of the step kept, and their calls in the ledger. */
    turns?: AgentTurns;
    effects?: readonly Partial<Effect>[];
  } = {},
) {
  const turns: Turn[] = [];
  const calls: AgentCall[] = [];
  const facts: RunFactDraft[] = [];
  const request = (_contract: unknown, input: Turn) => {
    turns.push(structuredClone(input));
    const next = said[turns.length - 1] ?? { text: 'done' };
    if (next instanceof AppError) return Promise.reject(next);
    return Promise.resolve({
      text: next.text ?? '',
      calls: (next.calls ?? []).map(([name, args], n) => ({
        id: `c${turns.length}-${n}`,
        name,
        arguments: JSON.stringify(args),
      })),
      usage: { input_tokens: 10, output_tokens: 1 },
      ...(next.refused ? { refused: next.refused } : {}),
    });
  };
  const { turns: kept = memoryTurns(), effects = [], searchAbove = 40, maxTurns = 12 } = options;
  const journal = new AgentJournal({ turns: kept, effects: { ofStep: async () => effects as Effect[] } });
  const agent = new ToolAgent({ bus: { request: request as never }, journal, searchAbove, maxTurns });
  const result = await agent.perform(
    { ...STEP, ...options.step },
    {
      visible: options.tools ?? [tool('add'), tool('list', { kind: 'read', idempotency: 'safe' })],
      signal: options.signal ?? new AbortController().signal,
      tell: (fact) => facts.push(fact),
      call: (call) => {
        calls.push(call);
        return Promise.resolve(options.result?.(call) ?? { status: 'succeeded', output: { ok: true } });
      },
    },
  );
  return { result, turns, calls, facts };
}
