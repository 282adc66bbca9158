import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace.ts';

const OWN_FOLDER = 0o700;
const OWN_FILE = 0o600;
/** Other accounts pass through, to a folder of their own whose path they know, and cannot list what is there. */
const PASSAGE = 0o711;

/**
 * Closes what this clone keeps to other accounts, also what an earlier version left open: logs, data, stamps, and the log
 * tree of audit. PostgreSQL and Prosody do not run as root; for root, the way to their data stays passable.
 */
export function closeState(workspace: Workspace): void {
  const passage = process.getuid?.() === 0 ? PASSAGE : OWN_FOLDER;
  const data = join(workspace.state, 'data');
  mkdirSync(data, { recursive: true, mode: OWN_FOLDER });
  for (const folder of [workspace.state, data]) {
    closeEntries(folder);
    chmodSync(folder, passage);
  }
  chmodSync(data, passage);
  const logTree = join(workspace.root, 'logs');
  if (existsSync(logTree)) chmodSync(logTree, OWN_FOLDER);
}

/** A folder that is closed hides all that is in it. */
function closeEntries(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) chmodSync(join(folder, entry.name), OWN_FOLDER);
    else if (entry.isFile()) chmodSync(join(folder, entry.name), OWN_FILE);
  }
}
