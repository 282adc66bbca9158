import { format } from 'node:util';
import type { Logger } from './log.ts';

const LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' } as const;

export type ConsoleMethods = Record<keyof typeof LEVELS, (...values: unknown[]) => void>;

/**
 * What libraries say on the console becomes lines of the log, masked and cut as all others. Text of strangers that a library
 * repeats there, like the name of a tool of an MCP server, writes no line of its own and reaches no terminal as it is. For
 * a service that has its process for itself.
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
