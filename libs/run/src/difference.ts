export interface DifferentAt {
  /** Names and indexes of fields from the outside in, joined by dots; empty: the whole. */
  readonly path: string;
  readonly recorded: unknown;
  readonly today: unknown;
}

/** The first place where two JSON values differ; null if they are equal. Missing and undefined count as equal. */
export function differenceOf(recorded: unknown, today: unknown, path: readonly string[] = []): DifferentAt | null {
  if (Object.is(recorded, today)) return null;
  const here: DifferentAt = { path: path.join('.'), recorded, today };
  if (!isObject(recorded) || !isObject(today) || Array.isArray(recorded) !== Array.isArray(today)) return here;
  if (Array.isArray(recorded) && Array.isArray(today) && recorded.length !== today.length) return here;
  for (const key of new Set([...Object.keys(recorded), ...Object.keys(today)])) {
    const found = differenceOf(recorded[key], today[key], [...path, key]);
    if (found) return found;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
