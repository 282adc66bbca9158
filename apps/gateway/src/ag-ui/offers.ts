import {
  AppError,
  ClientTool,
  MAX_CLIENT_TOOLS_CHARS,
  MAX_CONTEXT_CHARS,
  type RunSpec,
  safeParse,
} from '@switchyard/contracts';
import type { AgUiInput } from '@switchyard/contracts/http';
import { ASK_USER, DELEGATE } from '@switchyard/run';

/* What a client offers beside the conversation: tools that it performs itself, and its context. Pure. */

const MAX_TOOLS = 64;
const MAX_ENTRIES = 64;

/** Throws `invalid_input` if a tool cannot be offered to a model as it is. */
export function clientToolsOf(tools: AgUiInput['tools']): RunSpec['client_tools'] {
  if (tools === undefined || tools.length === 0) return undefined;
  if (tools.length > MAX_TOOLS) throw invalid('tools', `at most ${MAX_TOOLS} tools`);
  const taken = new Set<string>();
  const parsed = tools.map(({ name, description = '', parameters }): ClientTool => {
    if (isReserved(name)) throw invalid('tools', `another name than "${name}", which is one of ours`);
    if (taken.has(name)) throw invalid('tools', `each name once; "${name}" comes twice`);
    taken.add(name);
    const tool = safeParse(ClientTool, { name, description, ...(parameters == null ? {} : { parameters }) });
    if (!tool.success)
      throw invalid('tools', 'names of 1 to 64 letters, digits, "-" or "_", and parameters that are a JSON Schema');
    return tool.data;
  });
  const chars = JSON.stringify(parsed).length;
  if (chars > MAX_CLIENT_TOOLS_CHARS)
    throw invalid('tools', `at most ${MAX_CLIENT_TOOLS_CHARS} characters in all; these have ${chars}`);
  return parsed;
}

function isReserved(name: string): boolean {
  return name === ASK_USER || name === 'submit_plan' || name.startsWith(DELEGATE);
}

/** Throws `invalid_input` if the context is too large for a planner. */
export function contextOf(context: AgUiInput['context']): RunSpec['context'] {
  if (context === undefined || context.length === 0) return undefined;
  if (context.length > MAX_ENTRIES) throw invalid('context', `at most ${MAX_ENTRIES} entries`);
  const entries = context.map(({ description = '', value }) => ({
    description,
    value: typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
  }));
  const chars = entries.reduce((sum, { description, value }) => sum + description.length + value.length, 0);
  if (chars > MAX_CONTEXT_CHARS)
    throw invalid('context', `at most ${MAX_CONTEXT_CHARS} characters in all; this has ${chars}`);
  return entries;
}

function invalid(field: string, expected: string): AppError {
  return new AppError('invalid_input', `${field}: expected ${expected}.`);
}
