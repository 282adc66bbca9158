import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { FileMistake } from './yaml-file.ts';

/*
 * A file of the operator, read again whenever it changes.
 *
 * - A wrong file ends the start of the service. The error has every mistake and its line.
 * - A file that becomes wrong later changes nothing. The values of the last good file stay, and the log says what is wrong.
 * - The file is polled, not watched, so that a change is also found where the file is replaced, mounted or linked.
 */

const MAX_BYTES = 1024 ** 2;

type Parsed<T> = { readonly value: T } | { readonly mistakes: readonly FileMistake[] };

export interface FileParts<T> {
  readonly path: string;
  /** What the file holds, for the log. */
  readonly of: string;
  readonly parse: (text: string) => Parsed<T>;
  readonly log: Logger;
  readonly everyMs: number;
  /** An error that it throws counts as a mistake of the file. */
  readonly onChange: (value: T) => void;
}

export class OperatorFile<T> {
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  readonly #parts: FileParts<T>;

  constructor(parts: FileParts<T>) {
    this.#parts = parts;
  }

  /** Reads the file and begins to poll it. Throws where the file is wrong. */
  async start(): Promise<void> {
    this.#seen = await this.#stamp();
    const wrong = await this.#read();
    if (wrong !== undefined) throw new Error(wrong);
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#look;
  }

  #next(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#look = this.#lookAgain().finally(() => this.#next());
    }, this.#parts.everyMs).unref();
  }

  /** Reads the file again where it changed; a wrong file leaves the values as they are. */
  async #lookAgain(): Promise<void> {
    const stamp = await this.#stamp();
    if (stamp === this.#seen || this.#stopped) return;
    this.#seen = stamp;
    const wrong = await this.#read();
    const { log, path, of } = this.#parts;
    if (wrong === undefined) logEvent(log, 'operator_file_read', { path, kind: of });
    else logEvent(log, 'operator_file_invalid', { path, kind: of, wrong });
  }

  /** Puts the file into effect, or returns what is wrong with it. */
  async #read(): Promise<string | undefined> {
    const { path, parse, onChange } = this.#parts;
    let text: string;
    try {
      const bytes = await readFile(path);
      if (bytes.length > MAX_BYTES) return `${path} is larger than ${MAX_BYTES} bytes`;
      text = bytes.toString('utf8');
    } catch (error) {
      return `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`;
    }
    const parsed = parse(text);
    if ('mistakes' in parsed)
      return parsed.mistakes.map(({ line, message }) => `${path}:${line}: ${message}`).join('\n');
    try {
      onChange(parsed.value);
      return undefined;
    } catch (error) {
      return `${path}: ${error instanceof Error ? error.message : 'it cannot be used'}`;
    }
  }

  /** Changes whenever the file is written or replaced. */
  async #stamp(): Promise<string> {
    const found = await stat(this.#parts.path).catch(() => undefined);
    return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : 'none';
  }
}
