/*
 * Decides which folders of the log tree are removed. Pure.
 *
 * - The folder of a running run is never removed, whatever the limits.
 * - By age: a folder is removed when its run ended longer ago than `keepMs`.
 * - By size: the oldest folders of ended runs are removed, until the rest fits into `maxBytes`.
 * - A run whose end is in neither the tree nor the audit log counts as running until nothing was written to its folder
 *   for longer than any question to a person stays open. The time of its last line then counts as its end.
 */
export interface FolderOfRun {
  readonly name: string;
  /** Milliseconds since 1970; undefined: not known to have ended. */
  readonly endedAt: number | undefined;
  /** The audit log says that the run has not ended. */
  readonly underWay?: boolean;
  readonly bytes: number;
  /** When something in it was written last. */
  readonly writtenAt: number;
}

export interface Limits {
  /** 0: no limit. */
  readonly keepMs: number;
  /** 0: no limit. */
  readonly maxBytes: number;
}

export interface Goes {
  readonly folder: FolderOfRun;
  readonly why: 'age' | 'size';
}

/** MAX_APPROVAL_SECONDS of the contracts, and a day. */
const FORGOTTEN_MS = 31 * 86_400_000;

/** `folders`: in the order of their runs' acceptance, the oldest first. */
export function whatGoes(folders: readonly FolderOfRun[], { keepMs, maxBytes }: Limits, now: number): Goes[] {
  const going: Goes[] = [];
  const left: FolderOfRun[] = [];
  let bytes = 0;
  for (const folder of folders) {
    const endedAt = endOf(folder, now);
    if (endedAt !== undefined && keepMs > 0 && now - endedAt > keepMs) {
      going.push({ folder, why: 'age' });
      continue;
    }
    bytes += folder.bytes;
    if (endedAt !== undefined) left.push(folder);
  }
  if (maxBytes === 0) return going;
  for (const folder of left) {
    if (bytes <= maxBytes) break;
    going.push({ folder, why: 'size' });
    bytes -= folder.bytes;
  }
  return going;
}

function endOf({ endedAt, underWay, writtenAt }: FolderOfRun, now: number): number | undefined {
  if (endedAt !== undefined) return endedAt;
  // A run that the audit log does not know counts as under way until FORGOTTEN_MS after its last line.
  return underWay === true || now - writtenAt <= FORGOTTEN_MS ? undefined : writtenAt;
}
