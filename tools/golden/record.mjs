// Records the golden journals of this version: real runs over real servers, one file each.
//
//   npm run build && node tools/golden/record.mjs [name ...]
//
// Writes libs/run/golden/v<engine version>/<name>.json where no such file is. A file that is there is never written
// again: it shows what a released version has decided, and every later version must decide the same.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENGINE_VERSION } from '../../libs/contracts/dist/index.js';
import { replay } from '../../libs/run/dist/index.js';
import { Recorder } from './recorder.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { inOneProcess, inProcesses } from './systems.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = join(root, 'libs/run/golden', `v${ENGINE_VERSION}`);

const wanted = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
let failed = 0;
/** The system of every scenario that asks for nothing of its own. */
let shared;
for (const { name, shows, system: options, processes = false, play } of SCENARIOS) {
  const file = join(folder, `${name}.json`);
  if (wanted.length > 0 ? !wanted.includes(name) : existsSync(file)) continue;
  if (existsSync(file)) throw new Error(`${file} is there already; a golden journal is never written again`);
  const plain = !processes && options === undefined;
  if (plain) shared ??= await inOneProcess({});
  const system = plain ? shared : await (processes ? inProcesses() : inOneProcess(options ?? {}));
  try {
    await system.setScript({ rules: [] });
    const recorder = new Recorder(system);
    const events = await recorder.journal(await play(recorder));
    const { difference } = replay(events);
    if (difference) {
      failed += 1;
      console.error(`${name}: today's code differs at ${difference.seq}: ${difference.why}`);
      if (process.env['KEEP']) writeFileSync(`${process.env['KEEP']}/${name}.json`, JSON.stringify({ events }));
      continue;
    }
    writeFileSync(file, `${JSON.stringify({ shows, events }, null, 1)}\n`);
    const end = events.at(-1)?.data;
    console.log(`${name}: ${events.length} events, ${end?.status} ${end?.completion_reason} ${end?.error_code ?? ''}`);
  } finally {
    if (!plain) await system.stop();
  }
}
await shared?.stop();
process.exit(failed === 0 ? 0 : 1);
