import { CarriedFrame } from '@switchyard/contracts';

/*
 * A response that comes in progress frames, read as pieces.
 *
 * F1 What waits to be read is bounded: a reader that cannot follow ends the response with an error, not the process.
 * F2 It ends once: well, or with the error that ended it.
 */
export class Pipe implements AsyncIterable<Uint8Array> {
  onHead: ((head: { status: number; headers: [string, string][] }) => void) | undefined;
  headSeen = false;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(private readonly maxBytes: number) {}

  take(frame: unknown): void {
    const parsed = CarriedFrame.safeParse(frame);
    if (!parsed.success || this.#end) return;
    if ('head' in parsed.data) {
      this.headSeen = true;
      return this.onHead?.(parsed.data.head);
    }
    if ('send' in parsed.data) return;
    const piece = Buffer.from(parsed.data.chunk, 'base64');
    this.#bytes += piece.length;
    if (this.#bytes > this.maxBytes) return this.fail(new Error('the reader is too slow')); // F1
    this.#waiting.push(piece);
    this.#wake();
  }

  end(): void {
    this.#end ??= {};
    this.#wake();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const piece = this.#waiting.shift();
      if (piece) {
        this.#bytes -= piece.length;
        yield piece;
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return undefined;
      } else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
