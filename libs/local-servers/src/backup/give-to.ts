import { lchownSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../account.ts';

/** Makes a server's account the owner of a file, or of a folder with all its content. Follows no link. */
export function giveTo(path: string, account: Account | undefined): void {
  if (!account) return;
  lchownSync(path, account.uid, account.gid);
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return; // a file
  }
  for (const entry of entries) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) giveTo(inside, account);
    else lchownSync(inside, account.uid, account.gid);
  }
}
