/*
 * Which folders of the log tree go. Pure.
 *  L1 Never one whose run is under way, whatever the limits.
 *  L2 By age: those whose run ended longer ago than `keepMs`.
 *  L3 By size: of those that have ended the oldest, until the rest fits into `maxBytes`.
 *  L4 A run that nobody knows any more (its end is in neither the tree nor the audit log) counts as under way until
 *     nothing was written for longer than any question to a person stays open; then its last line is its end.
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
  return underWay === true || now - writtenAt <= FORGOTTEN_MS ? undefined : writtenAt; // L1, L4
}
