import { levelOf, LOG_VARIABLES, LogLevel, type LogLevels, unknownParts } from '@switchyard/platform';
import type { Environment } from './allowed-variables.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * How much is logged, before anything is started: a level that is none ends the call, and one that is only spelled in
 * another way is no other setting. Pure.
 */

const LEVELS = ['LOG_LEVEL', 'AZTM_LOG_LEVEL'] as const;

/** The environment with its levels in the spelling of the services. */
export function withLevels(environment: Environment): Environment {
  const known = LEVELS.flatMap((name) => {
    const level = levelOf(environment[name] ?? '');
    return level === undefined ? [] : [[name, level] as const];
  });
  return { ...environment, ...Object.fromEntries(known) };
}

/** Throws where a level is none; answers what is to be told of parts that there are not. */
export function checkedLevels(environment: Environment): string | undefined {
  const problems: string[] = [];
  const checked = (name: string, schema: typeof LogLevel | typeof LOG_VARIABLES.LOG_LEVELS): unknown => {
    const parsed = schema.safeParse(environment[name] || undefined);
    if (parsed.success || !environment[name]) return parsed.data;
    problems.push(
      ...parsed.error.issues.map(({ message }) => `  ${name}=${environment[name]?.slice(0, 80)}: ${message}`),
    );
    return undefined;
  };
  for (const name of LEVELS) checked(name, LogLevel);
  const levels = checked('LOG_LEVELS', LOG_VARIABLES.LOG_LEVELS) as LogLevels | undefined;
  if (problems.length > 0) throw new UserError(`The configuration is not valid:\n${problems.join('\n')}`, EXIT.config);
  return levels && unknownParts(levels);
}
