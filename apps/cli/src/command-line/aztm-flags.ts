import { isAbsolute, resolve } from 'node:path';
import { firstLine } from '@switchyard/platform';
import type { Environment } from '../environment/allowed-variables.ts';
import { FROM_SHELL, textOption } from './arguments.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from './verb.ts';

/*
 * Who logs in to the AZTM transport, as options of a call; they win over the environment. Guarantees:
 *  - No process of Node.js ever has the password among its arguments, which every account of a machine reads
 *    (docs/adr/0057): the command `switchyard` moves it to FROM_SHELL before Node.js begins, and here it is refused.
 *  - FROM_SHELL is handed on to nobody.
 */

const MAX_PASSWORD_BYTES = 4_096;

const BETTER =
  '--aztm-password - (reads standard input), --aztm-password-file FILE, AZTM_PASSWORD in .env.local, or none of them at a terminal, where it is asked for';

export interface FlagSources {
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Asks a person; undefined without a terminal. */
  readonly ask: ((question: string) => Promise<string | undefined>) | undefined;
  readonly remark: (line: string) => void;
  readonly cwd: string;
}

type Given = Pick<VerbContext, 'values' | 'environment'>;

/** The environment with what the options of this call say instead. Throws a message for the person. */
export async function withAztmFlags({ values, environment }: Given, from: FlagSources): Promise<Environment> {
  const { [FROM_SHELL]: moved, ...env } = environment;
  const user = textOption(values, 'aztm-userid');
  const own: Record<string, string | undefined> = { ...env };
  if (user !== undefined) own['AZTM_USERID'] = user;
  if (values['no-server-mode'] === true) own['AZTM_SERVER_MODE'] = 'false';
  const password = await passwordOf(values, moved, from);
  const file = textOption(values, 'aztm-password-file');
  if (password !== undefined && file !== undefined)
    throw usage('--aztm-password and --aztm-password-file are both given: which of them counts would be a guess.');
  if (password !== undefined) Object.assign(own, { AZTM_PASSWORD: password, AZTM_PASSWORD_FILE: undefined });
  if (file !== undefined) {
    const path = isAbsolute(file) ? file : resolve(from.cwd, file);
    Object.assign(own, { AZTM_PASSWORD: undefined, AZTM_PASSWORD_FILE: path });
  }
  if (user !== undefined && !own['AZTM_PASSWORD'] && !own['AZTM_PASSWORD_FILE']) {
    const asked = await from.ask?.(`Password of ${user}: `);
    if (asked === undefined) throw usage(`The password of ${user} is not known. Give it by ${BETTER}.`);
    own['AZTM_PASSWORD'] = asked;
  }
  return own;
}

async function passwordOf(
  values: Given['values'],
  moved: string | undefined,
  { stdin, remark }: FlagSources,
): Promise<string | undefined> {
  const given = values['aztm-password'];
  if (given === undefined) {
    if (moved === undefined) return undefined;
    if (moved === '') throw usage('--aztm-password is empty.');
    remark(
      `The password stood in a command line for a moment, and may be in the history of the shell. Better: ${BETTER}.`,
    );
    return moved;
  }
  if (given !== '-')
    throw usage(
      `The password is not taken from the arguments of a process, which every account can read. Use ${BETTER}.`,
    );
  const line = await firstLine(stdin, MAX_PASSWORD_BYTES);
  if (line === undefined) throw usage('--aztm-password - reads the password from standard input, and none came.');
  return line;
}

const usage = (message: string): UserError => new UserError(message, EXIT.usage);
