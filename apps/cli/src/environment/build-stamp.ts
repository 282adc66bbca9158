import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workspace } from './workspace.ts';

/** The stamp of the build that is on disk; empty where it was built by hand. */
export function currentBuild(workspace: Workspace): string {
  try {
    return readFileSync(join(workspace.state, 'stamps', 'build'), 'utf8');
  } catch {
    return '';
  }
}
