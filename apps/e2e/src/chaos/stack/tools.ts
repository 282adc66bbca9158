import { defineTool, ToolError } from '@switchyard/mcp-tool';
import { z } from 'zod';
import type { FaultPoints } from './points.ts';
import type { Effect, TruthLog } from './truth-log.ts';

/**
 * The tools of a round, by what a repeated call of them does. `chaos_deaf` ignores its abort signal; `chaos_asked`
 * needs an approval.
 */
export const CHAOS_TOOLS = [
  { name: 'chaos_read', kind: 'read', idempotency: 'safe', deaf: false, asks: false },
  { name: 'chaos_keyed', kind: 'write', idempotency: 'key', deaf: false, asks: false },
  { name: 'chaos_once', kind: 'write', idempotency: 'none', deaf: false, asks: false },
  { name: 'chaos_deaf', kind: 'write', idempotency: 'none', deaf: true, asks: false },
  { name: 'chaos_asked', kind: 'write', idempotency: 'none', deaf: false, asks: true },
] as const;

const TIMEOUT_MS = 6_000;

export function chaosTools(points: FaultPoints, effects: TruthLog<Effect>) {
  return CHAOS_TOOLS.map(({ name, kind, idempotency, deaf, asks }) =>
    defineTool({
      name,
      description: `Waits and then has an effect (${kind}, ${idempotency})`,
      provider: 'chaos',
      kind,
      idempotency,
      requiresApproval: asks,
      input: z.object({ ms: z.number().int().min(0).max(60_000), label: z.string().max(64) }),
      output: z.object({ done: z.string() }),
      timeoutMs: TIMEOUT_MS,
      run: async ({ ms, label }, { signal, idempotencyKey, runId, stepId }) => {
        await pause(ms, deaf ? undefined : signal);
        points.pass('effect.before');
        effects.write({
          ts: Date.now(),
          tool: name,
          idempotency,
          runId: runId ?? '',
          stepId: stepId ?? '',
          label,
          key: idempotencyKey ?? '',
          pid: process.pid,
        });
        points.pass('effect.after');
        return { done: label };
      },
    }),
  );
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new ToolError('It was told to stop before it did anything.'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
