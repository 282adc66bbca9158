import { z } from 'zod';

/* Fields that many messages have. */

export const text = (max: number) => z.string().max(max);

/** The most entries of a page. */
export const page = (max: number, fallback: number) => z.coerce.number().int().min(1).max(max).default(fallback);

/** `next_cursor` of the page before. */
export const PageCursor = text(200).optional();
