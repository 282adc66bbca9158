import { z } from 'zod';
import { evaluate, MAX_EXPRESSION_CHARS } from './arithmetic.ts';
import { defineTool } from '../tool/index.ts';

export const calculator = defineTool({
  name: 'calculator',
  aliases: ['calculator_tool'],
  description:
    'Calculate the value of an arithmetic expression, to 15 significant digits. Use it for every calculation.',
  provider: 'math',
  kind: 'read',
  idempotency: 'safe',
  input: z.object({
    expression: z
      .string()
      .min(1)
      .max(MAX_EXPRESSION_CHARS)
      .describe('Arithmetic expression, e.g. "(3 + 4) * 2", "17% of 2340", "sqrt(2)", "round(10 / 3, 2)"'),
  }),
  output: z.object({ expression: z.string(), result: z.number() }),
  timeoutMs: 1_000,
  run: ({ expression }) => ({ expression, result: evaluate(expression) }),
});
