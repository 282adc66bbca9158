import type { InputOf, modelTurn, ToolInfo } from '@switchyard/contracts';

/* Functions for a model's tool calling: their descriptions, and the parsing of calls. Pure. */

export type ModelFunction = InputOf<typeof modelTurn>['functions'][number];
type FunctionParameters = ModelFunction['parameters'];

/** The schema of arguments with exactly these properties; all are required unless stated otherwise. */
export function taking(
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = Object.keys(properties),
): FunctionParameters {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** A tool as a function of its name. */
export function toolFunction({
  name,
  description,
  inputSchema,
}: Pick<ToolInfo, 'name' | 'description' | 'inputSchema'>): ModelFunction {
  return { name, description, parameters: inputSchema };
}

/** The arguments of a call as the model wrote them. An empty text means none; undefined: not a JSON object. */
export function argumentsOf(text: string): Record<string, unknown> | undefined {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A call, for people; its arguments are cut after `maxChars`. */
export function callInWords(name: string, args: Readonly<Record<string, unknown>>, maxChars: number): string {
  const text = JSON.stringify(args);
  return `${name} ${text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`}`;
}
