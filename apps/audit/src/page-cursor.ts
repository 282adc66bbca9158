import { z } from 'zod';
import { AppError } from '@switchyard/contracts';

/** Where a page of a list, newest first, ended: the time and the id of its last row. */
export const PageKey = z.object({ ts: z.number().int(), id: z.string().min(1).max(128) });
export type PageKey = z.infer<typeof PageKey>;

const Encoded = z.tuple([z.literal(1), z.number().int(), z.string().min(1).max(128)]);

/** An opaque cursor for the caller: base64url text, at most 200 characters for keys of the documented length. */
export function encodePageCursor(key: PageKey): string {
  return Buffer.from(JSON.stringify([1, key.ts, key.id]), 'utf8').toString('base64url');
}

/** The key in a cursor. Throws `invalid_cursor` for anything that `encodePageCursor` did not make. */
export function decodePageCursor(cursor: string): PageKey {
  const parsed = Encoded.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString('utf8')));
  if (!parsed.success) throw new AppError('invalid_cursor', 'This cursor was not handed out by this list.');
  return { ts: parsed.data[1], id: parsed.data[2] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
