import { format } from 'node:util';
import type { Logger } from './log.ts';

const LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' } as const;

export type ConsoleMethods = Record<keyof typeof LEVELS, (...values: unknown[]) => void>;

/**
 * Redirects what libraries print on the console to the log, masked and cut like every line. Untrusted text that a library
 * prints, such as the name of a tool of an MCP server, starts no line of its own and reaches no terminal unchanged. For a
 * service that has its process for itself.
 */
export function logConsole(log: Logger, methods: ConsoleMethods = console): void {
  for (const [method, level] of Object.entries(LEVELS))
    methods[method as keyof typeof LEVELS] = (...values) => log[level]({ source: 'console' }, textOf(values));
}

/** A value that cannot be read breaks no work of whoever only wanted to tell of it. */
function textOf(values: readonly unknown[]): string {
  try {
    return format(...values);
  } catch {
    return '[unreadable]';
  }
}
