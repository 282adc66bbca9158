import { z } from 'zod';

/* Fields that many routes have. */

export const text = (max: number) => z.string().max(max);

/** A task in words. */
export const taskText = (max: number) =>
  text(max)
    .refine((task) => task.trim() !== '', 'expected a task in words')
    .describe('What is to be done, in words');

/** The longest text in a query: the server takes an address and its headers of 16 KiB together. */
export const MAX_QUERY_CHARS = 12_000;

/** How many entries a page has at the most. */
export const page = (max: number, fallback: number) => z.coerce.number().int().min(1).max(max).default(fallback);

/** `next_cursor` of the page before. */
export const PageCursor = text(200).optional();

/** Which events a stream shows. */
export const EventsView = z
  .enum(['default', 'all'])
  .default('default')
  .describe('`all` adds the events outside the documented table');

/** In answers to a request. */
export const Notices = z.array(z.string()).optional().describe('What of the request was not used; absent: nothing');
