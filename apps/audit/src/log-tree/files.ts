import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * The files of one agent's folder.
 *  - A file that would grow beyond its limit is put aside under the next number (main.1.jsonl is the oldest). The newest
 *    KEPT_PARTS of these parts stay, so the size of a folder is bounded, whatever is written.
 *  - Only the account of the service may read and write the folders and files.
 */
const FILE = 'main.jsonl';
const PART = /^main\.(\d{1,9})\.jsonl$/;
const KEPT_PARTS = 3;
const PRIVATE_FOLDER = { recursive: true, mode: 0o700 };
const PRIVATE_FILE = { mode: 0o600 };

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, PRIVATE_FOLDER);
}

/** Makes a folder inside of `root`. Throws ENOENT where `root` is not there (any more). */
export async function makeFolderIn(root: string, path: string): Promise<void> {
  await stat(root);
  await makeFolder(join(root, path));
}

/** False where it is there already. */
export async function createFile(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { ...PRIVATE_FILE, flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** A reader sees the old file or the new one, never a half. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, PRIVATE_FILE);
  await rename(`${path}.new`, path);
}

/** Adds lines to the file of a folder; first puts aside a file that would grow too large. Throws ENOENT without a folder. */
export async function appendLines(folder: string, lines: string, maxBytes: number): Promise<void> {
  const path = join(folder, FILE);
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > 0 && size + Buffer.byteLength(lines) > maxBytes) await putAside(folder);
  await appendFile(path, lines, PRIVATE_FILE);
}

/** What is written of a folder: the numbers of the events, and up to which number all of them count as written. */
export interface Written {
  readonly seqs: Set<number>;
  readonly upTo: number;
}

/** Reads the numbers of the events in a folder; a line that a crash cut off counts as absent. */
export async function readSeqs(folder: string): Promise<Written> {
  const parts = await partsOf(folder);
  const seqs = new Set<number>();
  for (const name of [...parts.map((n) => `main.${n}.jsonl`), FILE]) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      try {
        if (line !== '') seqs.add((JSON.parse(line) as { seq: number }).seq);
      } catch {
        continue;
      }
    }
  }
  // What came before the oldest part that is kept was written and has gone.
  const gone = (parts[0] ?? 1) > 1 && seqs.size > 0;
  return { seqs, upTo: gone ? [...seqs].reduce((least, seq) => Math.min(least, seq)) : 0 };
}

export function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

async function putAside(folder: string): Promise<void> {
  const parts = await partsOf(folder);
  const next = (parts.at(-1) ?? 0) + 1;
  await rename(join(folder, FILE), join(folder, `main.${next}.jsonl`));
  for (const n of parts) if (n <= next - KEPT_PARTS) await rm(join(folder, `main.${n}.jsonl`), { force: true });
}

/** The numbers of the parts that were put aside, the oldest first. */
async function partsOf(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => PART.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}
