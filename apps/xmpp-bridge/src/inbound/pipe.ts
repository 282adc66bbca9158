import { CarriedFrame, safeParse } from '@switchyard/contracts';

/*
 * A response that arrives in progress frames, read as pieces.
 *
 * - The number of unread bytes is limited, for one response and for all. A reader that cannot follow ends the response
 *   with an error and not the process.
 * - The pipe ends once: successfully, or with the error that ended it.
 */
export interface PipeLimits {
  /** Limit of an event stream, which has no length. */
  readonly eventBytes: number;
  /** Limit of any other response, which may arrive completely before it is read. */
  readonly bodyBytes: number;
  /** Shared by all pipes. */
  readonly room: { bytes: number };
}

export class Pipe implements AsyncIterable<Uint8Array> {
  onHead: ((head: { status: number; headers: [string, string][] }) => void) | undefined;
  headSeen = false;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake: () => void = () => undefined;
  #maxBytes: number;

  readonly #limits: PipeLimits;

  constructor(limits: PipeLimits) {
    this.#limits = limits;
    this.#maxBytes = limits.eventBytes;
  }

  take(frame: unknown): void {
    const parsed = safeParse(CarriedFrame, frame);
    if (!parsed.success || this.#end) return;
    if ('head' in parsed.data) {
      this.headSeen = true;
      const type = parsed.data.head.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
      if (!type.startsWith('text/event-stream')) this.#maxBytes = this.#limits.bodyBytes;
      return this.onHead?.(parsed.data.head);
    }
    if ('send' in parsed.data) return;
    const piece = Buffer.from(parsed.data.chunk, 'base64');
    this.#bytes += piece.length;
    this.#limits.room.bytes -= piece.length;
    if (this.#bytes > this.#maxBytes || this.#limits.room.bytes < 0)
      return this.fail(new Error('the reader is too slow'));
    this.#waiting.push(piece);
    this.#wake();
  }

  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  /** Ends the pipe with an error and drops the unread pieces. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#limits.room.bytes += this.#bytes;
    this.#bytes = 0;
    this.#waiting.length = 0;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece) {
        this.#bytes -= piece.length;
        this.#limits.room.bytes += piece.length;
        yield piece;
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
