/** Most characters of a tool's answer, as JSON. */
export const MAX_OUTPUT_CHARS = 64_000;

/** The output as it is, or where it is too large the beginning of its JSON with a note. Pure. */
export function boundOutput(output: unknown): unknown {
  const text = typeof output === 'string' ? output : (JSON.stringify(output) ?? 'null');
  if (text.length <= MAX_OUTPUT_CHARS) return output;
  return { truncated: true, total_characters: text.length, beginning: text.slice(0, MAX_OUTPUT_CHARS - 200) };
}
