// @ts-check
import { OTHERS } from './verbs/others.mjs';
import { RUNS } from './verbs/runs.mjs';
import { STACK } from './verbs/stack.mjs';
import { TOOLS } from './verbs/tools.mjs';

/*
 * The verbs of the one command. One record is all of a verb but what it does: the overview, its help, the parser, the
 * completion and the loader read it. Plain JavaScript, because `help` and a mistyped verb must be answered before anything
 * is installed or built; the built command reads the same list.
 */

/** In the order of the overview. @type {readonly import('./verbs.mjs').Verb[]} */
export const VERBS = [...STACK, ...RUNS, ...TOOLS, ...OTHERS];

const COLUMNS = 100;

/** Help about everything: each verb by its name, and what it does; how it is called is said by its own help. */
export function overview() {
  const margin = Math.max(...VERBS.map((verb) => verb.name.length)) + 4;
  const lines = VERBS.map((verb) => {
    const summary = wrapped(verb.summary, COLUMNS - margin);
    return `  ${verb.name.padEnd(margin - 2)}${summary.join(`\n${' '.repeat(margin)}`)}`;
  });
  return `Switchyard runs tasks by planning with a language model and acting through tools and other agents.

Usage: ./switchyard <verb> [options]

${lines.join('\n')}

./switchyard help <verb> says how one is called. Start with:  ./switchyard run "What is the weather in London, and what is 17% of 2340?"`;
}

/** The help of one verb. @param {import('./verbs.mjs').Verb} verb */
export function verbHelp({ usage, summary, options }) {
  const rows = [...options, ...HELP];
  const width = Math.max(...rows.map(([option]) => option.length));
  const lines = rows.map(([option, meaning]) => `  ${option.padEnd(width)}  ${meaning}`.trimEnd());
  return `Usage: ./switchyard ${usage}\n\n${summary}\n\n${lines.join('\n')}`;
}

/**
 * The options of a verb as node:util takes them, read from the rows of its help: `--name`, `--name VALUE`, `--name, -n`;
 * a row may name several. Rows that begin otherwise are words and remarks.
 * @param {import('./verbs.mjs').Verb} verb
 */
export function optionsOf({ options }) {
  /** @type {Record<string, import('./verbs.mjs').Option>} */
  const found = {};
  for (const [row] of [...options, ...HELP]) {
    const short = /, -([a-z])$/.exec(row)?.[1];
    for (const [, name = '', value] of row.matchAll(/--([a-z-]+)(?: (?!--)([^\s,]+))?/g))
      found[name] = { type: value === undefined ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) };
  }
  return found;
}

/** Of every verb. @type {import('./verbs.mjs').OptionRows} */
const HELP = [['--help, -h', 'this']];

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
