import { format } from 'node:util';
import { logSharedEvent } from './event-logger.ts';
import type { Logger } from './log.ts';

const EVENTS = {
  log: 'library_reported',
  info: 'library_reported',
  warn: 'library_warned',
  error: 'library_failed',
} as const;
type Method = keyof typeof EVENTS;

export type ConsoleMethods = Record<Method | 'debug', (...values: unknown[]) => void>;

/**
 * Redirects what libraries print on the console to the log, masked and cut like every line. Untrusted text that a library
 * prints, such as the name of a tool of an MCP server, starts no line of its own and reaches no terminal unchanged. For a
 * service that has its process for itself.
 */
export function logConsole(log: Logger, methods: ConsoleMethods = console): void {
  methods.debug = (...values) => log.debug({ source: 'console' }, textOf(values));
  for (const method of Object.keys(EVENTS) as Method[])
    methods[method] = (...values) => logSharedEvent(log, EVENTS[method], { source: 'console', text: textOf(values) });
}

/** An unreadable value must not break the work of the library that printed it. */
function textOf(values: readonly unknown[]): string {
  try {
    return format(...values);
  } catch {
    return '[unreadable]';
  }
}
