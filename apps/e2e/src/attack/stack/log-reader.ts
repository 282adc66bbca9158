import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

const MAX_READ_BYTES = 16 * 1024 * 1024;

/** Reads what was added to the logs of a folder since the last look, at most 16 MB of each. */
export class LogReader {
  readonly #positions = new Map<string, number>();
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** File and new text. */
  added(): readonly (readonly [string, string])[] {
    return readdirSync(this.#dir).map((name) => [name, this.#read(name)] as const);
  }

  #read(name: string): string {
    const file = openSync(join(this.#dir, name), 'r');
    try {
      const from = this.#positions.get(name) ?? 0;
      const { size } = fstatSync(file);
      this.#positions.set(name, size);
      const buffer = Buffer.alloc(Math.min(size - from, MAX_READ_BYTES));
      readSync(file, buffer, 0, buffer.length, from);
      return buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  }
}
