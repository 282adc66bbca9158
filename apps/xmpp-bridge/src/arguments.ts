import { parseArgs } from 'node:util';
import { firstLine } from '@switchyard/platform';

/*
 * Reads the command line of the bridge as settings of its environment. Arguments win over variables.
 * The password is never an argument: every account of a machine can read the arguments of every process, and Node.js
 * cannot hide its own (docs/adr/0057).
 */

type Environment = Record<string, string | undefined>;

const MAX_PASSWORD_BYTES = 4_096;
const OPTIONS = {
  'aztm-userid': { type: 'string' },
  'aztm-password': { type: 'string' },
  'aztm-password-file': { type: 'string' },
  'no-server-mode': { type: 'boolean' },
} as const;

const NO_PASSWORD_HERE =
  'The password is not taken from the command line, where every account of this machine can read it (ps): set ' +
  'AZTM_PASSWORD in the environment, name a file with --aztm-password-file, or write it to standard input and say ' +
  '--aztm-password -';

/** Throws, with a sentence for the person, for any other argument. */
export async function withArguments(
  args: readonly string[],
  env: Environment,
  input: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<Environment> {
  const given = parsed(args);
  const { 'aztm-userid': user, 'aztm-password': password, 'aztm-password-file': file } = given;
  if (password !== undefined && password !== '-') throw new Error(NO_PASSWORD_HERE);
  if (password !== undefined && file !== undefined)
    throw new Error('--aztm-password and --aztm-password-file are both given: which of them counts would be a guess');
  const own: Environment = { ...env };
  if (user !== undefined) own['AZTM_USERID'] = user;
  if (file !== undefined) Object.assign(own, { AZTM_PASSWORD: undefined, AZTM_PASSWORD_FILE: file });
  if (password !== undefined) {
    const line = await firstLine(input, MAX_PASSWORD_BYTES);
    if (line === undefined) throw new Error('--aztm-password - reads the password from standard input, and none came');
    Object.assign(own, { AZTM_PASSWORD: line, AZTM_PASSWORD_FILE: undefined });
  }
  if (given['no-server-mode'] === true) own['AZTM_SERVER_MODE'] = 'false';
  return own;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch {
    // The parser's own message repeats the arguments, which may include a password.
    const names = Object.keys(OPTIONS).map((name) => `--${name}`);
    throw new Error(
      `An argument is not known here; there are ${names.join(', ')}. The rest is set in the environment.`,
    );
  }
}
