import { defineTool } from '@switchyard/mcp-tool';
import { z } from 'zod';

/**
 * One tool for each way to repeat. `effect` is what it does to the world; its line names the tool and the key.
 * @param {(line: string) => Promise<void>} effect
 */
export function effectTools(effect) {
  return /** @type {const} */ (['none', 'key']).map((idempotency) =>
    defineTool({
      name: `pay_${idempotency}`,
      description: `Pay; idempotency ${idempotency}.`,
      provider: 'bank',
      kind: 'write',
      idempotency,
      input: z.object({ cents: z.number().int() }),
      output: z.object({ paid: z.number(), pid: z.number() }),
      timeoutMs: 30_000,
      run: async ({ cents }, { idempotencyKey }) => {
        await effect(`pay_${idempotency} ${idempotencyKey}`);
        return { paid: cents, pid: process.pid };
      },
    }),
  );
}
