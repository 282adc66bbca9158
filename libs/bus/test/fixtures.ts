import { request, type RunEvent, toCloudEvent } from '@switchyard/contracts';
import { z } from 'zod';

export const echo = request({
  subject: 'rpc.test.echo',
  summary: 'Answers what it was asked.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'orchestrator'],
  input: z.object({ text: z.string(), times: z.number().int().default(1) }),
  output: z.object({ text: z.string() }),
  timeoutMs: 5_000,
});

export const nested = request({
  ...echo,
  subject: 'rpc.test.nested',
  summary: 'Answers what it was asked, one level down.',
  input: z.object({ inner: z.object({ text: z.string() }) }),
});

/** May be asked twice. */
export const lookUp = request({
  subject: 'rpc.test.look-up',
  summary: 'Answers at once, and any number of times.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'orchestrator'],
  input: z.object({ text: z.string() }),
  output: z.object({ text: z.string() }),
  timeoutMs: 20_000,
  askAgainMs: 200,
});

export const slow = request({
  subject: 'rpc.test.slow',
  summary: 'Takes its time.',
  answeredBy: 'mcp-tool',
  askedBy: ['gateway', 'orchestrator'],
  input: z.object({ ms: z.number().default(0) }),
  output: z.object({ how: z.string() }),
  timeoutMs: 30_000,
});

/** A run of `n` facts, the last of them the end. */
export function runOf(runId: string, n: number): RunEvent[] {
  return Array.from({ length: n }, (_, index): RunEvent => {
    const place = { runId, tenantId: 'acme', seq: index + 1, epoch: 1, stepId: null, ts: 1_700_000_000_000 + index };
    return index + 1 < n
      ? { ...place, type: 'orchestrator.planning.started', data: { step_number: index, last_failed: false } }
      : {
          ...place,
          type: 'orchestrator.task.completed',
          data: ENDED,
        };
  });
}

const ENDED = {
  status: 'success',
  completion_reason: 'ok',
  answer: 'done',
  total_steps: 1,
  successful_steps: 1,
  failed_steps: 0,
  usage: { input_tokens: 1, output_tokens: 1 },
  error: null,
  error_code: null,
} as const;

export const documentOf = (event: RunEvent): string => JSON.stringify(toCloudEvent(event));

let runs = 0;
export const newRunId = (): string => `run-${process.pid}-${(runs += 1)}`;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A journal in memory, and how often it was asked. */
export function journalOf(events: RunEvent[], pageSize = 500) {
  const journal = {
    events: [...events],
    asked: 0,
    read: async (after: number) => {
      journal.asked += 1;
      await pause(2);
      const last = journal.events.at(-1);
      return {
        events: journal.events.filter(({ seq }) => seq > after).slice(0, pageSize),
        lastSeq: last?.seq ?? 0,
        ended: last?.type === 'orchestrator.task.completed',
      };
    },
  };
  return journal;
}
