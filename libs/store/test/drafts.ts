import { RunSpec } from '@switchyard/contracts';
import type { Accept, EventDraft } from '../src/index.ts';

export function runSpec(overrides: Partial<Parameters<typeof RunSpec.parse>[0] & object> = {}): RunSpec {
  return RunSpec.parse({
    task: 'say hello',
    thread_id: 'thread-1',
    principal: { tenantId: 'acme', userId: 'ann', role: 'user', via: 'dev' },
    ...overrides,
  });
}

export function acceptOf(runId: string, overrides: Partial<Accept> = {}): Accept {
  return { runId, run: runSpec(), idempotencyKey: runId, requestHash: 'hash', engineVersion: 1, ...overrides };
}

/** A fact that differs with `text`. */
export function message(text: string): EventDraft {
  return {
    type: 'orchestrator.message.completed',
    stepId: null,
    data: { message_id: 'm-1', role: 'assistant', text, final: false },
  };
}

export function completed(answer: string | null = 'done'): EventDraft {
  return {
    type: 'orchestrator.task.completed',
    stepId: null,
    data: {
      status: 'success',
      completion_reason: 'ok',
      answer,
      total_steps: 0,
      successful_steps: 0,
      failed_steps: 0,
      usage: { input_tokens: 0, output_tokens: 0 },
    },
  };
}

export function toolResult(result: unknown, stepId = 'step-mcp-001'): EventDraft {
  return {
    type: 'orchestrator.step.completed',
    stepId,
    data: {
      step_id: stepId,
      target: 'mcp',
      status: 'completed',
      success: true,
      result,
      duration_ms: 1,
    },
  };
}
