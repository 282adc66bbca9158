// @ts-check

/*
 * Progress on stderr: one line when a long stage begins, one with its time when it ends. Stdout stays clean for
 * what a verb answers.
 */

const WIDTH = 11;

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * @param {string} name
 * @param {string} text
 * @param {number} [ms]
 */
export function progressLine(name, text, ms) {
  return `  ${name.padEnd(WIDTH)} ${ms === undefined ? text : `${text.padEnd(46)} ${seconds(ms).padStart(7)}`}`;
}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * Runs one stage and shows it.
 * @template T
 * @param {{name: string, doing: string, done: string}} stage
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function stage({ name, doing, done }, work) {
  say(progressLine(name, `${doing} ...`));
  const started = Date.now();
  const result = await work();
  say(progressLine(name, done, Date.now() - started));
  return result;
}
