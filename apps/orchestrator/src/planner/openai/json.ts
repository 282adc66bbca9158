/* Reads what an endpoint sends without trusting its shape. Pure. */

export type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = {};

/** The fields of an object; an empty object for any other value. */
export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : NONE;
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The first value that is a non-empty text. */
export function firstText(...values: readonly unknown[]): string {
  return textOf(values.find((value) => typeof value === 'string' && value !== ''));
}

/** Undefined if the text is not JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
