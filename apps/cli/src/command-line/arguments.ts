import { parseArgs, type ParseArgsConfig } from 'node:util';
import { VERBS } from '../../verbs.mjs';
import { EXIT, UserError } from '../terminal/user-error.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type OptionsHelp = readonly (readonly [option: string, meaning: string])[];

/** Where the command (sh) puts the value of --aztm-password. */
export const FROM_SHELL = 'SWITCHYARD_AZTM_PASSWORD';

/** Who logs in to the AZTM transport (aztm-flags.ts). */
const LOGIN = {
  'aztm-userid': { type: 'string' },
  'aztm-password': { type: 'string' },
  'aztm-password-file': { type: 'string' },
} as const;
const AZTM = { ...LOGIN, 'no-server-mode': { type: 'boolean' } } as const;

export const VERB_OPTIONS = {
  run: {
    thread: { type: 'string' },
    json: { type: 'boolean' },
    tools: { type: 'string' },
    providers: { type: 'string' },
    agents: { type: 'string' },
    user: { type: 'string' },
    role: { type: 'string' },
    view: { type: 'string' },
    replicas: { type: 'string' },
    apply: { type: 'boolean' },
    ...AZTM,
  },
  up: {
    detach: { type: 'boolean', short: 'd' },
    apply: { type: 'boolean' },
    tls: { type: 'boolean' },
    replicas: { type: 'string' },
    ...AZTM,
  },
  down: {},
  status: { json: { type: 'boolean' } },
  backup: { json: { type: 'boolean' } },
  restore: {
    to: { type: 'string' },
    wal: { type: 'string' },
    replace: { type: 'boolean' },
    rehearse: { type: 'boolean' },
    'no-start': { type: 'boolean' },
    wait: { type: 'string' },
    json: { type: 'boolean' },
  },
  tail: { event: { type: 'string' }, json: { type: 'boolean' }, user: { type: 'string' }, role: { type: 'string' } },
  runs: { json: { type: 'boolean' }, user: { type: 'string' }, role: { type: 'string' } },
  cancel: { user: { type: 'string' }, role: { type: 'string' } },
  approve: {
    deny: { type: 'boolean' },
    text: { type: 'string' },
    arguments: { type: 'string' },
    limit: { type: 'string' },
    json: { type: 'boolean' },
    user: { type: 'string' },
    role: { type: 'string' },
  },
  replay: {
    file: { type: 'string' },
    save: { type: 'string' },
    json: { type: 'boolean' },
    user: { type: 'string' },
    role: { type: 'string' },
  },
  budget: { json: { type: 'boolean' }, user: { type: 'string' }, role: { type: 'string' } },
  'dead-letters': { json: { type: 'boolean' }, user: { type: 'string' }, role: { type: 'string' } },
  effects: {
    state: { type: 'string' },
    run: { type: 'string' },
    succeeded: { type: 'boolean' },
    failed: { type: 'boolean' },
    note: { type: 'string' },
    json: { type: 'boolean' },
    user: { type: 'string' },
    role: { type: 'string' },
  },
  tools: {
    as: { type: 'string' },
    explain: { type: 'boolean' },
    new: { type: 'boolean' },
    arguments: { type: 'string' },
    tools: { type: 'string' },
    providers: { type: 'string' },
    agents: { type: 'string' },
    json: { type: 'boolean' },
    user: { type: 'string' },
    role: { type: 'string' },
  },
  demo: {
    keep: { type: 'boolean' },
    json: { type: 'boolean' },
    user: { type: 'string' },
    role: { type: 'string' },
    replicas: { type: 'string' },
  },
  doctor: { only: { type: 'string' }, timeout: { type: 'string' }, json: { type: 'boolean' }, ...LOGIN },
  nats: {
    login: { type: 'string' },
    as: { type: 'string' },
    tenant: { type: 'string' },
    role: { type: 'string' },
    root: { type: 'string' },
    generation: { type: 'string' },
    operator: { type: 'string' },
    tenants: { type: 'string' },
  },
  audit: {},
  bench: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
    requests: { type: 'string' },
    seed: { type: 'string' },
    profile: { type: 'boolean' },
    tls: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  chaos: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    rounds: { type: 'string' },
    faults: { type: 'string' },
    mutant: { type: 'string' },
    'lease-ms': { type: 'string' },
    'every-ms': { type: 'string' },
    'fault-every-ms': { type: 'string' },
    json: { type: 'boolean' },
  },
  logs: { follow: { type: 'boolean', short: 'f' }, lines: { type: 'string', short: 'n' } },
  completion: {},
  help: {},
  version: {},
} as const satisfies Record<string, Options>;
export type VerbName = keyof typeof VERB_OPTIONS;

const WHO: OptionsHelp = [
  ['--user ID', 'the development identity; default TB_DEFAULT_USER_ID, else "dev"'],
  ['--role ROLE', 'user, admin or auditor'],
];

const HOW_TO_LOGIN: OptionsHelp = [
  ['--aztm-userid JID', 'the account of the AZTM login, user@domain; default AZTM_USERID, else AZTM_JID'],
  ['--aztm-password -', 'its password: - reads standard input; a value is moved away from the command line'],
  ['--aztm-password-file FILE', 'its password, in a file; default AZTM_PASSWORD; at a terminal it is asked for'],
];
const AZTM_HELP: OptionsHelp = [
  ...HOW_TO_LOGIN,
  ['--no-server-mode', 'peers cannot call us; as AZTM_SERVER_MODE=false'],
];

const OPTIONS_HELP: Readonly<Partial<Record<VerbName, OptionsHelp>>> = {
  run: [
    ['--thread ID', 'continue a conversation'],
    ['--tools A,B', 'allow these tools only'],
    ['--providers A,B', 'allow the tools of these providers only'],
    ['--agents A,B', 'allow to delegate to these agents; with --tools or --providers alone to none'],
    ...WHO,
    ['--json', 'one JSON document per event, and nothing else, on stdout'],
    ['--view all', 'with --json: every event, not only the documented view'],
    ['--replicas APP=N', 'how many of an app to run, where the stack is started'],
    ['--apply', 'start a running stack again where this call has other settings; else such a call is refused'],
    ...AZTM_HELP,
  ],
  up: [
    ['--detach, -d', 'return when everything is ready'],
    ['--apply', 'start a running stack again with the settings of this call (environment and .env), all of them;'],
    ['', 'without it a call whose settings differ names them, leaves the stack as it is, and exits with 78'],
    ['--tls', 'NATS, PostgreSQL and Redis over TLS alone, each service with a certificate; also SWITCHYARD_TLS=true'],
    ['--replicas APP=N', 'how many of an app to run, e.g. orchestrator=2; also SWITCHYARD_REPLICAS'],
    ...AZTM_HELP,
  ],
  status: [['--json', 'the content of .switchyard/status.json']],
  backup: [
    ['FILE or DIR', 'where to; default: a new file in .switchyard/backups. Nothing is overwritten'],
    ['--json', 'the manifest, size and checksum as one JSON document'],
  ],
  restore: [
    ['--to TIME', 'nothing later than this, e.g. 2027-01-31T12:00:00Z; needs the WAL archive'],
    ['--wal DIR', 'the WAL archive; default WAL_ARCHIVE_DIR. Without one the moment of the backup is restored'],
    ['--replace', 'put the data that is here aside, kept, and the backup in its place'],
    ['--rehearse', 'restore to a folder of its own, check, measure, remove; also beside a running stack'],
    ['--no-start', 'leave the stack stopped'],
    ['--wait SECONDS', 'how long to wait for runs that had not ended; default 60'],
    ['--json', 'what was found and done as one JSON document'],
  ],
  tail: [
    ['--event GLOB', 'only events whose name matches, e.g. "mcp.*.*" or "orchestrator.>"'],
    ...WHO,
    ['--json', 'one JSON document per event'],
  ],
  runs: [...WHO, ['--json', 'as the gateway answers']],
  cancel: WHO,
  budget: [...WHO, ['--json', 'as the gateway answers']],
  'dead-letters': [
    ['--user ID', 'the development identity; default TB_DEFAULT_USER_ID, else "dev"'],
    ['--role ROLE', 'default admin'],
    ['--json', 'as the gateway answers'],
  ],
  approve: [
    ['--deny', 'do not allow it; --text then tells the planner why'],
    ['--text TEXT', 'the answer to a question'],
    ['--arguments JSON', 'allow the call with these arguments instead'],
    ['--limit N', 'the new limit, where a run asks whether it may go on'],
    ...WHO,
    ['--json', 'as the gateway answers'],
  ],
  replay: [
    ['--file FILE', 'a journal in a file instead of a run: a list of events, or an object with it as "events"'],
    ['--save FILE', 'write the journal to a file as well'],
    ...WHO,
    ['--json', 'the verdict as JSON'],
  ],
  effects: [
    ['--state STATE', 'list only intent, dispatched, succeeded, failed or in_doubt'],
    ['--run ID', 'list only the effects of this run'],
    ['--succeeded', 'with settle: it happened'],
    ['--failed', 'with settle: it did not happen'],
    ['--note TEXT', 'with settle: how this is known; the audit log keeps it'],
    ...WHO,
    ['--json', 'as the gateway answers'],
  ],
  tools: [
    ['list', 'the tools that you may use; what ./switchyard tools does'],
    ['show NAME', 'one of them: its arguments, and how to call it'],
    ['call NAME [JSON]', 'call it with these arguments; the exit code is 1 where it fails'],
    ['explain [NAME]', 'who sees it, and which rule hides it; of every tool without a name'],
    ['test FILE', 'what is wrong with a YAML file of tools, by line; nothing is changed'],
    ['add FILE', 'register the tools of a file for your tenant'],
    ['add URL', 'what an MCP server wants, and which line of MCP_UPSTREAMS makes it one of yours'],
    ['remove NAME', 'take back one that was registered'],
    ['upstreams', 'the MCP servers behind us, and how they are doing'],
    ['quarantine', 'what of them waits: list, show, approve or reject UPSTREAM TOOL HASH'],
    ['', ''],
    ['--as ROLE:USER', 'what this user sees, e.g. --as user:u1; for admins'],
    ['--explain', 'every tool, with the rule that hides it'],
    ['--arguments JSON', 'with call: the same, said as an option'],
    ['--new', 'with quarantine approve UPSTREAM: all that is new there, where nothing else speaks against it'],
    ['--tools A,B', 'only these tools, as tool constraints of a run have it'],
    ['--providers A,B', 'only tools of these providers'],
    ['--agents A,B', 'with explain: only these agents'],
    ...WHO,
    ['--json', 'as the gateway answers'],
  ],
  demo: [
    ['--keep', 'leave both sides running at the end; ./switchyard down stops them'],
    ...WHO,
    ['--json', 'the outcome as one JSON document on stdout, and nothing else there'],
  ],
  doctor: [
    ['--only GROUP', 'machine, xmpp, peers, nats, postgres, redis, model, mcp or a2a'],
    ['--timeout SECONDS', 'how long one question, or one step of the AZTM login, may stay silent; default 5'],
    ['--json', 'one JSON document: version, verdict, sentence, checks'],
    ...HOW_TO_LOGIN,
  ],
  nats: [
    ['context', 'write a context of the stock client `nats` for this stack'],
    ['--login NAME', 'with context: watcher (default), operator, or watcher-NAME of NATS_WATCHERS'],
    ['ask SUBJECT [JSON]', 'ask on the bus, signed as a person; without a subject, those that there are'],
    ['--as NAME', 'with ask: who you are, for the audit log; default: your account on this machine'],
    ['--tenant ID --role ROLE', 'with ask: where, and as what; default: default and auditor'],
    ['keys', 'BUS_KEYS of each service for servers of your own'],
    ['--root FILE', 'with keys: the root secret; default: a new one, which is printed'],
    ['--generation ID', 'with keys: the id of these keys; default 1. To rotate, give services both'],
    ['--operator NAME', 'with keys: those of this operator'],
    ['login watcher-NAME', 'the user for nats-server of a watcher that hears --tenants A,B alone'],
  ],
  bench: [
    ['--seconds N', 'how long each concurrency is measured; default 5'],
    ['--tls', 'of restore: with the servers as up --tls starts them'],
    ['--profile', 'write a CPU profile of each service to bench/profiles'],
    ['--rounds N --only CASE', 'of tools: how many rounds, and the cases whose names begin so; default 7, all'],
    ['--requests N --seed N', 'of bridge-cuts: how many requests, and what decides the cuts; default 10000 and 7'],
    ['--json', 'numbers as JSON'],
  ],
  chaos: [
    ['--seed S', 'the plan of a round: the same seed plans the same runs and faults; default: a new one'],
    ['--runs N', 'how many runs in a round; default 300'],
    ['--rounds N', 'so many rounds, one after the other, each with a seed of its own; default 1'],
    ['--faults LIST', 'comma-separated names, "all" (default), "none", or "help" for the list of them'],
    ['--mutant NAME', 'take a guard out of the product, which the verdict must notice: nofence or noledger'],
    ['--lease-ms N', 'how long an orchestrator owns a run; default 3000'],
    ['--every-ms N', 'mean time between two runs; default 600'],
    ['--fault-every-ms N', 'mean time between two faults; default 2000'],
    ['--json', 'the report as JSON'],
  ],
  logs: [
    ['--follow, -f', 'go on as it grows'],
    ['--lines N, -n', 'how many lines; default 50'],
  ],
};

/** The help of one verb. */
export function verbHelp(name: string): string {
  const verb = VERBS.find((known) => known.name === name);
  if (!verb) throw new UserError(`There is no verb "${name}".`, EXIT.usage);
  const options = [...(OPTIONS_HELP[name as VerbName] ?? []), ['--help, -h', 'this'] as const];
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`.trimEnd());
  return `Usage: ./switchyard ${verb.usage}\n\n${verb.summary}\n\n${lines.join('\n')}`;
}

/** What was typed after a verb. Throws, with what is wrong, for an option that it does not have. */
export function parseVerb(name: VerbName, args: readonly string[]) {
  const options: Options = { ...VERB_OPTIONS[name], help: { type: 'boolean', short: 'h' } };
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
