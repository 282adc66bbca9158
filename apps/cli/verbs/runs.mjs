// @ts-check
import { WHO } from './shared.mjs';

/* Verbs that show and steer runs. */

/** @type {readonly import('../verbs.mjs').Verb[]} */
export const RUNS = [
  {
    name: 'tail',
    usage: 'tail [runId] [--event GLOB]',
    summary: 'Follow the events of one run, or of every new run.',
    options: [
      ['--event GLOB', 'only events whose name matches, e.g. "mcp.*.*" or "orchestrator.>"'],
      ...WHO,
      ['--json', 'one JSON document per event'],
    ],
    module: 'runs/verb-runs',
  },
  {
    name: 'runs',
    usage: 'runs',
    summary: 'List the latest runs.',
    options: [...WHO, ['--json', 'as the gateway answers']],
    module: 'runs/verb-runs',
  },
  {
    name: 'cancel',
    usage: 'cancel <runId>',
    summary: 'Ask a run to stop.',
    options: WHO,
    module: 'runs/verb-runs',
  },
  {
    name: 'approve',
    usage: 'approve [runId [approvalId]] [options]',
    summary: 'Answer a question that a run waits for; without ids, list the runs that wait.',
    options: [
      ['--deny', 'do not allow it; --text then tells the planner why'],
      ['--text TEXT', 'the answer to a question'],
      ['--arguments JSON', 'allow the call with these arguments instead'],
      ['--limit N', 'the new limit, where a run asks whether it may go on'],
      ...WHO,
      ['--json', 'as the gateway answers'],
    ],
    module: 'runs/verb-approve',
  },
  {
    name: 'replay',
    usage: 'replay <runId> | --file journal.json',
    summary:
      'Say whether the code of this clone takes the decisions that are recorded of a run; exit code 1 where not.',
    options: [
      ['--file FILE', 'a journal in a file instead of a run: a list of events, or an object with it as "events"'],
      ['--save FILE', 'write the journal to a file as well'],
      ...WHO,
      ['--json', 'the verdict as JSON'],
    ],
    module: 'runs/verb-replay',
  },
  {
    name: 'budget',
    usage: 'budget',
    summary: 'What you, and with --role admin your tenant, used today of the limits by day.',
    options: [...WHO, ['--json', 'as the gateway answers']],
    module: 'runs/verb-budget',
  },
  {
    name: 'dead-letters',
    usage: 'dead-letters [requeue <runId>]',
    summary: 'List the runs that were given up, or start one once more.',
    words: ['requeue'],
    options: [
      ['--user ID', 'the development identity; default TB_DEFAULT_USER_ID, else "dev"'],
      ['--role ROLE', 'default admin'],
      ['--json', 'as the gateway answers'],
    ],
    module: 'runs/verb-dead-letters',
  },
  {
    name: 'effects',
    usage: 'effects [settle <effectId> --succeeded|--failed --note TEXT]',
    summary: 'List what tools did to the world, or say what became of an effect in doubt.',
    words: ['settle'],
    options: [
      ['--state STATE', 'list only intent, dispatched, succeeded, failed or in_doubt'],
      ['--run ID', 'list only the effects of this run'],
      ['--succeeded', 'with settle: it happened'],
      ['--failed', 'with settle: it did not happen'],
      ['--note TEXT', 'with settle: how this is known; the audit log keeps it'],
      ...WHO,
      ['--json', 'as the gateway answers'],
    ],
    module: 'runs/verb-effects',
  },
];
