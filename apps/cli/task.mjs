// @ts-check
import { createInterface } from 'node:readline/promises';

/*
 * The task of a `run` that names none: asked for at a terminal, read from what is piped in elsewhere. Plain JavaScript,
 * because it is asked before anything is installed or built.
 */

export const NO_TASK = 'What is the task? ./switchyard run "What is the weather in London?"';
const MAX_BYTES = 256 * 1024;

/**
 * Empty: nobody said one.
 * @param {import('./task.mjs').TaskInput} [input]
 * @param {NodeJS.WritableStream} [output]
 * @returns {Promise<string>}
 */
export async function askForTask(input = process.stdin, output = process.stderr) {
  if (input.isTTY) {
    const lines = createInterface({
      input: /** @type {NodeJS.ReadableStream} */ (/** @type {unknown} */ (input)),
      output,
    });
    try {
      // The end of the input (Ctrl-D) is no task; the question would wait for ever.
      const gone = new Promise((resolve) => lines.once('close', () => resolve('')));
      return String(await Promise.race([lines.question('What is to be done? '), gone])).trim();
    } finally {
      lines.close();
    }
  }
  /** @type {Buffer[]} */
  const chunks = [];
  let length = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_BYTES) throw new Error(`The task on standard input is longer than ${MAX_BYTES} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}
