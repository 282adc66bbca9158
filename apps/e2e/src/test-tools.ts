import { defineTool, ToolError } from '@switchyard/mcp-tool';
import { z } from 'zod';

/**
 * Tools for tests, beside the built-in ones: slow ones, one that ignores its abort signal, one that always fails.
 * `onEffect` gets the idempotency key of each call that completes.
 */
export function testTools(onEffect: (key: string) => void) {
  const slow = (name: string, kind: 'read' | 'write', idempotency: 'safe' | 'key' | 'none', listens = true) =>
    defineTool({
      name,
      description: `Wait some milliseconds (${kind})`,
      provider: 'test',
      kind,
      idempotency,
      input: z.object({ ms: z.number().int().min(0).max(60_000) }),
      output: z.object({ waited: z.number() }),
      timeoutMs: 60_000,
      run: async ({ ms }, { signal, idempotencyKey }) => {
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(resolve, ms);
          if (!listens) return;
          signal.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(new ToolError('stopped'));
          });
        });
        onEffect(idempotencyKey ?? 'none');
        return { waited: ms };
      },
    });
  const broken = defineTool({
    name: 'broken_tool',
    description: 'Always fails',
    provider: 'test',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({}),
    output: z.object({}),
    timeoutMs: 1_000,
    run: () => {
      throw new ToolError('It is broken.');
    },
  });
  const doubtful = defineTool({
    name: 'doubtful_write',
    description: 'Does something, and loses its own answer',
    provider: 'test',
    kind: 'write',
    idempotency: 'none',
    input: z.object({}),
    output: z.object({}),
    timeoutMs: 1_000,
    run: () => {
      throw new Error('the connection was lost');
    },
  });
  const huge = defineTool({
    name: 'huge_output',
    description: 'Answers with as many characters as asked',
    provider: 'test',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({ characters: z.number().int().min(0).max(20_000_000) }),
    output: z.object({ text: z.string() }),
    timeoutMs: 10_000,
    run: async ({ characters }) => ({ text: 'z'.repeat(characters) }),
  });
  return [
    huge,
    slow('slow_read', 'read', 'safe'),
    slow('slow_write', 'write', 'none'),
    slow('keyed_write', 'write', 'key'),
    slow('deaf_write', 'write', 'none', false),
    broken,
    doubtful,
  ];
}
