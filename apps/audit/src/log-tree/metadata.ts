import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/* The content of metadata.json in the folder of a run. */

export const METADATA_FILE = 'metadata.json';

export interface FolderMetadata {
  readonly runId: string;
  /** Milliseconds since 1970; undefined: its end is not written. */
  readonly endedAt: number | undefined;
}

/** Undefined if the text is missing or invalid. */
export function parseMetadata(text: string | undefined): FolderMetadata | undefined {
  try {
    const { run_id: runId, ended_at: ended } = JSON.parse(text ?? '') as { run_id?: unknown; ended_at?: unknown };
    if (typeof runId !== 'string') return undefined;
    const endedAt = typeof ended === 'string' ? Date.parse(ended) : NaN;
    return { runId, endedAt: Number.isNaN(endedAt) ? undefined : endedAt };
  } catch {
    return undefined;
  }
}

/** Undefined if the folder has none, or an invalid one. */
export async function readMetadata(folder: string): Promise<FolderMetadata | undefined> {
  return parseMetadata(await readFile(join(folder, METADATA_FILE), 'utf8').catch(() => undefined));
}
