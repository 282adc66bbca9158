import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './place.ts';

const KEY_BYTES = 32;

/**
 * The key under which this clone keeps the fingerprints of its settings: made once, readable by its owner only. Without it
 * a fingerprint says nothing about a value, not even to somebody who can guess the value.
 */
export function settingsKey(place: Place): Buffer {
  const file = join(place.state, 'settings.key');
  const made = randomBytes(KEY_BYTES);
  try {
    mkdirSync(place.state, { recursive: true, mode: 0o700 });
    writeFileSync(file, made, { mode: 0o600, flag: 'wx' });
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const kept = readFileSync(file);
    if (kept.length === KEY_BYTES) return kept;
    // Cut off by a crash: with another key every setting counts as changed once, and nothing is lost.
    writeFileSync(file, made, { mode: 0o600 });
    return made;
  }
}
