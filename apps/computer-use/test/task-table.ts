import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MISSING, TASKS } from './tasks.ts';

export interface TaskResult {
  readonly number: number;
  readonly name: string;
  readonly seed: number;
  readonly faults: readonly string[];
}

const FILE = join(import.meta.dirname, '../../../docs/computer-use-tasks.md');

/** Writes the table of the tasks: what was tried with which end, and what is not tried and why. */
export function writeTaskTable(results: readonly TaskResult[]): void {
  const tried = TASKS.map(({ number, name }) => {
    const ends = results.filter((each) => each.number === number);
    const good = ends.filter(({ faults }) => faults.length === 0).length;
    const faults = [...new Set(ends.flatMap((each) => each.faults))].join('; ');
    return { number, line: `| ${number} | ${name} | ${good} of ${ends.length} | ${faults} |` };
  });
  const missing = MISSING.map(({ number, name, needs }) => ({
    number,
    line: `| ${number} | ${name} | – | needs ${needs} |`,
  }));
  const lines = [...tried, ...missing].sort((a, b) => a.number - b.number).map(({ line }) => line);
  writeFileSync(
    FILE,
    `# Tasks on a screen

Written by \`WRITE_TASK_TABLE=1 npm test -- seeing\` in \`apps/computer-use\`; do not edit. Each task is done on a real
display by the stand-in model, which gets the image of the screen and the words of the task and nothing else. Places, colours
and words come from three seeds that it does not know. The evaluator reads the state of the application afterwards, never the
answer, but for the task that cannot be done. Seven lies about the screen (blank, old, shifted, scaled, red and blue swapped;
no press; x and y swapped) each make the tasks fail.

| | task | as it should be | |
| --- | --- | --- | --- |
${lines.join('\n')}
`,
  );
}
