import { type Element, xml } from '@xmpp/client';
import { ExchangeError } from '../wire/index.ts';
import type { Session } from '../session/index.ts';
import { NS_HTTP } from './xep-0332.ts';

/*
 * Finite bodies in messages (XEP-0332 §4.4, chunkedBase64).
 *
 * - A body is accepted only if its chunks come in order, complete and with a last one. A partial body is never used.
 * - Memory is limited, for one body and for all. Chunks that no request waits for are dropped.
 * - The sender stops when the receiver has answered or closed the stream. Back-pressure of the socket sets the pace.
 */

/** 32,768 characters in base64. */
export const CHUNK_BYTES = 24_576;
const MAX_BYTES_OF_ALL = 67_108_864;
const MAX_STREAMS = 512;
const MAX_EARLY = 256;

/** Sends a body as the stream `id`. Ends early, without an error, when the signal says that the rest is not wanted. */
export async function sendChunks(
  session: Session,
  to: string,
  id: string,
  body: Buffer,
  signal: AbortSignal,
  chunkBytes = CHUNK_BYTES,
): Promise<void> {
  const count = Math.max(1, Math.ceil(body.length / chunkBytes));
  for (let nr = 0; nr < count && !signal.aborted && session.open; nr += 1) {
    const last = nr === count - 1 ? { last: 'true' } : {};
    const piece = body.subarray(nr * chunkBytes, (nr + 1) * chunkBytes).toString('base64');
    const chunk = xml('chunk', { xmlns: NS_HTTP, streamId: id, nr: String(nr), ...last }, piece);
    if (!session.send(xml('message', { to }, chunk))) await session.drained();
  }
}

interface Incoming {
  readonly from: string;
  readonly limit: number;
  readonly pieces: Buffer[];
  bytes: number;
  readonly done: (body: Buffer) => void;
  readonly fail: (error: ExchangeError) => void;
}

/** The bodies that arrive over one session. */
export class IncomingChunks {
  readonly #streams = new Map<string, Incoming>();
  /**
   * Chunks that arrived before their announcement was read, from peers that have asked us or may answer us with chunks.
   */
  readonly #earlyChunks = new Map<string, { asking: number; chunks: Element[] }>();
  #bytes = 0;

  /** Reads the body that `from` has announced. Rejects with ExchangeError. */
  take(from: string, id: string, limit: number, signal: AbortSignal): Promise<Buffer> {
    const key = keyOf(from, id);
    if (signal.aborted || this.#streams.has(key)) return Promise.reject(cut());
    if (this.#streams.size >= MAX_STREAMS)
      return Promise.reject(new ExchangeError(503, 'Too many bodies are on their way.'));
    const early = this.#early(from, id);
    let stop: () => void = () => undefined;
    return new Promise<Buffer>((done, fail) => {
      this.#streams.set(key, { from, limit, pieces: [], bytes: 0, done, fail });
      stop = () => fail(cut());
      signal.addEventListener('abort', stop, { once: true });
      for (const chunk of early) this.#add(key, chunk);
    }).finally(() => {
      signal.removeEventListener('abort', stop);
      this.#bytes -= this.#streams.get(key)?.bytes ?? 0;
      this.#streams.delete(key);
    });
  }

  /** Allows this peer to send chunks before their announcement is read, until the returned function is called. */
  opened(from: string): () => void {
    const early = this.#earlyChunks.get(from) ?? { asking: 0, chunks: [] };
    early.asking += 1;
    this.#earlyChunks.set(from, early);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      early.asking -= 1;
      if (early.asking === 0) this.#earlyChunks.delete(from);
    };
  }

  /** Takes a message if it is part of a body; false if it is not. */
  onMessage(message: Element): boolean {
    const chunk = message.getChild('chunk', NS_HTTP);
    const close = message.getChild('close', NS_HTTP);
    const from = message.attrs['from'] ?? '';
    if (close) this.#streams.get(keyOf(from, close.attrs['streamId'] ?? ''))?.fail(cut());
    if (chunk) this.#takeChunk(from, chunk);
    return (chunk ?? close) !== undefined;
  }

  /** Ends the bodies of a peer's session that is gone. */
  cutFrom(fullJid: string): void {
    for (const { from, fail } of this.#streams.values()) if (from === fullJid) fail(cut());
  }

  cutAll(): void {
    for (const { fail } of this.#streams.values()) fail(cut());
  }

  #early(from: string, id: string): Element[] {
    const early = this.#earlyChunks.get(from);
    if (!early) return [];
    const mine = early.chunks.filter((chunk) => chunk.attrs['streamId'] === id);
    early.chunks = early.chunks.filter((chunk) => chunk.attrs['streamId'] !== id);
    return mine;
  }

  #takeChunk(from: string, chunk: Element): void {
    const key = keyOf(from, chunk.attrs['streamId'] ?? '');
    if (this.#streams.has(key)) return this.#add(key, chunk);
    const early = this.#earlyChunks.get(from);
    if (!early) return;
    early.chunks.push(chunk);
    if (early.chunks.length > MAX_EARLY) early.chunks.shift();
  }

  #add(key: string, chunk: Element): void {
    const stream = this.#streams.get(key);
    if (!stream) return;
    const piece = Buffer.from(chunk.text(), 'base64');
    stream.bytes += piece.length;
    this.#bytes += piece.length;
    if (Number(chunk.attrs['nr']) !== stream.pieces.length) return stream.fail(cut());
    if (stream.bytes > stream.limit || this.#bytes > MAX_BYTES_OF_ALL)
      return stream.fail(new ExchangeError(413, 'The body is larger than may be carried.'));
    stream.pieces.push(piece);
    if (['true', '1'].includes(chunk.attrs['last'] ?? '')) stream.done(Buffer.concat(stream.pieces));
  }
}

function cut(): ExchangeError {
  return new ExchangeError(400, 'The body did not arrive whole.');
}

function keyOf(from: string, id: string): string {
  return JSON.stringify([from, id]);
}
