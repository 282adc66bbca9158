import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '@switchyard/local-servers';

/*
 * A TCP link between a service and a server, with faults.
 *
 * - The link delays, cuts or swallows bytes. It never changes or reorders them.
 * - Without a fault the link adds one hop and nothing else.
 * - A slow side holds back the other, so no data piles up in the link.
 */

export type ToxicName = 'latency' | 'bandwidth' | 'cut' | 'half-open' | 'reset' | 'slicer';

export type Toxic =
  /** Every chunk is delayed by about this much. */
  | { readonly name: 'latency'; readonly ms: number; readonly jitterMs: number }
  | { readonly name: 'bandwidth'; readonly bytesPerSecond: number }
  /** Connections are ended, and new ones refused. */
  | { readonly name: 'cut' }
  /** Connections stay open and every byte is dropped, in both directions; new connections get no answer. */
  | { readonly name: 'half-open' }
  /** Reset once, in the middle of whatever is under way; new connections get through. */
  | { readonly name: 'reset' }
  /** In pieces of a few bytes. */
  | { readonly name: 'slicer'; readonly bytes: number };

const MAX_PIECES = 64;

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class Link {
  readonly #pairs = new Set<Pair>();
  #toxic: Toxic | undefined;

  readonly #to: number;
  readonly #server: Server;

  private constructor(
    readonly port: number,
    to: number,
    server: Server,
  ) {
    this.#to = to;
    this.#server = server;
  }

  /** A link to a port of this machine, on a free port. */
  static async to(port: number): Promise<Link> {
    for (let tries = 1; ; tries += 1) {
      const server = createServer();
      const own = await freePort();
      try {
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen(own, '127.0.0.1', resolve);
        });
        const link = new Link(own, port, server);
        server.on('connection', (near) => link.#join(near));
        return link;
      } catch (error) {
        if (tries >= 5) throw error;
      }
    }
  }

  apply(toxic: Toxic): void {
    if (toxic.name === 'reset') return this.#drop('reset');
    this.#toxic = toxic;
    if (toxic.name === 'cut') this.#drop('close');
  }

  heal(): void {
    const was = this.#toxic;
    this.#toxic = undefined;
    // The dropped bytes are missing from the stream, so the connection has to end.
    if (was?.name === 'half-open') this.#drop('close');
  }

  stop(): void {
    this.#drop('close');
    this.#server.close();
  }

  #drop(how: 'reset' | 'close'): void {
    for (const { near, far } of this.#pairs) {
      if (how === 'reset') near.resetAndDestroy();
      else near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  #join(near: Socket): void {
    near.on('error', () => near.destroy());
    if (this.#toxic?.name === 'cut') return void near.destroy();
    const far = connect(this.#to, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    this.#carry(near, far);
    this.#carry(far, near);
  }

  /** Forwards the chunks in order, each with the fault that holds at that moment. */
  #carry(from: Socket, into: Socket): void {
    let under: Promise<void> | undefined;
    from.on('data', (chunk: Buffer) => {
      if (this.#toxic?.name === 'half-open') return;
      if (!this.#toxic && !under) return this.#write(from, into, chunk);
      from.pause(); // the sender waits, so nothing piles up here
      under = (under ?? Promise.resolve()).then(async () => {
        await this.#slowly(into, chunk);
        if (!from.destroyed) from.resume();
      });
      const mine = under;
      void mine.finally(() => {
        if (under === mine) under = undefined;
      });
    });
    from.on('end', () => void (under ?? Promise.resolve()).then(() => into.end()));
  }

  #write(from: Socket, into: Socket, chunk: Buffer): void {
    if (into.write(chunk)) return;
    from.pause();
    into.once('drain', () => from.resume());
  }

  async #slowly(into: Socket, chunk: Buffer): Promise<void> {
    const toxic = this.#toxic;
    if (toxic?.name === 'latency') await pause(Math.max(0, toxic.ms + (Math.random() * 2 - 1) * toxic.jitterMs));
    if (toxic?.name === 'half-open' || into.destroyed) return;
    if (toxic?.name === 'bandwidth') await this.#inPieces(into, chunk, toxic.bytesPerSecond / 20, 50);
    else if (toxic?.name === 'slicer') await this.#inPieces(into, chunk, toxic.bytes, 0);
    else into.write(chunk);
  }

  /** Pieces with a pause after each; after MAX_PIECES the rest at once. */
  async #inPieces(into: Socket, chunk: Buffer, size: number, pauseMs: number): Promise<void> {
    for (let piece = 1, at = 0; at < chunk.length && !into.destroyed; piece += 1) {
      const end = piece < MAX_PIECES ? Math.min(chunk.length, at + Math.ceil(size)) : chunk.length;
      into.write(chunk.subarray(at, end));
      at = end;
      await pause(pauseMs);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
