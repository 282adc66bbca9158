import { lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../account.ts';

/** Gives a file, or a folder with all that is in it, to the account of a server. No link is followed. */
export function giveTo(path: string, account: Account | undefined): void {
  if (!account) return;
  lchownSync(path, account.uid, account.gid);
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return; // A file.
  }
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) giveTo(inside, account);
    else lchownSync(inside, account.uid, account.gid);
  }
}
