// The long round: 300 runs with faults, three times with seeds of its own, then the mutants, which must be caught.
// Usage: ./switchyard bench chaos [--json]; about a quarter of an hour. One round: ./switchyard chaos.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = join(dirname(dirname(fileURLToPath(import.meta.url))), 'apps/e2e/dist/chaos/main.js');
const json = process.argv.includes('--json') ? ['--json'] : [];
const seed = Date.now().toString(36);

function play(...options) {
  const child = spawn(process.execPath, [PROGRAM, ...options, ...json], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

let wrong = (await play('--seed', seed, '--runs', '300', '--rounds', '3')) !== 0;
// What strikes where the guard is missing: an owner that stands still for longer than its lease, a call that comes twice.
for (const [mutant, faults] of [
  ['nofence', 'pause'],
  ['noledger', 'kill,point,replies'],
  ['lost', 'pause'],
  ['torn', 'pause'],
  ['disorder', 'pause'],
]) {
  const dense = ['--runs', '100', '--every-ms', '330', '--fault-every-ms', '500'];
  const options = ['--seed', seed, '--mutant', mutant, '--faults', faults, ...dense];
  if ((await play(...options)) === 1) continue;
  console.error(`the verdict did not notice the mutant ${mutant}`);
  wrong = true;
}
process.exit(wrong ? 1 : 0);
