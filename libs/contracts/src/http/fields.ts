import { z } from 'zod';
import { text } from '../base/fields.ts';

/** A task in words. */
export const taskText = (max: number) =>
  text(max)
    .refine((task) => task.trim() !== '', 'expected a task in words')
    .describe('What is to be done, in words');

/** The longest text in a query: the server takes an address and its headers of 16 KiB together. */
export const MAX_QUERY_CHARS = 12_000;

/** Which events a stream shows. */
export const EventsView = z
  .enum(['default', 'all'])
  .default('default')
  .describe('`all` adds the events outside the documented table');

/** In answers to a request. */
export const Notices = z.array(z.string()).optional().describe('What of the request was not used; absent: nothing');
