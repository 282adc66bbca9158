// Where the time of a CPU profile goes: self time by package and by function. Usage: node bench/profile-summary.mjs FILE [N]
import { readFileSync } from 'node:fs';

const [file, count = '25'] = process.argv.slice(2);
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const byId = new Map(nodes.map((node) => [node.id, node]));
const byFunction = new Map();
const byPackage = new Map();
let busy = 0;
for (const [index, id] of samples.entries()) {
  const { functionName, url, lineNumber } = byId.get(id).callFrame;
  if (functionName === '(idle)') continue;
  const ms = timeDeltas[index] / 1_000;
  busy += ms;
  const place = url.replace(/^file:\/\//, '');
  const packageName =
    /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(place)?.[1] ??
    (place.startsWith('node:') ? place.split('/')[0] : /\/(?:apps|libs)\/([^/]+)\//.exec(place)?.[1]) ??
    functionName;
  byPackage.set(packageName, (byPackage.get(packageName) ?? 0) + ms);
  const name = `${functionName || '(anonymous)'} ${place.split('/').slice(-3).join('/')}:${lineNumber + 1}`;
  byFunction.set(name, (byFunction.get(name) ?? 0) + ms);
}
const top = (map) => [...map].sort((a, b) => b[1] - a[1]).slice(0, Number(count));
console.log(`busy ${Math.round(busy)} ms`);
for (const map of [byPackage, byFunction]) {
  for (const [name, ms] of top(map)) console.log(`${((ms / busy) * 100).toFixed(1).padStart(6)} %  ${name}`);
  console.log();
}
