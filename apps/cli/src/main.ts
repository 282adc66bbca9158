import { optionsOf, unknownVerb, type Verb as VerbRecord, verbHelp } from '../verbs.mjs';
import { exportOf, FROM_SHELL, parseVerb, verbNamed } from './command-line/arguments.ts';
import { Refused } from './command-line/gateway-client.ts';
import { workspaceOf } from './environment/workspace.ts';
import { EXIT, UserError } from './terminal/user-error.ts';
import { contextOf, type Verb, type VerbContext } from './command-line/verb.ts';

/** Each verb is loaded when it is called: a warm `run` starts its task within a second of being typed. */
async function load({ name, module }: VerbRecord): Promise<Verb> {
  if (module === undefined) throw new UserError(unknownVerb(name), EXIT.usage);
  const loaded = (await import(new URL(`${module}.js`, import.meta.url).href)) as Readonly<Record<string, Verb>>;
  return loaded[exportOf(name)]!;
}

/** With what options say of the AZTM login in its environment. What it takes is loaded where one of them is given. */
async function withFlags(context: VerbContext, name: string): Promise<VerbContext> {
  const isMoved = context.environment[FROM_SHELL] !== undefined;
  if (!isMoved && !Object.keys(context.values).some((option) => /^(aztm-|no-server-mode$)/.test(option)))
    return context;
  if (isMoved && !Object.hasOwn(optionsOf(verbNamed(name)), 'aztm-password'))
    throw new UserError(`"${name}" has no option --aztm-password. See ./switchyard ${name} --help.`, EXIT.usage);
  const [{ withAztmFlags }, { askSecret }] = await Promise.all([
    import('./command-line/aztm-flags.ts'),
    import('./terminal/ask-secret.ts'),
  ]);
  const { stdin, stderr } = process;
  const ask = (question: string) => askSecret(question, stdin, (text) => void stderr.write(text));
  const { remark } = context;
  const sources = { stdin, ask: stdin.isTTY && stderr.isTTY ? ask : undefined, remark, cwd: process.cwd() };
  return { ...context, environment: await withAztmFlags(context, sources) };
}

async function dispatch(argv: readonly string[], root: string): Promise<number> {
  const [word = 'help', ...rest] = argv;
  const name = word === '--version' ? 'version' : ['--help', '-h'].includes(word) ? 'help' : word;
  const verb = verbNamed(name);
  const parsed = parseVerb(name, rest);
  const context = contextOf(workspaceOf(root), parsed);
  if (parsed.values['help'] === true) {
    context.print(verbHelp(verb));
    return EXIT.ok;
  }
  return (await load(verb))(await withFlags(context, name));
}

/** Runs one command and answers its exit code. What a person can act on is shown without a stack. */
export async function main(argv: readonly string[], root: string): Promise<number> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok); // `| head` has seen enough.
  });
  try {
    return await dispatch(argv, root);
  } catch (error) {
    const expected = error instanceof UserError || error instanceof Refused;
    process.stderr.write(`${error instanceof Error ? (expected ? error.message : error.stack) : String(error)}\n`);
    return error instanceof UserError ? error.exitCode : EXIT.failed;
  }
}
