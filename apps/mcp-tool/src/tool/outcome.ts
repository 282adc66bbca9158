import { AppError, type ErrorCode, type StepResult } from '@switchyard/contracts';
import { type Tool, ToolError, type ToolErrorWords } from './tool.ts';

/*
 * Interprets a call that began and gave no usable output. Pure.
 *
 * - Only the text of a ToolError or of an AppError (not `internal`) is public. For any other error, callers learn only
 *   that the tool failed. If the log has more, the public text names the reference under which to find it.
 * - A call of a tool that may have an effect is in doubt, even if the tool honours keys, unless the tool itself said
 *   what went wrong (ToolError) or the call was refused before it began. Its effect may have happened, and no service
 *   here knows. Whether the call may be repeated is another question, which the ledger answers.
 */

export type Ending =
  | { readonly how: 'threw'; readonly error: unknown; readonly reference?: string }
  | { readonly how: 'unusable_output'; readonly reference?: string }
  | { readonly how: 'cancelled' | 'timed_out' };

const MAX_MESSAGE_CHARS = 2_000;

/** Errors that say that nothing was done. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ...(['invalid_input', 'invalid_id', 'unauthenticated', 'forbidden', 'credentials_missing'] as const),
  ...(['egress_blocked', 'not_supported', 'provider_not_connected'] as const),
]);

/** False for a tool that only reads and is safe to repeat: its calls leave nothing behind. */
export function mayHaveEffect({ kind, idempotency }: Pick<Tool, 'kind' | 'idempotency'>): boolean {
  return kind !== 'read' || idempotency !== 'safe';
}

type Words = Pick<ToolErrorWords, 'mcp' | 'mcpError' | 'inputRequired'>;

export function failed(code: string, message: string, { mcp, mcpError, inputRequired }: Words = {}): StepResult {
  return {
    status: 'failed',
    code,
    message: message.slice(0, MAX_MESSAGE_CHARS),
    ...(mcp ? { mcp } : {}),
    ...(mcpError ? { mcpError } : {}),
    ...(inputRequired ? { inputRequired } : {}),
  };
}

/** Nothing was begun: the same call, with the same key, may be made again. */
export function notBegun(result: StepResult): boolean {
  return result.status === 'failed' && (result.code === 'input_required' || result.code === 'unavailable');
}

/** What only an MCP client understands is for MCP clients alone. */
export function withoutMcp(result: StepResult): StepResult {
  if (result.status === 'in_doubt') return result;
  const provenance = result.provenance ? { provenance: result.provenance } : {};
  if (result.status === 'succeeded') return { status: 'succeeded', output: result.output, ...provenance };
  return { status: result.status, code: result.code, message: result.message, ...provenance };
}

export function outcomeWithoutOutput(tool: Tool, ending: Ending): StepResult {
  const { code, message, words } = failureOf(tool, ending);
  if (!mayHaveEffect(tool) || saidSo(ending)) return failed(code, message, words);
  return inDoubt(message.slice(0, MAX_MESSAGE_CHARS));
}

export function inDoubt(why: string): StepResult {
  const message = `${why} Whether its effect happened is not known.`;
  return { status: 'in_doubt', code: 'tool_in_doubt', message };
}

function saidSo(ending: Ending): boolean {
  if (ending.how !== 'threw') return false;
  const { error } = ending;
  return error instanceof ToolError || (error instanceof AppError && REFUSALS.has(error.code));
}

function failureOf(tool: Tool, ending: Ending): { code: string; message: string; words?: ToolErrorWords } {
  switch (ending.how) {
    case 'cancelled':
      return { code: 'cancelled', message: 'The call was cancelled.' };
    case 'timed_out':
      return { code: 'tool_timeout', message: `${tool.name} did not answer within ${tool.timeoutMs / 1_000} s.` };
    case 'unusable_output':
      return {
        code: 'tool_failed',
        message: `The tool ${tool.name} gave an answer that it should not give.${seen(ending.reference)}`,
      };
    case 'threw': {
      const { error, reference } = ending;
      if (error instanceof ToolError)
        return { code: error.words.code ?? 'tool_failed', message: error.message, words: error.words };
      if (error instanceof AppError && error.code !== 'internal')
        return {
          code: error.code,
          message: `${error.message}${error.code === 'upstream_failed' ? seen(reference) : ''}`,
        };
      return { code: 'tool_failed', message: toolFailed(tool.name, reference) };
    }
  }
}

/** Says that the tool failed and where the log has more, and nothing of the error. */
export function toolFailed(tool: string, reference: string | undefined): string {
  return `The tool ${tool} failed.${seen(reference)}`;
}

function seen(reference: string | undefined): string {
  return reference === undefined ? '' : ` The log of the service says why, under ${reference}.`;
}
