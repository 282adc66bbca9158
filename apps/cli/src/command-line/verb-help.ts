import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { overview, verbHelp } from '../../verbs.mjs';
import { EXIT, UserError } from '../terminal/user-error.ts';
import { verbNamed } from './arguments.ts';
import type { Verb } from './verb.ts';

/* The help of the command. */

export const help: Verb = ({ positionals, print }) => {
  print(positionals[0] ? verbHelp(verbNamed(positionals[0])) : overview());
  return Promise.resolve(EXIT.ok);
};

export const version: Verb = ({ workspace, print }) => {
  const { version: text } = JSON.parse(readFileSync(join(workspace.root, 'package.json'), 'utf8')) as {
    version: string;
  };
  print(`switchyard ${text}`);
  return Promise.resolve(EXIT.ok);
};

export const completion: Verb = async ({ positionals, print }) => {
  const [shell] = positionals;
  if (shell !== 'bash' && shell !== 'zsh')
    throw new UserError('Which shell? ./switchyard completion bash|zsh', EXIT.usage);
  const { completionScript } = await import('./completion.ts');
  print(completionScript(shell));
  return EXIT.ok;
};
