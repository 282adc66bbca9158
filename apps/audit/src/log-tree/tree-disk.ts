import { dirname, join } from 'node:path';
import {
  appendLines,
  createFile,
  isCode,
  makeFolder,
  makeFolderIn,
  readSeqs,
  readText,
  overwriteFile,
  sizeOf,
} from './files.ts';
import { METADATA_FILE, parseMetadata } from './metadata.ts';

/*
 * Puts the lines of runs into the folders of the tree. Every call blocks its thread (disk-thread.ts is that thread).
 *  - The same run always has the same folder: the first of its names that no other run has.
 *  - A line that its folder already holds is not written again, also after a restart: the numbers of the payloads tell.
 *  - The payloads follow the lines, so a payload tells a later writer that its line is there.
 *  - A folder that the pruner removed meanwhile is made anew.
 *  - A run whose whole life is in one batch has its last metadata.json from the start: it is written once.
 */

/** One event: its line, and its whole payload. Both end with a line break. */
export interface Line {
  readonly seq: number;
  readonly line: string;
  readonly raw: string;
}

/** Some lines of one run. */
export interface RunLines {
  readonly runId: string;
  /** The names that its folder may have, in the order in which they are tried. */
  readonly names: readonly string[];
  /** The text of its metadata.json while it is under way. */
  readonly metadata: string;
  /** The text of its metadata.json when it is over; undefined where its end is not among the lines. */
  readonly ended?: string | undefined;
  /** By folder inside the run's folder. */
  readonly folders: ReadonlyMap<string, readonly Line[]>;
}

export interface TreeDiskOptions {
  /** Root of the tree; made where it is missing. */
  readonly dir: string;
  /** A file that grows beyond it is put aside. */
  readonly maxFileBytes: number;
}

interface OpenFolder {
  readonly seqs: Set<number>;
  readonly upTo: number;
  /** Bytes in the file of lines and in that of payloads, as far as this process knows. */
  size: number;
  rawSize: number;
}

interface OpenRun {
  readonly path: string;
  /** False where an earlier process may have written some of the events. */
  readonly fresh: boolean;
  /** What its metadata.json says; undefined where an earlier process wrote it. */
  readonly metadata: string | undefined;
  readonly folders: Map<string, OpenFolder>;
  /** Folders inside of it that this process made. */
  readonly made: Set<string>;
}

/** The folder, inside an event's folder, with the whole payloads: the same lines, uncut, with their `seq`. */
const RAW_FOLDER = 'raw';
const MAX_OPEN_RUNS = 5_000;

export class TreeDisk {
  readonly #options: TreeDiskOptions;
  /** Forgets the oldest. A plain map, because the disk thread loads no library of ours. */
  readonly #runs = new Map<string, OpenRun>();

  constructor(options: TreeDiskOptions) {
    this.#options = options;
  }

  /** Throws where the disk refuses; what was written before stays, and is not written again the next time. */
  write(runs: readonly RunLines[]): void {
    for (const run of runs) this.#writeRun(run);
  }

  #writeRun(lines: RunLines): void {
    try {
      this.#writeFolders(lines);
    } catch (error) {
      if (!isCode(error, 'ENOENT') || !this.#runs.delete(lines.runId)) throw error;
      // The pruner removed the folder: make it anew.
      this.#writeFolders(lines);
    }
  }

  #writeFolders(lines: RunLines): void {
    const run = this.#open(lines);
    for (const [folder, own] of lines.folders) this.#writeFolder(run, folder, own);
    if (lines.ended === undefined) return;
    if (run.metadata !== lines.ended) overwriteFile(join(run.path, METADATA_FILE), lines.ended);
    this.#runs.delete(lines.runId);
  }

  #writeFolder(run: OpenRun, folder: string, lines: readonly Line[]): void {
    const path = join(run.path, folder);
    const raw = join(path, RAW_FOLDER);
    const there = run.folders.get(folder) ?? this.#openFolder(run, folder);
    const missing = lines.filter(({ seq }) => seq > there.upTo && !there.seqs.has(seq));
    if (missing.length === 0) return;
    const { maxFileBytes: maxBytes } = this.#options;
    const text = (which: 'line' | 'raw') => missing.map((line) => line[which]).join('');
    there.size = appendLines(path, text('line'), { size: there.size, maxBytes });
    there.rawSize = appendLines(raw, text('raw'), { size: there.rawSize, maxBytes });
    for (const { seq } of missing) there.seqs.add(seq);
  }

  #openFolder(run: OpenRun, folder: string): OpenFolder {
    const path = join(run.path, folder);
    const raw = join(path, RAW_FOLDER);
    this.#makeFolders(run, join(folder, RAW_FOLDER));
    const opened = run.fresh
      ? { seqs: new Set<number>(), upTo: 0, size: 0, rawSize: 0 }
      : { ...readSeqs(raw), size: sizeOf(path), rawSize: sizeOf(raw) };
    run.folders.set(folder, opened);
    return opened;
  }

  /** Each folder of a run is made once. Throws ENOENT if the pruner removed one that was made before. */
  #makeFolders(run: OpenRun, path: string): void {
    if (run.made.has(path)) return;
    const parent = dirname(path);
    if (parent !== '.') this.#makeFolders(run, parent);
    makeFolderIn(run.path, path);
    run.made.add(path);
  }

  #open({ runId, names, metadata, ended }: RunLines): OpenRun {
    const known = this.#runs.get(runId);
    if (known) return known;
    const run: OpenRun = { ...this.#claim(runId, names, ended ?? metadata), folders: new Map(), made: new Set() };
    if (this.#runs.size >= MAX_OPEN_RUNS) this.#runs.delete(this.#runs.keys().next().value!);
    this.#runs.set(runId, run);
    return run;
  }

  /** Finds or makes the folder of a run. */
  #claim(runId: string, names: readonly string[], metadata: string): Pick<OpenRun, 'path' | 'fresh' | 'metadata'> {
    for (const name of names) {
      const path = join(this.#options.dir, name);
      const file = join(path, METADATA_FILE);
      makeFolder(path);
      if (createFile(file, metadata)) return { path, fresh: true, metadata };
      if (parseMetadata(readText(file))?.runId === runId) return { path, fresh: false, metadata: undefined };
    }
    throw new Error(`no folder for run ${runId}`);
  }
}
