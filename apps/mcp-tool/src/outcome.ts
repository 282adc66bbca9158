import { AppError, type StepResult } from '@switchyard/contracts';
import { type Tool, ToolError } from './define-tool.ts';

/*
 * What a call means that began and gave no usable output. Pure.
 *
 * O1 Only the text of a ToolError or an AppError is public; of any other error nothing but the fact is told.
 * O2 A tool that may not be repeated is in doubt, unless it said itself what went wrong: its effect may have
 *    happened, and nobody here knows.
 */

export type Ending =
  { readonly how: 'threw'; readonly error: unknown } | { readonly how: 'cancelled' | 'timed_out' | 'unusable_output' };

const MAX_MESSAGE_CHARS = 2_000;

export function failed(code: string, message: string): StepResult {
  return { status: 'failed', code, message: message.slice(0, MAX_MESSAGE_CHARS) };
}

export function outcomeWithoutOutput(tool: Tool, ending: Ending): StepResult {
  const { code, message } = failureOf(tool, ending);
  const toldByTool = ending.how === 'threw' && ending.error instanceof ToolError;
  if (tool.idempotency !== 'none' || toldByTool) return failed(code, message);
  return {
    status: 'in_doubt',
    code: 'tool_in_doubt',
    message: `${message.slice(0, MAX_MESSAGE_CHARS)} Whether its effect happened is not known.`,
  };
}

function failureOf(tool: Tool, ending: Ending): { code: string; message: string } {
  switch (ending.how) {
    case 'cancelled':
      return { code: 'cancelled', message: 'The call was cancelled.' };
    case 'timed_out':
      return { code: 'tool_timeout', message: `${tool.name} did not answer within ${tool.timeoutMs / 1_000} s.` };
    case 'unusable_output':
      return { code: 'tool_failed', message: `The tool ${tool.name} gave an answer that it should not give.` };
    case 'threw': {
      const { error } = ending;
      if (error instanceof ToolError) return { code: 'tool_failed', message: error.message };
      if (error instanceof AppError && error.code !== 'internal') return { code: error.code, message: error.message };
      return { code: 'tool_failed', message: `The tool ${tool.name} failed.` };
    }
  }
}
