import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace.ts';

const KEY_BYTES = 32;

/** Random bytes that a clone makes once and keeps in a file of its state folder that its owner alone reads. */
function keptBytes(workspace: Workspace, name: string): Buffer {
  const file = join(workspace.state, name);
  const made = randomBytes(KEY_BYTES);
  try {
    mkdirSync(workspace.state, { recursive: true, mode: 0o700 });
    writeFileSync(file, made, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const kept = readFileSync(file);
    if (kept.length === KEY_BYTES) return kept;
    // Cut off by a crash: made anew, every setting counts as changed once, and nothing is lost.
    writeFileSync(file, made, { mode: 0o600 });
    return made;
  }
}

/**
 * The key under which this clone keeps the fingerprints of its settings. Without it a fingerprint says nothing about a
 * value, not even to somebody who can guess the value.
 */
export const settingsKey = (workspace: Workspace): Buffer => keptBytes(workspace, 'settings.key');

/** The key that signs the card of this clone, unless the person chose A2A_SIGNING_KEYS. */
export const signingKeys = (workspace: Workspace): string =>
  `clone:${keptBytes(workspace, 'a2a-signing.key').toString('base64')}`;

/** The token for the metrics of this clone's services, unless the person chose an OPS_TOKEN. */
export const opsToken = (workspace: Workspace): string => keptBytes(workspace, 'ops.key').toString('hex');
