import type { Logger } from 'pino';
import type { LogEvent, LogEvents } from './log-event.ts';
import { SHARED_LOG_EVENTS } from './shared-log-events.ts';

/** The key and the sentence belong to the event. */
export interface LogFields {
  readonly [field: string]: unknown;
  readonly event?: never;
  readonly message?: never;
}

type FieldIn<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}`
  ? Name | FieldIn<Rest>
  : never;
type FieldsFor<Sentence extends string> = [FieldIn<Sentence>] extends [never]
  ? [fields?: LogFields]
  : [fields: LogFields & Readonly<Record<FieldIn<Sentence>, string | number>>];

type Shared = typeof SHARED_LOG_EVENTS;
type SentenceOf<Events, Event> = Event extends keyof Events
  ? Events[Event] extends LogEvent<infer Sentence>
    ? Sentence
    : never
  : Event extends keyof Shared
    ? Shared[Event]['sentence']
    : never;

export type LogEventWriter<Own extends LogEvents> = <Event extends (keyof Own | keyof Shared) & string>(
  log: Logger | undefined,
  event: Event,
  ...fields: FieldsFor<SentenceOf<Own, Event>>
) => void;

const FIELD = /\{(\w+)\}/g;

/**
 * How a project writes its own events and the shared ones. Guarantees:
 *  - A line holds the key of its event under `event`, so that a search or an alert needs no sentence.
 *  - An event has the same level and sentence wherever it is written.
 *  - One below the level of the logger costs a comparison.
 */
export function eventLogger<const Own extends LogEvents>(own: Own): LogEventWriter<Own> {
  const events: LogEvents = { ...SHARED_LOG_EVENTS, ...own };
  return (log, event, ...[fields]) => {
    const { level, sentence } = events[event] as LogEvent;
    if (log === undefined || !log.isLevelEnabled(level)) return;
    const line: Record<string, unknown> = { event, ...fields };
    line['event'] = event; // where what was spread into the fields has one as well
    log[level](line, sentence.includes('{') ? filled(sentence, line) : sentence);
  };
}

function filled(sentence: string, fields: Readonly<Record<string, unknown>>): string {
  return sentence.replace(FIELD, (_, name: string) => String(fields[name]));
}

/** The shared events alone. */
export const logSharedEvent = eventLogger({});
