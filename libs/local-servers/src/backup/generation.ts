import { randomBytes } from 'node:crypto';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../account.ts';

/*
 * The name of a cluster's history. A new or restored cluster begins a new history, because WAL segments of two
 * histories have the same names and must never meet in one folder.
 */

const NAME = /^[A-Za-z0-9-]{1,64}$/;
const fileIn = (folder: string): string => join(folder, 'generation');

/** Begins a new history for the cluster in `folder`. */
export function newGeneration(folder: string, account?: Account, now = new Date()): string {
  const name = `${now.toISOString().replace(/[-:]|\..*/g, '')}Z-${randomBytes(4).toString('hex')}`;
  writeFileSync(fileIn(folder), `${name}\n`, { mode: 0o600 });
  if (account) chownSync(fileIn(folder), account.uid, account.gid);
  return name;
}

/** The history of the cluster in `folder`; begins one if the cluster has none. */
export function generationOf(folder: string, account?: Account): string {
  try {
    const name = readFileSync(fileIn(folder), 'utf8').trim();
    if (NAME.test(name)) return name;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return newGeneration(folder, account);
}
