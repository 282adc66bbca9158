import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { listOption, textOption } from '../command-line/arguments.ts';
import { askAsOperator, natsUrl, personOf } from '../command-line/operator-bus.ts';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from '../command-line/verb.ts';

/*
 * People on the message bus: how the stock client logs in, questions that only a signed person may ask, and the keys and
 * logins of servers that this command does not start.
 */

const WORDS = 'context, ask, keys or login';
/** The size of a generated root secret. */
const ROOT_BYTES = 32;

/** A context of the stock client: what it reads in `nats/context/<name>.json`. */
export function contextFile(
  login: string,
  url: string,
  tls?: { readonly ca: string; readonly cert: string; readonly key: string },
): Record<string, string> {
  const { host, username, password } = new URL(url);
  return {
    description: `Switchyard on this machine, as ${login}`,
    url: `${tls ? 'tls' : 'nats'}://${host}`,
    user: username,
    password,
    inbox_prefix: `_INBOX.${login}`,
    ...tls,
  };
}

/** `nats context`: writes the context, readable by its owner alone, and says how to use it. */
async function context({ workspace, values, environment, print }: VerbContext): Promise<number> {
  const login = textOption(values, 'login') ?? 'watcher';
  if (!/^(operator|watcher(-[a-z0-9-]{1,48})?)$/.test(login))
    throw new UserError('--login is watcher, operator, or watcher-NAME of NATS_WATCHERS.', EXIT.usage);
  const { asLogin } = await import('@switchyard/local-servers');
  const password = passwordsOf(workspace).known(`nats.${login}`);
  if (password === undefined) throw new UserError(`There is no login ${login} here; see NATS_WATCHERS.`, EXIT.failed);
  const folder = environment['XDG_CONFIG_HOME'] || join(homedir(), '.config');
  const name = `switchyard-${login}`;
  const file = join(folder, 'nats', 'context', `${name}.json`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const url = natsUrl(workspace);
  const content = contextFile(
    login,
    asLogin(url, login, password),
    privateServer(workspace, 'nats', url).tlsFor?.(login),
  );
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
  print(`Written: ${file}`);
  print(
    login === 'operator' ? 'Questions have to be signed: ./switchyard nats ask' : `nats --context ${name} sub 'run.>'`,
  );
  return EXIT.ok;
}

/** `nats ask`: one question on the bus, signed by a person; the audit log has it. */
async function ask(called: VerbContext): Promise<number> {
  const [, subject = '', json = '{}'] = called.positionals;
  const { REQUESTS } = await import('@switchyard/contracts');
  const offered = REQUESTS.filter(({ askedBy }) => askedBy.includes('operator'));
  const contract = offered.find((known) => known.subject === subject);
  if (!contract) {
    const subjects = offered.map((known) => `  ${known.subject}`);
    throw new UserError(`An operator may ask:\n${subjects.join('\n')}`, EXIT.usage);
  }
  called.print(JSON.stringify(await askAsOperator(called, contract, objectIn(json)), null, 2));
  return EXIT.ok;
}

function objectIn(json: string): object {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below.
  }
  throw new UserError(`The question is a JSON object, such as '{"runId":"..."}'.`, EXIT.usage);
}

/** `nats keys`: BUS_KEYS of each service, or of one operator, from a root secret. */
async function keys({ values, print, remark }: VerbContext): Promise<number> {
  const { APPS, busKeysFor, busKeysForOperator } = await import('@switchyard/contracts');
  const file = textOption(values, 'root');
  const generation = textOption(values, 'generation') ?? '1';
  if (!/^[A-Za-z0-9]{1,16}$/.test(generation))
    throw new UserError('--generation takes letters and digits.', EXIT.usage);
  const root = file === undefined ? randomBytes(ROOT_BYTES).toString('hex') : readFileSync(file, 'utf8').trim();
  if (root.length < ROOT_BYTES)
    throw new UserError(`The root secret has at least ${ROOT_BYTES} characters.`, EXIT.usage);
  if (file === undefined) {
    print(`root: ${root}`);
    remark('Keep the root where you set the services up, and nowhere else: --root FILE makes the same keys again.');
  }
  const person = textOption(values, 'operator');
  if (person !== undefined) print(`BUS_KEYS=${busKeysForOperator(personOf(person, person), root, generation)}`);
  else for (const app of APPS) print(`${app}: BUS_KEYS=${busKeysFor(app, root, generation)}`);
  return EXIT.ok;
}

/** `nats login`: the user of a watcher of some tenants, for the configuration of a server of one's own. */
async function login({ positionals, values, print }: VerbContext): Promise<number> {
  const [, name = ''] = positionals;
  const tenants = listOption(values, 'tenants') ?? [];
  const { watcherLogins } = await import('@switchyard/local-servers');
  try {
    const [made] = await watcherLogins({ [name]: tenants });
    print(
      `{ user: "${name}", password: $NATS_${name.toUpperCase().replaceAll('-', '_')}_PASSWORD, permissions: ${made?.permissions} }`,
    );
    return EXIT.ok;
  } catch (error) {
    const usage = './switchyard nats login watcher-NAME --tenants A,B';
    throw new UserError(`${error instanceof Error ? error.message : 'That is no login.'}: ${usage}`, EXIT.usage);
  }
}

/** `nats`: context, ask, keys, login. */
export async function nats(called: VerbContext): Promise<number> {
  const verbs = { context, ask, keys, login };
  const word = called.positionals[0] ?? '';
  if (!Object.hasOwn(verbs, word))
    throw new UserError(`What of nats? ${WORDS}. See ./switchyard nats --help.`, EXIT.usage);
  return verbs[word as keyof typeof verbs](called);
}
