// @ts-check
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { overview, unknownVerb, verbHelp, VERBS } from '../apps/cli/verbs.mjs';
import { CannotSetUp } from './bootstrap/cannot-set-up.mjs';
import { goOnWithPinnedNode, isOnAnotherNode } from './bootstrap/node.mjs';
import { isThere, ROOT } from './bootstrap/place.mjs';

/*
 * What runs before anything is installed: sets up what the verb needs, then hands over to apps/cli. A person waits for
 * each call, so the command loads only what its verb needs.
 */

const USAGE = 64;
const UNAVAILABLE = 69;

/** @param {string[]} argv @returns {Promise<number>} the exit code */
async function main(argv) {
  const [word = 'help', ...rest] = argv;
  const verb = VERBS.find(({ name }) => name === word);
  const asksForHelp = ['--help', '-h'].includes(word) || (word === 'help' && rest.length === 0);
  if (asksForHelp) {
    console.log(overview());
    return 0;
  }
  if (!verb && word !== '--version') {
    console.error(unknownVerb(word));
    return USAGE;
  }
  // A variable that is set already stays: the environment of the call wins over .env.local, and that over .env.
  for (const envFile of ['.env.local', '.env'].map((name) => join(ROOT, name)))
    if (existsSync(envFile)) process.loadEnvFile(envFile);
  if (word === 'test') return (await import('./bootstrap/test.mjs')).test(rest);

  const helpOnly = rest.includes('--help') || rest.includes('-h');
  const built = isThere('apps', 'cli', 'dist', 'main.js') && isThere('node_modules');
  if (word === 'run' && !helpOnly && rest.every((arg) => arg.trim() === '')) {
    // Asked before the set-up, so that the person does not wait a minute for the question.
    const { askForTask, NO_TASK } = await import('../apps/cli/task.mjs');
    const task = await askForTask();
    if (task === '') {
      console.error(NO_TASK);
      return USAGE;
    }
    argv = ['run', '--', task];
  }
  if (verb?.setUp && !helpOnly) {
    await (await import('./bootstrap/set-up.mjs')).setUp();
    if (isOnAnotherNode()) return goOnWithPinnedNode(join(ROOT, 'tools', 'switchyard.mjs'), argv);
  } else if (!built) {
    console.log(verb && helpOnly ? verbHelp(verb) : 'Nothing is set up in this clone yet; ./switchyard up does it.');
    return helpOnly || word === 'down' ? 0 : UNAVAILABLE;
  }
  /** @type {{main(argv: string[], root: string): Promise<number>}} */
  const cli = await import(join(ROOT, 'apps', 'cli', 'dist', 'main.js'));
  return cli.main(argv, ROOT);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CannotSetUp) {
    console.error(error.message);
    process.exitCode = error.exitCode;
  } else if (/** @type {NodeJS.ErrnoException} */ (error).code?.startsWith('ERR_PARSE_ARGS')) {
    console.error(`${/** @type {Error} */ (error).message} See --help.`);
    process.exitCode = USAGE;
  } else {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
