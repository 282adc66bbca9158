import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/*
 * The files of one agent's folder. Every call blocks its thread: only the thread of the disk makes them (disk-thread.ts).
 *  - A file that would grow beyond its limit is put aside under the next number (main.1.jsonl is the oldest). The newest
 *    KEPT_PARTS of these parts stay, so the size of a folder is bounded, whatever is written.
 *  - Only the account of the service may read and write the folders and files.
 */
const FILE = 'main.jsonl';
const PART = /^main\.(\d{1,9})\.jsonl$/;
const KEPT_PARTS = 3;
const PRIVATE_FOLDER = { recursive: true, mode: 0o700 };
const PRIVATE_FILE = { mode: 0o600 };

export function makeFolder(path: string): void {
  mkdirSync(path, PRIVATE_FOLDER);
}

/** Makes a folder in one that exists; false if it exists already. Throws ENOENT if its parent does not (any more). */
export function makeFolderIn(parent: string, name: string): boolean {
  try {
    mkdirSync(join(parent, name), { mode: 0o700 });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** False if it exists already. */
export function createFile(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { ...PRIVATE_FILE, flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Writes a short text over the one in a file, by one call; what the old one had more becomes spaces. Throws ENOENT without a
 * file. Nothing is renamed over it: some file systems pay for each removed file whenever they make one (ADR 60).
 */
export function overwriteFile(path: string, text: string): void {
  const file = openSync(path, 'r+');
  try {
    const body = text.trimEnd();
    const end = text.slice(body.length);
    const missing = fstatSync(file).size - Buffer.byteLength(text);
    writeSync(file, `${body}${' '.repeat(Math.max(0, missing))}${end}`, 0);
  } finally {
    closeSync(file);
  }
}

/** Undefined where it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** How large the file of a folder is; 0 where there is none. */
export function sizeOf(folder: string): number {
  return statSync(join(folder, FILE), { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Adds lines to the file of a folder; first puts aside a file that would grow too large. Throws ENOENT without a
 * folder. `size` is the caller's knowledge of the file's size; returns the size afterwards. If another replica added to
 * the file meanwhile, it exceeds its limit by that part.
 */
export function appendLines(
  folder: string,
  lines: string,
  { size, maxBytes }: { size: number; maxBytes: number },
): number {
  const bytes = Buffer.byteLength(lines);
  const isFull = size > 0 && size + bytes > maxBytes;
  if (isFull) putAside(folder);
  appendFileSync(join(folder, FILE), lines, PRIVATE_FILE);
  return isFull ? bytes : size + bytes;
}

/** The events in a folder: their numbers, and up to which number all count as written. */
export interface Written {
  readonly seqs: Set<number>;
  readonly upTo: number;
}

/** Reads the numbers of the events in a folder; a line that a crash cut off counts as absent. */
export function readSeqs(folder: string): Written {
  const parts = partsOf(folder);
  const seqs = new Set<number>();
  for (const name of [...parts.map((n) => `main.${n}.jsonl`), FILE]) {
    for (const line of (readText(join(folder, name)) ?? '').split('\n')) {
      try {
        if (line !== '') seqs.add((JSON.parse(line) as { seq: number }).seq);
      } catch {
        continue;
      }
    }
  }
  // Events before the oldest kept part were written and removed.
  const gone = (parts[0] ?? 1) > 1 && seqs.size > 0;
  return { seqs, upTo: gone ? [...seqs].reduce((least, seq) => Math.min(least, seq)) : 0 };
}

export function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function putAside(folder: string): void {
  const parts = partsOf(folder);
  const next = (parts.at(-1) ?? 0) + 1;
  renameSync(join(folder, FILE), join(folder, `main.${next}.jsonl`));
  for (const n of parts) if (n <= next - KEPT_PARTS) rmSync(join(folder, `main.${n}.jsonl`), { force: true });
}

/** The numbers of the parts that were put aside, the oldest first. */
function partsOf(folder: string): number[] {
  return namesIn(folder)
    .flatMap((name) => PART.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
