import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { overview, unknownVerb, VERBS } from '../verbs.mjs';
import { FROM_SHELL, parseVerb, VERB_OPTIONS, type VerbName, verbHelp } from './command-line/arguments.ts';
import { Refused } from './command-line/gateway-client.ts';
import { workspaceOf } from './environment/workspace.ts';
import { EXIT, UserError } from './terminal/user-error.ts';
import { contextOf, type Verb, type VerbContext } from './command-line/verb.ts';

/** Each verb is loaded when it is called: a warm `run` starts its task within a second of being typed. */
const LOAD: Readonly<Record<VerbName, () => Promise<Verb>>> = {
  run: async () => (await import('./runs/verb-run.ts')).run,
  up: async () => (await import('./verbs/verb-stack.ts')).up,
  down: async () => (await import('./verbs/verb-stack.ts')).down,
  status: async () => (await import('./verbs/verb-stack.ts')).status,
  backup: async () => (await import('./backup/verb-backup.ts')).backup,
  restore: async () => (await import('./backup/verb-restore.ts')).restore,
  tail: async () => (await import('./runs/verb-runs.ts')).tail,
  runs: async () => (await import('./runs/verb-runs.ts')).runs,
  cancel: async () => (await import('./runs/verb-runs.ts')).cancel,
  doctor: async () => (await import('./doctor/verb-doctor.ts')).doctor,
  logs: async () => (await import('./verbs/verb-logs.ts')).logs,
  approve: async () => (await import('./runs/verb-approve.ts')).approve,
  replay: async () => (await import('./runs/verb-replay.ts')).replay,
  budget: async () => (await import('./runs/verb-budget.ts')).budget,
  'dead-letters': async () => (await import('./runs/verb-dead-letters.ts')).deadLetters,
  effects: async () => (await import('./runs/verb-effects.ts')).effects,
  tools: async () => (await import('./tools/verb-tools.ts')).tools,
  demo: async () => (await import('./verbs/verb-demo.ts')).demo,
  nats: async () => (await import('./verbs/verb-nats.ts')).nats,
  audit: async () => later('audit'),
  bench: async () => (await import('./verbs/verb-bench.ts')).bench,
  chaos: async () => (await import('./verbs/verb-chaos.ts')).chaos,
  completion: async () => completion,
  help: async () => help,
  version: async () => version,
};

function later(name: string): Verb {
  return ({ remark }) => {
    remark(`${VERBS.find((verb) => verb.name === name)?.usage ?? name}: not there yet; it comes with a later version.`);
    return Promise.resolve(EXIT.unavailable);
  };
}

const help: Verb = ({ positionals, print }) => {
  print(positionals[0] ? verbHelp(positionals[0]) : overview());
  return Promise.resolve(EXIT.ok);
};

const version: Verb = ({ workspace, print }) => {
  const { version: text } = JSON.parse(readFileSync(join(workspace.root, 'package.json'), 'utf8')) as {
    version: string;
  };
  print(`switchyard ${text}`);
  return Promise.resolve(EXIT.ok);
};

const completion: Verb = async ({ positionals, print }) => {
  const [shell] = positionals;
  if (shell !== 'bash' && shell !== 'zsh')
    throw new UserError('Which shell? ./switchyard completion bash|zsh', EXIT.usage);
  const { completionScript } = await import('./command-line/completion.ts');
  print(completionScript(shell));
  return EXIT.ok;
};

/** With what options say of the AZTM login in its environment. What it takes is loaded where one of them is given. */
async function withFlags(context: VerbContext, name: string): Promise<VerbContext> {
  const isMoved = context.environment[FROM_SHELL] !== undefined;
  if (!isMoved && !Object.keys(context.values).some((option) => /^(aztm-|no-server-mode$)/.test(option)))
    return context;
  if (isMoved && !Object.hasOwn(VERB_OPTIONS[name as VerbName], 'aztm-password'))
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
  const load = Object.hasOwn(LOAD, name) ? LOAD[name as VerbName] : undefined;
  if (!load) throw new UserError(unknownVerb(word), EXIT.usage);
  const parsed = parseVerb(name as VerbName, rest);
  const context = contextOf(workspaceOf(root), parsed);
  if (parsed.values['help'] === true) {
    context.print(verbHelp(name));
    return EXIT.ok;
  }
  return (await load())(await withFlags(context, name));
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
