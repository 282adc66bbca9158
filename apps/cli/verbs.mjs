// @ts-check

/*
 * The verbs of the one command, as data. Plain JavaScript, because `help` and a mistyped verb must be answered
 * before anything is installed or built; the built command reads the same list.
 */

/** @type {readonly import('./verbs.mjs').Verb[]} */
export const VERBS = [
  {
    name: 'run',
    usage: 'run ["task"] [options]',
    summary:
      'Set up and start what is missing, run a task, show it live, print the answer. Without a task it is asked for, or read from standard input.',
    setUp: true,
  },
  {
    name: 'up',
    usage: 'up [--detach] [--apply] [--tls] [--aztm-userid JID] [options]',
    summary: 'Start everything that is not running. Without --detach, stay and report.',
    setUp: true,
  },
  { name: 'down', usage: 'down', summary: 'Stop everything that this clone started, and nothing else.' },
  { name: 'status', usage: 'status [--json]', summary: 'Show every process and what is ready.' },
  {
    name: 'backup',
    usage: 'backup [FILE|DIR]',
    summary: 'Write everything that the running stack remembers to one verified file.',
  },
  {
    name: 'restore',
    usage: 'restore FILE [--to TIME] [--replace] [--rehearse]',
    summary: 'Bring this clone to what a backup, and the WAL archive after it, remember; or rehearse it.',
    setUp: true,
  },
  {
    name: 'test',
    usage: 'test [--unit] [--grep TEXT] [--seed N] [path ...]',
    summary: 'Install and build what is missing and run the tests.',
    setUp: true,
  },
  { name: 'tail', usage: 'tail [runId] [--event GLOB]', summary: 'Follow the events of one run, or of every new run.' },
  { name: 'runs', usage: 'runs', summary: 'List the latest runs.' },
  { name: 'cancel', usage: 'cancel <runId>', summary: 'Ask a run to stop.' },
  {
    name: 'approve',
    usage: 'approve [runId [approvalId]] [options]',
    summary: 'Answer a question that a run waits for; without ids, list the runs that wait.',
  },
  {
    name: 'replay',
    usage: 'replay <runId> | --file journal.json',
    summary:
      'Say whether the code of this clone takes the decisions that are recorded of a run; exit code 1 where not.',
  },
  {
    name: 'budget',
    usage: 'budget',
    summary: 'What you, and with --role admin your tenant, used today of the limits by day.',
  },
  {
    name: 'dead-letters',
    usage: 'dead-letters [requeue <runId>]',
    summary: 'List the runs that were given up, or start one once more.',
    words: ['requeue'],
  },
  {
    name: 'effects',
    usage: 'effects [settle <effectId> --succeeded|--failed --note TEXT]',
    summary: 'List what tools did to the world, or say what became of an effect in doubt.',
    words: ['settle'],
  },
  {
    name: 'tools',
    usage:
      'tools [list | show|call|explain|remove <name> | test <file.yaml> | add <file.yaml>|<url> | quarantine … | upstreams] [options]',
    summary:
      'List, show and call tools, say who sees which and why, register those of your tenant; judge what MCP servers behind us offer.',
    words: ['list', 'show', 'call', 'explain', 'test', 'add', 'remove', 'quarantine', 'upstreams'],
  },
  {
    name: 'doctor',
    usage: 'doctor [--only GROUP] [--json]',
    summary:
      'Check this machine, the AZTM login, the running stack, the model, MCP servers and agents; exit code 2 for a finding, 78 for the configuration.',
  },
  {
    name: 'demo',
    usage: 'demo federation ["task"] [--keep]',
    summary: 'Start a second organisation and run a task across to its agent over XMPP, showing both ends.',
    words: ['federation'],
    setUp: true,
  },
  {
    name: 'nats',
    usage: 'nats context | ask <subject> [JSON] | keys | login watcher-NAME --tenants A,B',
    summary:
      'Connect the stock NATS client, ask on the bus as an operator, make keys and logins for servers of your own.',
    words: ['context', 'ask', 'keys', 'login'],
  },
  { name: 'audit', usage: 'audit verify', summary: 'Prove that the audit log is whole.', later: true },
  {
    name: 'bench',
    usage: 'bench [runs|bus|bridge|bridge-cuts|tools|recovery|resume|restore|chaos] [options]',
    summary: 'Measure this build on a private stack, beside what the machine itself gives.',
    setUp: true,
  },
  {
    name: 'chaos',
    usage: 'chaos [options]',
    summary: 'Break a private stack on purpose while it works, and judge that nothing was lost or done twice.',
    setUp: true,
  },
  { name: 'logs', usage: 'logs [service] [--follow]', summary: 'Show the log of a service.' },
  {
    name: 'completion',
    usage: 'completion bash|zsh',
    summary: 'Print a completion script for the shell.',
    words: ['bash', 'zsh'],
  },
  { name: 'help', usage: 'help [verb]', summary: 'Show this, or the help of one verb.' },
  { name: 'version', usage: 'version', summary: 'Show the version.' },
];

const COLUMNS = 100;

/** Help about everything: each verb by its name, and what it does; how it is called is said by its own help. */
export function overview() {
  const margin = Math.max(...VERBS.map((verb) => verb.name.length)) + 4;
  const lines = VERBS.map((verb) => {
    const summary = wrapped(`${verb.summary}${verb.later ? ' (comes later)' : ''}`, COLUMNS - margin);
    return `  ${verb.name.padEnd(margin - 2)}${summary.join(`\n${' '.repeat(margin)}`)}`;
  });
  return `Switchyard runs tasks by planning with a language model and acting through tools and other agents.

Usage: ./switchyard <verb> [options]

${lines.join('\n')}

./switchyard help <verb> says how one is called. Start with:  ./switchyard run "What is the weather in London, and what is 17% of 2340?"`;
}

/**
 * @param {string} text
 * @param {number} width
 */
function wrapped(text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * The number of single-letter changes between two words; two neighbours that changed places count as one.
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  /** @type {number[][]} */
  const d = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 1; j <= b.length; j++) /** @type {number[]} */ (d[0])[j] = j;
  /** @param {number} i @param {number} j */
  const at = (i, j) => d[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      /** @type {number[]} */ (d[i])[j] = best;
    }
  }
  return at(a.length, b.length);
}

/**
 * The word of `known` that was most likely meant, or undefined where none is near.
 * @param {string} word
 * @param {readonly string[]} known
 */
export function suggestion(word, known) {
  const ranked = known
    .map((name) => ({ name, steps: name.startsWith(word) && word.length > 1 ? 0 : distance(word, name) }))
    .sort((a, b) => a.steps - b.steps);
  const best = ranked[0];
  return best && best.steps <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/**
 * What to say about a verb that there is not.
 * @param {string} word
 */
export function unknownVerb(word) {
  const meant = suggestion(
    word,
    VERBS.map((verb) => verb.name),
  );
  return `There is no verb "${word}".${meant ? ` Did you mean "${meant}"?` : ''} See ./switchyard help.`;
}
