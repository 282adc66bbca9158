import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@switchyard/platform';
import { parseUpstreams, type UpstreamConfig } from './upstream-config.ts';

/*
 * The operator's file of upstreams, read again whenever it changes.
 *
 * F1 A file that is wrong when the service starts ends the start, with every mistake and its line.
 * F2 One that becomes wrong later changes nothing: what was read last stays, and the log says what is wrong.
 * F3 It is looked at, not watched: so it is found also where it is replaced, mounted or linked.
 */

const MAX_BYTES = 1024 ** 2;

export interface FileParts {
  readonly path: string;
  readonly log: Logger;
  readonly everyMs: number;
  readonly onChange: (upstreams: readonly UpstreamConfig[]) => void;
}

export class UpstreamFile {
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(private readonly parts: FileParts) {}

  /** F1 */
  async start(): Promise<void> {
    this.#seen = await this.#stamp();
    const { upstreams, wrong } = await this.#read();
    if (!upstreams) throw new Error(wrong);
    this.parts.onChange(upstreams);
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
    const { upstreams, wrong } = await this.#read();
    const { log, path, onChange } = this.parts;
    if (!upstreams) return log.error({ path, wrong }, 'the file of upstreams is wrong; what was read before stays');
    onChange(upstreams);
    log.info({ path, upstreams: upstreams.map(({ name }) => name) }, 'the file of upstreams was read again');
  }

  async #read(): Promise<{ upstreams?: readonly UpstreamConfig[]; wrong?: string }> {
    const { path } = this.parts;
    try {
      const bytes = await readFile(path);
      if (bytes.length > MAX_BYTES) return { wrong: `${path} is larger than ${MAX_BYTES} bytes` };
      const parsed = parseUpstreams(bytes.toString('utf8'));
      if ('upstreams' in parsed) return parsed;
      return { wrong: parsed.mistakes.map(({ line, message }) => `${path}:${line}: ${message}`).join('\n') };
    } catch (error) {
      return { wrong: `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}` };
    }
  }

  /** F3 */
  async #stamp(): Promise<string> {
    const found = await stat(this.parts.path).catch(() => undefined);
    return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : 'none';
  }
}
