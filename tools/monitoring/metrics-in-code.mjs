// @ts-check
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The metrics that the code registers: read from the sources, since no process has those of all services.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @typedef {{name: string, kind: 'counter' | 'gauge' | 'histogram', labels: string[], files: string[]}} Metric */

/** What Node.js processes show by themselves (prom-client); labels as far as rules and dashboards use them. */
export const PROCESS_METRICS = [
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_heap_size_used_bytes',
];

/** @param {string} folder @returns {string[]} */
function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'dist', 'generated'].includes(entry.name) ? [] : sources(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

const REGISTERED = /[mM]etrics\??\s*\.(counter|gauge|histogram)\(\s*(?:'([a-z0-9_]+)'|`([a-z0-9_]+)\$\{direction\}`)/g;

/**
 * The labels of a registration: the first list of words after its name, before the call ends or the next begins.
 * @param {string} text what follows the name
 */
function labelsAfter(text) {
  const end = text.search(/\.(?:counter|gauge|histogram|inc|observe|set)\(/);
  const found = /,\s*\[((?:\s*'[a-z_]+',?)*)\s*\]/.exec(end === -1 ? text : text.slice(0, end));
  return [...(found?.[1] ?? '').matchAll(/'([a-z_]+)'/g)].map((match) => /** @type {string} */ (match[1]));
}

/** Every metric that a source file registers, by name. */
export function metricsInCode(root = ROOT) {
  /** @type {Map<string, Metric>} */
  const metrics = new Map();
  const folders = ['apps', 'libs'].flatMap((kind) =>
    readdirSync(join(root, kind)).map((project) => join(root, kind, project, 'src')),
  );
  for (const file of folders.flatMap(sources)) {
    if (file.includes(join('apps', 'e2e'))) continue;
    const text = readFileSync(file, 'utf8');
    for (const { 0: all, 1: kind, 2: plain, 3: prefix, index } of text.matchAll(REGISTERED)) {
      const named = plain === undefined ? [`${prefix}in`, `${prefix}out`] : [plain];
      const after = text.slice(index + all.length, index + all.length + 500);
      for (const name of named) {
        const known = metrics.get(name);
        const labels = /const labels = \[([^\]]*)\]/.exec(text);
        const own =
          /, labels\)/.test(after.slice(0, 120)) && labels ? labelsAfter(`, [${labels[1]}]`) : labelsAfter(after);
        metrics.set(name, {
          name,
          kind: /** @type {Metric['kind']} */ (kind),
          labels: own,
          files: [...(known?.files ?? []), file.slice(root.length)],
        });
      }
    }
  }
  return metrics;
}
