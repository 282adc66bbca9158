// @ts-check
import { LOGIN, REPLICAS, WHO } from './shared.mjs';

/* Verbs about tools, and about what is around the stack. */

/** @type {readonly import('../verbs.mjs').Verb[]} */
export const TOOLS = [
  {
    name: 'tools',
    usage:
      'tools [list | show|call|explain|remove <name> | test <file.yaml> | add <file.yaml>|<url> | quarantine … | upstreams] [options]',
    summary:
      'List, show and call tools, say who sees which and why, register those of your tenant; judge what MCP servers behind us offer.',
    words: ['list', 'show', 'call', 'explain', 'test', 'add', 'remove', 'quarantine', 'upstreams'],
    options: [
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
    module: 'tools/verb-tools',
  },
  {
    name: 'agents',
    usage: 'agents [list | show <agent> | card <agent|url> | call <agent|url> "task" | quarantine] [options]',
    summary:
      'List the agents that tasks are delegated to, check cards and their signatures, and call an agent by hand.',
    words: ['list', 'show', 'card', 'call', 'quarantine'],
    options: [
      ['list', 'the agents of A2A_AGENTS, and how they are doing; what ./switchyard agents does'],
      ['show AGENT', 'one of them: its skills, its card, and how that is trusted'],
      ['card AGENT|URL', 'the card of an agent, by its name or its base address'],
      [
        'call AGENT|URL "task"',
        'one message from this machine, and its answer as it comes; 1 where it does not complete',
      ],
      ['quarantine', 'agents that nothing is sent to because of their cards, why, and what would approve them'],
      ['', ''],
      [
        '--verify',
        'with card: what each check finds in place of the card; the exit code is 1 where it is not verified',
      ],
      [
        '--key FILE',
        'with --verify: trust these keys alone (a JWK or a JWKS document), not those that its host publishes',
      ],
      ['--as NAME', 'who you are, for the audit log; default: your account on this machine'],
      ['--json', 'the same as JSON'],
    ],
    module: 'agents/verb-agents',
  },
  {
    name: 'doctor',
    usage: 'doctor [--only GROUP] [--json]',
    summary:
      'Check this machine, the AZTM login, the running stack, the model, MCP servers and agents; exit code 2 for a finding, 78 for the configuration.',
    options: [
      ['--only GROUP', 'machine, xmpp, peers, nats, postgres, redis, model, mcp or a2a'],
      ['--timeout SECONDS', 'how long one question, or one step of the AZTM login, may stay silent; default 5'],
      ['--json', 'one JSON document: version, verdict, sentence, checks'],
      ...LOGIN,
    ],
    module: 'doctor/verb-doctor',
  },
  {
    name: 'demo',
    usage: 'demo federation ["task"] [--keep]',
    summary: 'Start a second organisation and run a task across to its agent over XMPP, showing both ends.',
    words: ['federation'],
    setUp: true,
    options: [
      ['--keep', 'leave both sides running at the end; ./switchyard down stops them'],
      ...REPLICAS,
      ...WHO,
      ['--json', 'the outcome as one JSON document on stdout, and nothing else there'],
    ],
    module: 'verbs/verb-demo',
  },
  {
    name: 'nats',
    usage: 'nats context | ask <subject> [JSON] | keys | login watcher-NAME --tenants A,B',
    summary:
      'Connect the stock NATS client, ask on the bus as an operator, make keys and logins for servers of your own.',
    words: ['context', 'ask', 'keys', 'login'],
    options: [
      ['context', 'write a context of the stock client `nats` for this stack'],
      ['--login NAME', 'with context: watcher (default), operator, or watcher-NAME of NATS_WATCHERS'],
      ['ask SUBJECT [JSON]', 'ask on the bus, signed as a person; without a subject, those that there are'],
      ['--as NAME', 'with ask: who you are, for the audit log; default: your account on this machine'],
      ['--tenant ID --role ROLE', 'with ask: where, and as what; default: default and auditor'],
      ['keys', 'BUS_KEYS of each service for servers of your own'],
      ['--root FILE', 'with keys: the root secret; default: a new one, which is printed'],
      ['--generation ID', 'with keys: the id of these keys; default 1. To rotate, give services both'],
      ['--operator NAME', 'with keys: those of this operator'],
      ['login watcher-NAME', 'the user for nats-server of a watcher that hears some tenants alone'],
      ['--tenants A,B', 'with login: which'],
    ],
    module: 'verbs/verb-nats',
  },
];
