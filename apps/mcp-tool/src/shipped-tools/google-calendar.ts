import { sha256 } from '@switchyard/contracts';
import { z } from 'zod';
import { defineTool, type Tool, type ToolContext, ToolError } from '../tool/index.ts';
import { ApiRefusal, type ProviderApi } from './provider-api.ts';
import { CALENDAR_SCOPE } from './providers.ts';
import type { TokenOf } from '../oauth/index.ts';

/*
 * Events in the calendars of a user.
 *
 * - An event is created under an id derived from the key of the call. The same call creates the event once, however
 *   often it is made; a repeat finds the existing event.
 * - Actions that mail others (inviting guests, cancelling an event) are tools of their own, which a person approves.
 *   Creating and changing an event sends no mail.
 * - Guests are added to the event's current guests. If the event changed meanwhile, nothing is done.
 */

const Time = z.object({
  date: z.string().optional(),
  dateTime: z.string().optional(),
  timeZone: z.string().optional(),
});
const Event = z.object({
  id: z.string(),
  etag: z.string().optional(),
  status: z.string().optional(),
  summary: z.string().default(''),
  description: z.string().default(''),
  location: z.string().default(''),
  htmlLink: z.string().default(''),
  start: Time.default({}),
  end: Time.default({}),
  // Loose: unknown fields of a guest are preserved when others are added.
  attendees: z.array(z.looseObject({ email: z.string().optional() })).default([]),
});
const Page = z.object({ items: z.array(Event).default([]), nextPageToken: z.string().optional() });

const Shown = z.object({
  id: z.string(),
  title: z.string(),
  start: z.string(),
  end: z.string(),
  location: z.string(),
  description: z.string(),
  guests: z.array(z.string()),
  link: z.string(),
});

const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$/;
const Moment = z
  .string()
  .regex(MOMENT, 'e.g. 2026-03-01T15:00:00+01:00, or 2026-03-01 for the whole day')
  .refine((text) => !Number.isNaN(Date.parse(text)), 'not a date')
  .meta({ format: 'date-time' });
const Calendar = z.string().min(1).max(254).default('primary').describe('Id of the calendar');
const EventId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,1024}$/, 'an id as list_events gives it')
  .describe('Id of the event, as list_events gives it');
const TimeZone = z
  .string()
  .regex(/^[A-Za-z0-9_+/-]{1,64}$/, 'e.g. Europe/Berlin')
  .optional()
  .describe('IANA time zone of times without an offset; default UTC');
const fields = {
  location: z.string().max(1_000).optional(),
  description: z.string().max(8_000).optional().describe('Text of the event'),
  time_zone: TimeZone,
};

export function calendarTools(api: ProviderApi, tokenOf: TokenOf): Tool[] {
  const common = {
    provider: 'google_calendar',
    tokenOf,
    trust: 'untrusted',
    timeoutMs: 30_000,
    requiredScopes: [CALENDAR_SCOPE],
  } as const;
  const events = (calendar: string, ...rest: string[]) => ['calendars', calendar, 'events', ...rest];
  const get = async (context: ToolContext, calendar: string, id: string) =>
    Event.parse(await api.ask(context, { path: events(calendar, id) }));

  const listEvents = defineTool({
    ...common,
    name: 'google_calendar__list_events',
    title: 'List events',
    description: 'List the events of a calendar of this user between two moments, in order; recurring ones one by one.',
    kind: 'read',
    idempotency: 'safe',
    input: z.object({
      from: Moment.optional().describe('From when on; default: now'),
      to: Moment.optional().describe('Until when'),
      query: z.string().max(200).optional().describe('Words to look for'),
      limit: z.number().int().min(1).max(50).default(10).describe('Most events'),
      page_token: z.string().max(1_000).optional().describe('next_page_token of the page before'),
      calendar: Calendar,
    }),
    output: z.object({ events: z.array(Shown), next_page_token: z.string().nullable() }),
    run: async ({ from, to, query, limit, page_token, calendar }, context) => {
      const asked = {
        singleEvents: true,
        orderBy: 'startTime',
        maxResults: limit,
        q: query,
        pageToken: page_token,
        timeMin: moment(from) ?? new Date().toISOString(),
        timeMax: moment(to),
      };
      const page = Page.parse(await api.ask(context, { path: events(calendar), query: asked }));
      return { events: page.items.slice(0, limit).map(shown), next_page_token: page.nextPageToken ?? null };
    },
  });

  const createEvent = defineTool({
    ...common,
    name: 'google_calendar__create_event',
    title: 'Create an event',
    description: 'Create an event in a calendar of this user. Nobody is invited or told: invite_guests does that.',
    kind: 'write',
    idempotency: 'key', // The id of the event follows from it.
    input: z.object({
      title: z.string().min(1).max(500).describe('Title of the event'),
      start: Moment.describe('When it begins; a date alone: the whole day'),
      end: Moment.optional().describe('When it ends; default: an hour later, or the whole day'),
      ...fields,
      calendar: Calendar,
    }),
    output: Shown,
    run: async ({ title, start, end, location, description, time_zone, calendar }, context) => {
      const { principal, idempotencyKey } = context;
      const id =
        idempotencyKey === undefined
          ? undefined
          : idOf([principal.tenantId, principal.userId, calendar, idempotencyKey]);
      const times = { start: time(start, time_zone), end: time(end ?? later(start), time_zone) };
      const body = { ...(id === undefined ? {} : { id }), summary: title, location, description, ...times };
      const query = { sendUpdates: 'none' }; // Creating an event sends no mail.
      try {
        return shown(Event.parse(await api.ask(context, { method: 'POST', path: events(calendar), query, body })));
      } catch (error) {
        if (!(error instanceof ApiRefusal) || error.status !== 409 || id === undefined) throw error;
        const there = await get(context, calendar, id);
        if (there.status === 'cancelled') throw new ToolError('This event was created before, and deleted since.');
        return shown(there);
      }
    },
  });

  const updateEvent = defineTool({
    ...common,
    name: 'google_calendar__update_event',
    title: 'Change an event',
    description: 'Change what is given of an event: title, times, place or text. Guests are not told.',
    kind: 'write',
    idempotency: 'key', // It says what is to be, so that doing it twice is doing it once.
    input: z
      .object({
        id: EventId,
        title: z.string().min(1).max(500).optional(),
        start: Moment.optional(),
        end: Moment.optional(),
        ...fields,
        calendar: Calendar,
      })
      .refine(({ start, end }) => start === undefined || end !== undefined, 'with a new start, give the end too'),
    output: Shown,
    run: async ({ id, title, start, end, location, description, time_zone, calendar }, context) => {
      const body = {
        summary: title,
        location,
        description,
        ...(start === undefined ? {} : { start: time(start, time_zone) }),
        ...(end === undefined ? {} : { end: time(end, time_zone) }),
      };
      const how = { method: 'PATCH', path: events(calendar, id), query: { sendUpdates: 'none' }, body } as const;
      return shown(Event.parse(await api.ask(context, how)));
    },
  });

  const inviteGuests = defineTool({
    ...common,
    name: 'google_calendar__invite_guests',
    title: 'Invite guests',
    description:
      'Invite people to an event by e-mail, beside those who are invited already. A person approves it first.',
    kind: 'destructive',
    idempotency: 'none',
    requiresApproval: true,
    input: z.object({
      id: EventId,
      guests: z.array(z.email().max(254)).min(1).max(50).describe('E-mail addresses'),
      calendar: Calendar,
    }),
    output: Shown,
    run: async ({ id, guests, calendar }, context) => {
      const { etag, attendees } = await get(context, calendar, id);
      const there = new Set(attendees.map(({ email }) => email?.toLowerCase()));
      const added = guests.filter((guest) => !there.has(guest.toLowerCase())).map((email) => ({ email }));
      const how = {
        method: 'PATCH',
        path: events(calendar, id),
        query: { sendUpdates: 'all' },
        body: { attendees: [...attendees, ...added] },
        ...(etag === undefined ? {} : { headers: { 'if-match': etag } }), // Refused where the event changed meanwhile.
      } as const;
      return shown(Event.parse(await api.ask(context, how)));
    },
  });

  const deleteEvent = defineTool({
    ...common,
    name: 'google_calendar__delete_event',
    title: 'Delete an event',
    description: 'Delete an event, and tell its guests. A person approves it first.',
    kind: 'destructive',
    idempotency: 'key', // What is deleted is not deleted again.
    requiresApproval: true,
    input: z.object({ id: EventId, calendar: Calendar }),
    output: z.object({ id: z.string(), deleted: z.literal(true) }),
    run: async ({ id, calendar }, context) => {
      const how = { method: 'DELETE', path: events(calendar, id), query: { sendUpdates: 'all' } } as const;
      await api.ask(context, how).catch((error: unknown) => {
        if (!(error instanceof ApiRefusal) || error.status !== 410) throw error; // It is gone already.
      });
      return { id, deleted: true as const };
    },
  });

  return [listEvents, createEvent, updateEvent, inviteGuests, deleteEvent];
}

/** An id of an event that follows from `parts`. Google takes 5 to 1024 characters of a-v and 0-9. */
export function idOf(parts: readonly string[]): string {
  return `sv${sha256(JSON.stringify(parts)).slice(0, 40)}`;
}

function time(text: string, timeZone = 'UTC') {
  if (text.length === 10) return { date: text };
  const dateTime = /T\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})?$/.test(text) ? text.replace(/(T\d{2}:\d{2})/, '$1:00') : text;
  return { dateTime, timeZone };
}

function hasOffset(text: string): boolean {
  return /(Z|[+-]\d{2}:\d{2})$/.test(text);
}

/** An hour later, or the day after, in the same form. */
function later(start: string): string {
  const utc = Date.parse(start.length === 10 || hasOffset(start) ? start : `${start}Z`);
  if (start.length === 10) return new Date(utc + 86_400_000).toISOString().slice(0, 10);
  const then = new Date(utc + 3_600_000).toISOString();
  return hasOffset(start) ? then : then.slice(0, 19);
}

/** As a limit of a list, which needs an offset. */
function moment(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return new Date(text.length === 10 || hasOffset(text) ? text : `${text}Z`).toISOString();
}

function shown({ id, summary, description, location, htmlLink, start, end, attendees }: z.output<typeof Event>) {
  return {
    id,
    title: summary.slice(0, 500),
    location: location.slice(0, 500),
    link: htmlLink.slice(0, 500),
    start: start.dateTime ?? start.date ?? '',
    end: end.dateTime ?? end.date ?? '',
    description: description.slice(0, 1_000),
    guests: attendees.flatMap(({ email }) => email ?? []).slice(0, 100),
  };
}
