import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from './place.ts';

/** The stamp of the build that is on disk; empty where it was built by hand. */
export function currentBuild(place: Place): string {
  try {
    return readFileSync(join(place.state, 'stamps', 'build'), 'utf8');
  } catch {
    return '';
  }
}
