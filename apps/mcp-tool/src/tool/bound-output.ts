/** The default limit of a tool's output, in bytes of JSON in UTF-8. */
export const DEFAULT_OUTPUT_BYTES = 64 * 1024;

/** Replaces a value that is too large. */
interface CutValue {
  readonly truncated: true;
  readonly note: string;
  readonly beginning: string;
}

/** The value as it is, or where it is too large the beginning of its text with a note. Pure. */
export function boundOutput(value: unknown, maxBytes: number = DEFAULT_OUTPUT_BYTES): unknown {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
  if (text.length * 3 <= maxBytes) return value;
  const bytes = Buffer.from(text);
  return bytes.length <= maxBytes ? value : cut(bytes, maxBytes);
}

/** The same for the arguments of a call, which stay an object. Pure. */
export function boundArguments(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return boundOutput(value) as Record<string, unknown>;
}

function cut(bytes: Buffer, maxBytes: number): CutValue {
  let end = maxBytes;
  // A byte 10xxxxxx continues a character; the cut goes before the character's first byte.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return {
    truncated: true,
    note: `Only the first ${Math.floor(maxBytes / 1024)} KB of ${Math.ceil(bytes.length / 1024)} KB.`,
    beginning: bytes.subarray(0, end).toString('utf8'),
  };
}
