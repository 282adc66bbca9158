// @ts-check
import { AZTM, REPLICAS, WHO } from './shared.mjs';

/* Verbs that set up, start and keep a stack. */

/** @type {readonly import('../verbs.mjs').Verb[]} */
export const STACK = [
  {
    name: 'run',
    usage: 'run ["task"] [options]',
    summary:
      'Set up and start what is missing, run a task, show it live, print the answer. Without a task it is asked for, or read from standard input.',
    setUp: true,
    options: [
      ['--thread ID', 'continue a conversation'],
      ['--tools A,B', 'allow these tools only'],
      ['--providers A,B', 'allow the tools of these providers only'],
      ['--agents A,B', 'allow to delegate to these agents; with --tools or --providers alone to none'],
      ...WHO,
      ['--json', 'one JSON document per event, and nothing else, on stdout'],
      ['--view all', 'with --json: every event, not only the documented view'],
      ...REPLICAS,
      ['--apply', 'start a running stack again where this call has other settings; else such a call is refused'],
      ...AZTM,
    ],
    module: 'runs/verb-run',
  },
  {
    name: 'up',
    usage: 'up [--detach] [--apply] [--tls] [--aztm-userid JID] [options]',
    summary: 'Start everything that is not running. Without --detach, stay and report.',
    setUp: true,
    options: [
      ['--detach, -d', 'return when everything is ready'],
      ['--apply', 'start a running stack again with the settings of this call (environment and .env), all of them;'],
      ['', 'without it a call whose settings differ names them, leaves the stack as it is, and exits with 78'],
      ['--tls', 'NATS, PostgreSQL and Redis over TLS alone, each service with a certificate; also SWITCHYARD_TLS=true'],
      ['--replicas APP=N', 'how many of an app to run, e.g. orchestrator=2; also SWITCHYARD_REPLICAS'],
      ...AZTM,
    ],
    module: 'verbs/verb-stack',
  },
  {
    name: 'down',
    usage: 'down',
    summary: 'Stop everything that this clone started, and nothing else.',
    options: [],
    module: 'verbs/verb-stack',
  },
  {
    name: 'status',
    usage: 'status [--json]',
    summary: 'Show every process and what is ready.',
    options: [['--json', 'the content of .switchyard/status.json']],
    module: 'verbs/verb-stack',
  },
  {
    name: 'backup',
    usage: 'backup [FILE|DIR]',
    summary: 'Write everything that the running stack remembers to one verified file.',
    options: [
      ['FILE or DIR', 'where to; default: a new file in .switchyard/backups. Nothing is overwritten'],
      ['--json', 'the manifest, size and checksum as one JSON document'],
    ],
    module: 'backup/verb-backup',
  },
  {
    name: 'restore',
    usage: 'restore FILE [--to TIME] [--replace] [--rehearse]',
    summary: 'Bring this clone to what a backup, and the WAL archive after it, remember; or rehearse it.',
    setUp: true,
    options: [
      ['--to TIME', 'nothing later than this, e.g. 2027-01-31T12:00:00Z; needs the WAL archive'],
      ['--wal DIR', 'the WAL archive; default WAL_ARCHIVE_DIR. Without one the moment of the backup is restored'],
      ['--replace', 'put the data that is here aside, kept, and the backup in its place'],
      ['--rehearse', 'restore to a folder of its own, check, measure, remove; also beside a running stack'],
      ['--no-start', 'leave the stack stopped'],
      ['--wait SECONDS', 'how long to wait for runs that had not ended; default 60'],
      ['--json', 'what was found and done as one JSON document'],
    ],
    module: 'backup/verb-restore',
  },
  {
    name: 'test',
    usage: 'test [--unit] [--grep TEXT] [--seed N] [path ...]',
    summary: 'Install and build what is missing and run the tests.',
    setUp: true,
    options: [
      ['--unit', 'only the tests that need no server'],
      ['--grep TEXT', 'only the tests whose name contains TEXT (a regular expression)'],
      ['--seed N', 'what the property tests are asked: new questions each time, but where CI=true, always the same'],
      ['path ...', 'only the test files whose path contains this'],
    ],
  },
];
