import { lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const OTHERS = 0o007;
const GROUP = 0o070;

/**
 * The folder and everything in it that accounts other than the owner's may read, list, enter or write. What the account of
 * PostgreSQL or Prosody owns may be open to its own group.
 */
export function openToOthers(root: string): { path: string; mode: number }[] {
  const found: { path: string; mode: number }[] = [];
  const visit = (path: string): void => {
    const { mode, uid, isDirectory, isSymbolicLink } = statsOf(path);
    const bits = mode & 0o777;
    const ours = uid === process.getuid?.();
    if (!isSymbolicLink && (bits & (ours ? OTHERS | GROUP : OTHERS)) !== 0)
      found.push({ path: relative(root, path), mode: bits });
    if (isDirectory) for (const name of readdirSync(path)) visit(join(path, name));
  };
  visit(root);
  return found;
}

function statsOf(path: string) {
  const stats = lstatSync(path);
  const { mode, uid } = stats;
  return { mode, uid, isDirectory: stats.isDirectory(), isSymbolicLink: stats.isSymbolicLink() };
}
