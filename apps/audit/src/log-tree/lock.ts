import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCode } from './files.ts';

/*
 * Decides which of several processes over one tree prunes it.
 * It saves work and protects nothing: two concurrent pruners remove the same folders, once each. The holder renews the
 * lock; a lock that was not renewed for `staleMs` belongs to a dead process and is removed.
 */
const FILE = '.pruning';

export class TreeLock {
  readonly #path: string;
  readonly #own = randomUUID();

  readonly #dir: string;
  readonly #staleMs: number;
  readonly #now: () => number;

  constructor(dir: string, staleMs: number, now: () => number) {
    this.#dir = dir;
    this.#staleMs = staleMs;
    this.#now = now;
    this.#path = join(dir, FILE);
  }

  /** False: another process prunes. */
  async take(): Promise<boolean> {
    if (await this.#create()) return true;
    const renewedAt = await stat(this.#path).then(
      (found) => found.mtimeMs,
      () => undefined,
    );
    if (renewedAt !== undefined && this.#now() - renewedAt < this.#staleMs) return false;
    const aside = join(this.#dir, `${FILE}-${this.#own}`);
    await rename(this.#path, aside).catch(ignoreMissing);
    await rm(aside, { force: true });
    return this.#create();
  }

  /** False where it is there already. */
  async #create(): Promise<boolean> {
    try {
      await writeFile(this.#path, this.#own, { mode: 0o600, flag: 'wx' });
      return true;
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false;
      throw error;
    }
  }

  async renew(): Promise<void> {
    const now = this.#now() / 1_000;
    await utimes(this.#path, now, now).catch(ignoreMissing);
  }

  async release(): Promise<void> {
    const holder = await readFile(this.#path, 'utf8').catch(() => '');
    if (holder === this.#own) await rm(this.#path, { force: true });
  }
}

function ignoreMissing(error: unknown): void {
  if (!isCode(error, 'ENOENT')) throw error;
}
