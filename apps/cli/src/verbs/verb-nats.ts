import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { listOption, textOption } from '../command-line/arguments.ts';
import { passwordsOf, privateServer } from '../environment/logins.ts';
import type { Workspace } from '../environment/workspace.ts';
import { readStatus } from '../environment/process-files.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';
import type { VerbContext } from '../command-line/verb.ts';

/*
 * People on the message bus: how the stock client logs in, questions that only a signed person may ask, and the keys and
 * logins of servers that this command does not start.
 */

const WORDS = 'context, ask, keys or login';
/** The size of a generated root secret. */
const ROOT_BYTES = 32;

/** The address of this clone's nats-server. */
function natsUrl(workspace: Workspace): string {
  const url = readStatus(workspace).processes.find(({ name }) => name === 'nats')?.url;
  if (url) return url;
  const remedy = 'Start it: ./switchyard up --detach. A server of your own has logins of its own.';
  throw new UserError(`No private NATS runs in this clone. ${remedy}`, EXIT.unavailable);
}

/** The name of a person as a token: the one that was given, else the account's. */
export function personOf(given: string | undefined, account: string): string {
  const name = given ?? account.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 48);
  if (/^[A-Za-z0-9_-]{1,48}$/.test(name)) return name;
  throw new UserError('--as takes 1 to 48 letters, digits, "-" and "_".', EXIT.usage);
}

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
async function ask({ workspace, positionals, values, print }: VerbContext): Promise<number> {
  const [, subject = '', json = '{}'] = positionals;
  const [{ REQUESTS, OPERATOR_USER_PREFIX }, { connectBus }, { createLogger }, servers] = await Promise.all([
    import('@switchyard/contracts'),
    import('@switchyard/bus'),
    import('@switchyard/platform'),
    import('@switchyard/local-servers'),
  ]);
  const contract = REQUESTS.find((known) => known.subject === subject && known.askedBy.includes('operator'));
  if (!contract) {
    const subjects = REQUESTS.filter(({ askedBy }) => askedBy.includes('operator')).map(
      (known) => `  ${known.subject}`,
    );
    throw new UserError(`An operator may ask:\n${subjects.join('\n')}`, EXIT.usage);
  }
  const person = personOf(textOption(values, 'as'), userInfo().username);
  const principal = {
    tenantId: textOption(values, 'tenant') ?? 'default',
    userId: `${OPERATOR_USER_PREFIX}${person}`,
    role: textOption(values, 'role') ?? 'auditor',
    via: 'operator',
  };
  const url = natsUrl(workspace);
  const passwords = passwordsOf(workspace);
  const access = servers.busAccess(
    'operator',
    privateServer(workspace, 'nats', url),
    await servers.loadBusKeys(passwords),
    person,
  );
  const bus = await connectBus({ ...access, log: createLogger({ app: 'operator', level: 'silent' }) });
  try {
    print(JSON.stringify(await bus.request(contract, { principal, ...objectIn(json) }), null, 2));
    return EXIT.ok;
  } catch (error) {
    const { code, message, details = [] } = error as { code?: string; message: string; details?: string[] };
    throw new UserError(
      [`${code ?? 'failed'}: ${message}`, ...details.map((line) => `  ${line}`)].join('\n'),
      EXIT.failed,
    );
  } finally {
    await bus.close();
  }
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
