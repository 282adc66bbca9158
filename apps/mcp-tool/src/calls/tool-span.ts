import type { StepResult } from '@switchyard/contracts';
import { GEN_AI, withSpan } from '@switchyard/platform';
import type { Tool } from '../tool/index.ts';

/** The span of one call of a tool. Neither what it was given nor what it gave stands in it. */
export function inToolSpan(
  { name, source }: Tool,
  toolCallId: string | undefined,
  run: () => Promise<StepResult>,
): Promise<StepResult> {
  const attributes = {
    [GEN_AI.operation]: 'execute_tool',
    [GEN_AI.toolName]: name,
    // What is computed here, or what acts elsewhere on our behalf.
    [GEN_AI.toolType]: source === 'native' ? 'function' : 'extension',
    ...(toolCallId === undefined ? {} : { [GEN_AI.toolCallId]: toolCallId }),
  };
  return withSpan('tool', `execute_tool ${name}`, attributes, async (span) => {
    const outcome = await run();
    if (outcome.status !== 'succeeded') span.fail(outcome.code);
    return outcome;
  });
}
