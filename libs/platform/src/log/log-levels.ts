import { z } from 'zod';
import { AZTM_LOGGERS, isLogPart, LOG_PARTS } from './log-parts.ts';

/*
 * How much is logged, and by which part. Pure. Guarantees:
 *  - A level is known in any spelling, in the words of Python's and syslog's loggers as well: DEBUG, Warning, CRITICAL.
 *  - A word that is no level is a problem of the configuration. A part that there is not keeps nothing from starting; it
 *    is told.
 */

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type Level = (typeof LEVELS)[number];

const OTHER_WORDS: Readonly<Record<string, Level>> = {
  notset: 'trace',
  verbose: 'debug',
  notice: 'info',
  information: 'info',
  warning: 'warn',
  err: 'error',
  critical: 'fatal',
  crit: 'fatal',
  off: 'silent',
  none: 'silent',
};

const EXPECTED = 'expected trace, debug, info, warn (or warning), error, fatal (or critical) or silent, in any case';

/** Undefined: no level. */
export function levelOf(text: string): Level | undefined {
  const word = text.trim().toLowerCase();
  return LEVELS.find((level) => level === word) ?? (Object.hasOwn(OTHER_WORDS, word) ? OTHER_WORDS[word] : undefined);
}

export const LogLevel = z.string().transform((text, context): Level => {
  const level = levelOf(text);
  if (level !== undefined) return level;
  context.addIssue({ code: 'custom', message: EXPECTED });
  return z.NEVER;
});

/** The levels that parts have beside LOG_LEVEL. */
export interface LogLevels {
  /** Name of a part -> its level. */
  readonly of: Readonly<Record<string, Level>>;
  /** Names that are no part of any service. */
  readonly unknown: readonly string[];
}

export const NO_LEVELS: LogLevels = { of: {}, unknown: [] };

const MAX_PARTS = 100;

/** `xmpp-bridge.login=debug,bus=warn`; the words of the AZTM library's loggers stand for the parts that they mean. */
export const LogLevelsOfParts = z
  .string()
  .default('')
  .transform((text, context): LogLevels => {
    const of: Record<string, Level> = {};
    const meant: Record<string, Level> = {};
    const unknown: string[] = [];
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    const items = text.split(',').map((item) => item.trim());
    if (items.length > MAX_PARTS) refuse(`more than ${MAX_PARTS} parts`);
    for (const item of items.slice(0, MAX_PARTS).filter(Boolean)) {
      const [part = '', word, ...rest] = item.split('=').map((each) => each.trim().toLowerCase());
      const level = rest.length === 0 && word !== undefined ? levelOf(word) : undefined;
      if (part === '' || word === undefined || rest.length > 0)
        refuse(`"${item}" is not part=level, such as xmpp-bridge.login=debug`);
      else if (level === undefined) refuse(`"${item}": ${EXPECTED}`);
      else if (Object.hasOwn(AZTM_LOGGERS, part))
        for (const each of AZTM_LOGGERS[part as keyof typeof AZTM_LOGGERS]) {
          // The more specific name counts: aztm.core before aztm.
          if (part !== 'aztm' || meant[each] === undefined) meant[each] = level;
        }
      else if (isLogPart(part)) of[part] = level;
      else unknown.push(part.slice(0, 80));
    }
    return { of: { ...meant, ...of }, unknown };
  });

/** With AZTM_LOG_LEVEL, which is for the AZTM loggers that LOG_LEVELS does not name. */
export function withAztmLevel(levels: LogLevels, level: Level | undefined): LogLevels {
  if (level === undefined) return levels;
  return { ...levels, of: { ...Object.fromEntries(AZTM_LOGGERS.aztm.map((part) => [part, level])), ...levels.of } };
}

/** The level of one part of one service: the most closely named counts. */
export function levelOfPart({ of }: LogLevels, app: string, part: string | undefined, level: Level): Level {
  const own = part === undefined ? undefined : (of[`${app}.${part}`] ?? of[part]);
  return own ?? of[app] ?? level;
}

/** The sentence about unknown parts; undefined: there are none. */
export function unknownParts({ unknown }: LogLevels): string | undefined {
  if (unknown.length === 0) return undefined;
  const names = unknown.slice(0, 8).map((name) => `"${name}"`);
  const parts = [...Object.keys(LOG_PARTS), ...Object.keys(AZTM_LOGGERS)].join(', ');
  return `LOG_LEVELS names ${names.join(', ')}, which is no part and does nothing; there are: ${parts}`;
}

/** The variables of every service that say how much is logged. */
export const LOG_VARIABLES = {
  LOG_LEVEL: LogLevel.default('info').describe(
    'Least level that is logged, in any spelling: trace, debug, info, warn, error, fatal, silent',
  ),
  LOG_LEVELS: LogLevelsOfParts.describe(
    'Levels of parts of services (see Log parts), e.g. `xmpp-bridge.login=debug,bus=warn`; wins over LOG_LEVEL',
  ),
};
