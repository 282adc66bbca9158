// What processes have used, read from /proc.
import { readdirSync, readFileSync } from 'node:fs';

const MS_PER_TICK = 10;

/** Parent, and CPU time with that of children that have ended, in ms; undefined where the process is gone. */
function read(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0);
    return { parent: Number(fields[1]), ms: ticks * MS_PER_TICK };
  } catch {
    return undefined;
  }
}

/** CPU time that a process and all its children have used so far, in ms: PostgreSQL is one for each connection. */
export function cpuMs(pid) {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    const seen = /^\d+$/.test(name) ? read(name) : undefined;
    if (seen) all.set(Number(name), seen);
  }
  const tree = new Set([pid]);
  for (let size = 0; size < tree.size;) {
    size = tree.size;
    for (const [child, { parent }] of all) if (tree.has(parent)) tree.add(child);
  }
  return [...tree].reduce((sum, each) => sum + (all.get(each)?.ms ?? 0), 0);
}

/** Resident memory of a process, in MB. */
export function rssMb(pid) {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return match ? Math.round(Number(match[1]) / 1024) : 0;
}
