import { parseArgs } from 'node:util';
import { optionsOf, unknownVerb, type Verb, VERBS } from '../../verbs.mjs';
import { EXIT, UserError } from '../terminal/user-error.ts';

/** The variable in which the command (sh) passes the value of --aztm-password. */
export const FROM_SHELL = 'SWITCHYARD_AZTM_PASSWORD';

/** The verb of this name. Throws where there is none. */
export function verbNamed(name: string): Verb {
  const verb = VERBS.find((known) => known.name === name);
  if (!verb) throw new UserError(unknownVerb(name), EXIT.usage);
  return verb;
}

/** The export name of a verb: `dead-letters` becomes `deadLetters`. */
export function exportOf(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Parses the words after a verb. Throws, naming the mistake, for an unknown option. */
export function parseVerb(name: string, args: readonly string[]) {
  const options = optionsOf(verbNamed(name));
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: values as Readonly<Record<string, string | boolean | undefined>>, positionals };
  } catch (error) {
    const [message] = String((error as Error).message).split('. ');
    throw new UserError(`${message}. See ./switchyard ${name} --help.`, EXIT.usage);
  }
}

/** A text option; undefined where it is missing or empty. */
export function textOption(
  values: Readonly<Record<string, string | boolean | undefined>>,
  name: string,
): string | undefined {
  const value = values[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `a,b , c` as a list; undefined where the option is missing. */
export function listOption(
  values: Readonly<Record<string, string | boolean | undefined>>,
  name: string,
): string[] | undefined {
  const value = values[name];
  return typeof value === 'string'
    ? value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
    : undefined;
}
