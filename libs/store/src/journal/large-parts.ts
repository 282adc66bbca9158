import { AppError, sha256 } from '@switchyard/contracts';

/*
 * Payloads over 128 KB are stored once, under their SHA-256, and events refer to them. The references stand beside the
 * data and not inside it, so no data that merely looks like a reference can reach another run's payload.
 */

/** Data up to this many bytes of JSON stays in the event. */
export const INLINE_LIMIT = 128 * 1024;
/** The largest data of one event, in bytes of JSON. */
export const EVENT_LIMIT = 16 * 1024 * 1024;

/** `[key, sha256, length in bytes]`: the value of this key of the data. */
export type PartRef = readonly [key: string, sha256: string, length: number];

export interface Part {
  readonly sha256: string;
  /** JSON text. */
  readonly body: string;
}

interface StoredData {
  /** JSON text; keys whose value is elsewhere are null. */
  readonly body: string;
  readonly refs: readonly PartRef[];
  readonly parts: readonly Part[];
  /** Bytes of JSON, parts included. */
  readonly size: number;
}

/** Splits the data of an event into what stays in it and what is stored once. */
export function store(data: Readonly<Record<string, unknown>>): StoredData {
  const whole = JSON.stringify(data);
  const size = Buffer.byteLength(whole);
  if (size <= INLINE_LIMIT) return { body: whole, refs: [], parts: [], size };
  if (size > EVENT_LIMIT) throw new AppError('payload_too_large', 'The data of one event is larger than 16 MB.');

  const values = Object.entries(data)
    .flatMap(([key, value]) => (value === undefined ? [] : [{ key, body: JSON.stringify(value) }]))
    .map((value) => ({ ...value, length: Buffer.byteLength(value.body) }))
    .sort((a, b) => b.length - a.length);
  const kept: Record<string, unknown> = { ...data };
  const refs: PartRef[] = [];
  const parts: Part[] = [];
  let left = size;
  for (const { key, body, length } of values) {
    if (left <= INLINE_LIMIT) break;
    const digest = sha256(body);
    kept[key] = null;
    refs.push([key, digest, length]);
    parts.push({ sha256: digest, body });
    left -= length;
  }
  return { body: JSON.stringify(kept), refs, parts, size };
}

/** Restores the data of an event. `bodyOf` returns the JSON text of a part; a missing or changed part throws. */
export function restore(
  body: string,
  refs: readonly PartRef[],
  bodyOf: (sha256: string) => string | undefined,
): Record<string, unknown> {
  const data = JSON.parse(body) as Record<string, unknown>;
  for (const [key, digest, length] of refs) {
    const part = bodyOf(digest);
    if (part === undefined || Buffer.byteLength(part) !== length || sha256(part) !== digest) {
      throw new AppError('history_damaged', undefined, {
        cause: new Error(`blob ${digest} is missing or was changed`),
      });
    }
    data[key] = JSON.parse(part) as unknown;
  }
  return data;
}
