import type { StepResult } from '@switchyard/contracts';
import { GEN_AI, withSpan } from '@switchyard/platform';
import type { Tool } from '../tool/index.ts';

/** The span of one tool call. It holds neither arguments nor output. */
export function inToolSpan(
  { name, source }: Tool,
  toolCallId: string | undefined,
  run: () => Promise<StepResult>,
): Promise<StepResult> {
  const attributes = {
    [GEN_AI.operation]: 'execute_tool',
    [GEN_AI.toolName]: name,
    // A computation here, or an action elsewhere on our behalf.
    [GEN_AI.toolType]: source === 'native' ? 'function' : 'extension',
    ...(toolCallId === undefined ? {} : { [GEN_AI.toolCallId]: toolCallId }),
  };
  return withSpan('tool', `execute_tool ${name}`, attributes, async (span) => {
    const outcome = await run();
    if (outcome.status !== 'succeeded') span.fail(outcome.code);
    return outcome;
  });
}
