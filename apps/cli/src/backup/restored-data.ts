import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder } from '@switchyard/local-servers';
import type { Place } from '../environment/place.ts';
import { isRunning, readPids, runningSupervisor } from '../environment/records.ts';
import { EXIT, UserError } from '../terminal/user-error.ts';

/*
 * The data of this clone's servers, taken out of the way for what was restored. Guarantees:
 *  D1. Nothing is moved while a process of this clone runs, and nothing that is there is overwritten unasked.
 *  D2. What was there is kept, whole, in a folder that is named.
 *  D3. What NATS and Redis hold is never put beside an older database: it may speak of what the database has not seen.
 */

/** Whose data belongs together. Prosody's accounts are made anew at every start. */
const TOGETHER = ['postgres', 'nats', 'redis'] as const;

const dataOf = (place: Place, server: string): string => join(place.state, 'data', server);

/** Throws a message for people where this clone is not ready to be restored. D1 */
export function ensureStopped(place: Place): void {
  const lives = runningSupervisor(place) !== undefined || readPids(place).processes.some(isRunning);
  if (lives)
    throw new UserError(
      'A stack runs in this clone, and nothing was done. Stop it first: ./switchyard down',
      EXIT.unavailable,
    );
}

export function ensureReplaceable(place: Place, replace: boolean): void {
  if (replace || !existsSync(join(dataFolder(dataOf(place, 'postgres')), 'data', 'PG_VERSION'))) return;
  throw new UserError(
    'This clone has data already, and nothing was done. With --replace it is put aside, kept, and the backup takes its place.',
    EXIT.usage,
  );
}

/**
 * Puts a recovered cluster where the stack looks for it; what was there, of all three servers, is kept. Answers where, or
 * undefined where there was nothing. D2, D3
 */
export function takePlace(place: Place, stagedAt: string, now = new Date()): string | undefined {
  ensureStopped(place);
  const aside = join(place.state, `data-before-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`);
  const kept = TOGETHER.filter((server) => {
    const from = dataOf(place, server);
    if (!existsSync(from) || readdirSync(from).length === 0) return false;
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    renameSync(from, join(aside, server)); // A note of data elsewhere goes with it.
    return true;
  });
  const home = dataOf(place, 'postgres');
  rmSync(home, { recursive: true, force: true });
  renameSync(stagedAt, home);
  // Where its account cannot reach the clone, the data is elsewhere and the note that came along says where.
  if (!existsSync(join(dataFolder(home), 'data', 'PG_VERSION'))) throw new Error(`the restored data is not in ${home}`);
  rmSync(join(place.state, 'stamps', 'migrations'), { force: true });
  return kept.length > 0 ? aside : undefined;
}
