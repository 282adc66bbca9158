import { existsSync, readdirSync } from 'node:fs';
import { logTail } from '@switchyard/local-servers';
import { suggestion } from '../../verbs.mjs';
import { textOption } from '../command-line/arguments.ts';
import { followFile } from '../terminal/follow-file.ts';
import { logFile } from '../environment/workspace.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from '../command-line/verb.ts';

const MOST_CHARACTERS = 4 * 1024 ** 2;

/** `logs [service]`: the end of one log, or which there are. */
export async function logs({ workspace, positionals, values, print }: VerbContext): Promise<number> {
  const names = existsSync(workspace.logDir)
    ? readdirSync(workspace.logDir)
        .filter((name) => name.endsWith('.log'))
        .map((name) => name.slice(0, -4))
        .sort()
    : [];
  const [service] = positionals;
  if (!service) {
    print(names.length > 0 ? names.join('\n') : 'There are no logs yet.');
    return EXIT.ok;
  }
  if (!names.includes(service)) {
    const meant = suggestion(service, names);
    throw new UserError(`There is no log of "${service}".${meant ? ` Did you mean "${meant}"?` : ''}`, EXIT.usage);
  }
  const count = Number(textOption(values, 'lines') ?? 50);
  if (!Number.isInteger(count) || count < 1) throw new UserError('--lines must be a positive number', EXIT.usage);
  const file = logFile(workspace, service);
  const text = logTail(file, MOST_CHARACTERS);
  if (text) print(text.split('\n').slice(-count).join('\n'));
  if (values['follow'] !== true) return EXIT.ok;
  const unfollow = followFile(file, print);
  await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
  unfollow();
  return EXIT.ok;
}
