import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const Known = z.record(z.string(), z.string());

/**
 * The passwords of one stack. Each is generated once and kept in a file that only its owner can read, in a folder that
 * nobody else can enter. A later start with the same folder finds the same passwords.
 */
export class Passwords {
  readonly #folder: string;
  readonly #file: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#file = join(folder, 'passwords.json');
  }

  /**
   * The password with this name, generated if it is missing. Throws if the file exists but cannot be read, so that no
   * password is lost.
   */
  of(name: string): string {
    const known = this.#read();
    const password = known[name] ?? randomBytes(24).toString('hex');
    if (known[name] === undefined) this.#write({ ...known, [name]: password });
    return password;
  }

  /** The password with this name; undefined if there is none or the file cannot be read. Writes nothing. */
  known(name: string): string | undefined {
    try {
      return this.#read()[name];
    } catch {
      return undefined;
    }
  }

  #read(): Record<string, string> {
    if (!existsSync(this.#file)) return {};
    return Known.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
  }

  /** A reader sees the old or the new text, never a mixture. */
  #write(passwords: Record<string, string>): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    chmodSync(this.#folder, 0o700);
    const unfinished = `${this.#file}.${process.pid}.new`;
    writeFileSync(unfinished, `${JSON.stringify(passwords, null, 2)}\n`, { mode: 0o600 });
    renameSync(unfinished, this.#file);
  }
}
