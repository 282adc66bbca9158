import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/*
 * A TCP proxy in front of an XMPP server that keeps every byte that clients send, and can say what of it went in clear
 * text: all that is not inside a TLS record. Nothing is guessed from words: what is left after the records is judged as
 * a whole.
 */

/** All that may be said before TLS: an XML declaration, one stream header, the wish for STARTTLS, the stream's end. */
const HARMLESS =
  /^(<\?xml version='1\.0'\?><stream:stream to="[a-z.]+" version="1\.0" xmlns="jabber:client" xmlns:stream="http:\/\/etherx\.jabber\.org\/streams">)?(<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"\/>)?(<\/stream:stream>)?$/;
const RECORD_HEADER = 5;
/** RFC 8446 §5.2: a record has at most 2^14 bytes and 256 more. */
const MAX_RECORD = 16_384 + 256;

export interface Clear {
  /** What was said before the first TLS record. */
  readonly before: string;
  /** Bytes after it that belong to no record. */
  readonly stray: number;
  readonly secured: boolean;
}

/** Splits what a client sent into clear text and TLS records. A record that was cut by the end of the connection is one. */
export function inClear(bytes: Buffer): Clear {
  const start = bytes.findIndex((byte, at) => byte === 0x16 && bytes[at + 1] === 0x03);
  if (start < 0) return { before: bytes.toString('utf8'), stray: 0, secured: false };
  let at = start;
  while (at < bytes.length) {
    if (bytes.length - at < RECORD_HEADER) break;
    const [type, major, minor] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
    const length = bytes.readUInt16BE(at + 3);
    if (type < 20 || type > 23 || major !== 3 || minor > 4 || length > MAX_RECORD)
      return { before: bytes.subarray(0, start).toString('utf8'), stray: bytes.length - at, secured: true };
    at += RECORD_HEADER + length;
  }
  return { before: bytes.subarray(0, start).toString('utf8'), stray: 0, secured: true };
}

export class Capture {
  /** What each connection's client sent, in order of connection. */
  readonly sent: Buffer[][] = [];
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #server: Server;
  refusing = false;

  readonly #to: () => number;

  private constructor(to: () => number) {
    this.#to = to;
    this.#server = createServer((near) => this.#serve(near));
  }

  static async start(to: () => number): Promise<Capture> {
    const capture = new Capture(to);
    capture.#server.listen(0, '127.0.0.1');
    await once(capture.#server, 'listening');
    return capture;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open at the moment. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Ends every connection, in the middle of whatever it carries. */
  cut(): void {
    for (const socket of [...this.#pairs].flat()) socket.destroy();
  }

  /** What was said in clear text that may not be; empty where there is nothing. */
  leaks(): string[] {
    return this.sent.flatMap((pieces) => {
      const { before, stray } = inClear(Buffer.concat(pieces));
      return HARMLESS.test(before) && stray === 0 ? [] : [`${before} + ${stray} bytes`];
    });
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(near: Socket): void {
    if (this.refusing) return void near.destroy();
    const pieces: Buffer[] = [];
    this.sent.push(pieces);
    const far = connect(this.#to(), '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('data', (bytes: Buffer) => {
      pieces.push(bytes);
      if (!far.destroyed) far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => near.destroyed || near.write(bytes));
    for (const socket of pair) socket.on('error', end).on('close', end);
  }
}
