import { readdirSync, readFileSync, statSync } from 'node:fs';

/*
 * Which process is meant. A pid is used again after its process ended, so a process is named by its pid and its start
 * time; who is not both is somebody else and is left alone.
 */

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot, as the kernel tells them. */
  readonly startTime: string;
}

/** The start time of a living process; undefined where it is gone or a zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command stands in parentheses and may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function processId(pid: number): ProcessId | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive({ pid, startTime }: ProcessId): boolean {
  return startTimeOf(pid) === startTime;
}

/** Kills the process and its group, if it still is the one that is meant. True where a signal was sent. */
export function killProcess(process_: ProcessId): boolean {
  if (!isAlive(process_)) return false;
  // Each program of a session leads a group; one that was moved to another group dies alone.
  for (const target of [-process_.pid, process_.pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It ended between the look and the signal.
    }
  }
  return true;
}

/** The living processes of an account. */
export function processesOf(uid: number): ProcessId[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (statSync(`/proc/${name}`).uid !== uid) return [];
      } catch {
        return [];
      }
      const found = processId(Number(name));
      return found ? [found] : [];
    });
}

/** The id of the present boot: after another boot no pid means anything any more. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
