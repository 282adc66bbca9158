import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@switchyard/platform';
import type { FileMistake } from './yaml-file.ts';

/*
 * A file of the operator, read again whenever it changes.
 *
 * F1 A file that is wrong when the service starts ends the start, with every mistake and its line.
 * F2 One that becomes wrong later changes nothing: what was read last stays, and the log says what is wrong.
 * F3 It is looked at, not watched: so it is found also where it is replaced, mounted or linked.
 */

const MAX_BYTES = 1024 ** 2;

export type Parsed<T> = { readonly value: T } | { readonly mistakes: readonly FileMistake[] };

export interface FileParts<T> {
  readonly path: string;
  /** What it holds, for the log. */
  readonly of: string;
  readonly parse: (text: string) => Parsed<T>;
  readonly log: Logger;
  readonly everyMs: number;
  /** What throws is a mistake of the file, too. */
  readonly onChange: (value: T) => void;
}

export class OperatorFile<T> {
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly parts: FileParts<T>) {}

  /** F1 */
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
    }, this.parts.everyMs).unref();
  }

  /** F2 */
  async #lookAgain(): Promise<void> {
    const stamp = await this.#stamp();
    if (stamp === this.#seen || this.#stopped) return;
    this.#seen = stamp;
    const wrong = await this.#read();
    const { log, path, of } = this.parts;
    if (wrong === undefined) log.info({ path }, `the file of ${of} was read again`);
    else log.error({ path, wrong }, `the file of ${of} is wrong; what was read before stays`);
  }

  /** Puts it into effect, or says what is wrong with it. */
  async #read(): Promise<string | undefined> {
    const { path, parse, onChange } = this.parts;
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

  /** F3 */
  async #stamp(): Promise<string> {
    const found = await stat(this.parts.path).catch(() => undefined);
    return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : 'none';
  }
}
