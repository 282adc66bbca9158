import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from './process-id.ts';

/*
 * What there is of each session, written down before it can be left behind: who started it, its processes, its
 * folder. The reaper works from these rows alone.
 */

export interface SessionRow {
  readonly sessionId: string;
  readonly host: string;
  readonly bootId: string;
  /** The service that started it. */
  readonly owner: ProcessId;
  readonly uid?: number | undefined;
  readonly folder: string;
  readonly processes: readonly ProcessId[];
}

export interface SessionRows {
  put(row: SessionRow): Promise<void>;
  remove(sessionId: string): Promise<void>;
  /** The rows of sessions that were started on a machine. */
  ofHost(host: string): Promise<SessionRow[]>;
}

/** Rows as files of a folder on the machine of the sessions, which is the only one where they mean anything. */
export class SessionFiles implements SessionRows {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o711 });
  }

  put(row: SessionRow): Promise<void> {
    const file = this.#file(row.sessionId);
    // A file that was renamed is whole or the one before.
    writeFileSync(`${file}.new`, JSON.stringify(row), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return Promise.resolve();
  }

  remove(sessionId: string): Promise<void> {
    rmSync(this.#file(sessionId), { force: true });
    return Promise.resolve();
  }

  ofHost(host: string): Promise<SessionRow[]> {
    const rows = readdirSync(this.#folder)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => rowIn(join(this.#folder, name)))
      .filter((row) => row.host === host);
    return Promise.resolve(rows);
  }

  #file(sessionId: string): string {
    return join(this.#folder, `${sessionId}.json`);
  }
}

/** A file that is no row, or went meanwhile, is none. */
function rowIn(path: string): SessionRow[] {
  try {
    return [JSON.parse(readFileSync(path, 'utf8')) as SessionRow];
  } catch {
    return [];
  }
}
