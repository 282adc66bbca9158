import { issueLines, safeParse } from '@switchyard/contracts';
import type { z } from 'zod';

/** The call of an answer, with its arguments checked; or why it cannot be used, in a sentence for the model. */
export type ReadCall<T> = { readonly call: T } | { readonly problem: string };

interface Said {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** Reads exactly one call. Where a model made several, the first counts: each later one was decided on an older screen. */
export function readCall<S extends z.ZodType>(schema: S, said: Said): ReadCall<z.output<S>> {
  const first = said.calls[0];
  if (!first) return { problem: 'it holds no function call.' };
  const given = argumentsOf(first.arguments);
  if (!given) return { problem: `the arguments of ${first.name.slice(0, 64)} are no JSON object.` };
  const parsed = safeParse(schema, { ...withoutNulls(given), name: first.name });
  if (parsed.success) return { call: parsed.data };
  return { problem: `${first.name.slice(0, 64)}: ${issueLines(parsed.error)[0] ?? 'its arguments do not fit'}.` };
}

function argumentsOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Some models say null for what they leave out. */
function withoutNulls(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
}
