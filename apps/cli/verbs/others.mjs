// @ts-check

/* Verbs that measure and show. */

/** @type {readonly import('../verbs.mjs').Verb[]} */
export const OTHERS = [
  {
    name: 'bench',
    usage: 'bench [runs|bus|bridge|bridge-cuts|tools|recovery|resume|restore|chaos] [options]',
    summary: 'Measure this build on a private stack, beside what the machine itself gives.',
    setUp: true,
    options: [
      ['--seconds N', 'how long each concurrency is measured; default 5'],
      ['--tls', 'of restore: with the servers as up --tls starts them'],
      ['--profile', 'write a CPU profile of each service to bench/profiles'],
      ['--rounds N --only CASE', 'of tools: how many rounds, and the cases whose names begin so; default 7, all'],
      ['--requests N --seed N', 'of bridge-cuts: how many requests, and what decides the cuts; default 10000 and 7'],
      ['--json', 'numbers as JSON'],
    ],
    module: 'verbs/verb-bench',
  },
  {
    name: 'chaos',
    usage: 'chaos [options]',
    summary: 'Break a private stack on purpose while it works, and judge that nothing was lost or done twice.',
    setUp: true,
    options: [
      ['--seed S', 'the plan of a round: the same seed plans the same runs and faults; default: a new one'],
      ['--runs N', 'how many runs in a round; default 300'],
      ['--rounds N', 'so many rounds, one after the other, each with a seed of its own; default 1'],
      ['--faults LIST', 'comma-separated names, "all" (default), "none", or "help" for the list of them'],
      [
        '--mutant NAME',
        'take a guard out of the product, which the verdict must notice: nofence, noledger, lost, torn or disorder',
      ],
      ['--lease-ms N', 'how long an orchestrator owns a run; default 3000'],
      ['--every-ms N', 'mean time between two runs; default 600'],
      ['--fault-every-ms N', 'mean time between two faults; default 2000'],
      ['--json', 'the report as JSON'],
    ],
    module: 'verbs/verb-chaos',
  },
  {
    name: 'logs',
    usage: 'logs [service] [--follow]',
    summary: 'Show the log of a service.',
    options: [
      ['--follow, -f', 'go on as it grows'],
      ['--lines N, -n', 'how many lines; default 50'],
    ],
    module: 'verbs/verb-logs',
  },
  {
    name: 'completion',
    usage: 'completion bash|zsh',
    summary: 'Print a completion script for the shell.',
    words: ['bash', 'zsh'],
    options: [],
    module: 'command-line/verb-help',
  },
  {
    name: 'help',
    usage: 'help [verb]',
    summary: 'Show this, or the help of one verb.',
    options: [],
    module: 'command-line/verb-help',
  },
  {
    name: 'version',
    usage: 'version',
    summary: 'Show the version.',
    options: [],
    module: 'command-line/verb-help',
  },
];
