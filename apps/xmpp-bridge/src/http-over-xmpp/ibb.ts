import { type Element, xml } from '@xmpp/client';
import { linkAbort } from '@switchyard/platform';
import { NS_CANCEL } from '../wire/index.ts';
import { bareOf } from '../peers/index.ts';
import { type Session, StanzaRefusal } from '../session/index.ts';

/*
 * In-band bytestreams (XEP-0047) with IQ stanzas: bytes in order, each block acknowledged.
 *
 * - At most WINDOW blocks are unacknowledged. A slow reader slows down the writer, and memory stays limited.
 * - Blocks come in order and complete, or the stream ends with an error. An end without <close/> is an error too.
 * - Either side can end a stream at any time. The other side learns of it with its next block.
 * - The bridge accepts a stream only from the sender that announced it, and refuses an unexpected stream.
 */

export const NS_IBB = 'http://jabber.org/protocol/ibb';
export const BLOCK_BYTES = 8_192;
const WINDOW = 8;
const BLOCK_TIMEOUT_MS = 20_000;

/** Sends `chunks` as the stream `sid`. Rejects with IqError if the other side ended it, or is gone. */
export async function sendStream(
  session: Session,
  to: string,
  sid: string,
  chunks: AsyncIterable<Uint8Array>,
  blockBytes = BLOCK_BYTES,
): Promise<void> {
  const ask = (payload: Element) => session.ask('set', payload, { to, timeoutMs: BLOCK_TIMEOUT_MS });
  await ask(xml('open', { xmlns: NS_IBB, sid, 'block-size': String(blockBytes), stanza: 'iq' }));
  const underWay = new Set<Promise<unknown>>();
  let failed: unknown;
  let seq = 0;
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += blockBytes) {
        while (underWay.size >= WINDOW) await Promise.race(underWay);
        if (failed !== undefined) throw failed;
        const block = Buffer.from(chunk.subarray(at, at + blockBytes)).toString('base64');
        const sent = ask(xml('data', { xmlns: NS_IBB, sid, seq: String(seq) }, block))
          .catch((error: unknown) => (failed ??= error))
          .finally(() => underWay.delete(sent));
        underWay.add(sent);
        seq = (seq + 1) % 65_536;
      }
    }
    await Promise.all(underWay);
    if (failed !== undefined) throw failed;
  } catch (error) {
    // A reader must be able to tell a stream that broke from one that ended.
    if (session.open && failed === undefined)
      session.send(xml('message', { to }, xml('cancel', { xmlns: NS_CANCEL, id: sid })));
    throw error;
  }
  await session.ask('set', xml('close', { xmlns: NS_IBB, sid }), { to, timeoutMs: BLOCK_TIMEOUT_MS });
}

/** Thrown to the reader of a stream that was cut. */
export class StreamCut extends Error {}

interface Incoming {
  readonly from: string;
  readonly sid: string;
  next: number;
  readonly waiting: { block: Buffer; taken: () => void }[];
  ended: 'no' | 'closed' | 'cut';
  wake: () => void;
}

const MAX_STREAMS = 512;
const MAX_EARLY = 256;
const MAX_EARLY_OF_ONE = 64;
const EARLY_MS = 5_000;
/** The limit of one block: memory that waits for a slow reader is a window of them. */
const MAX_BLOCK_BYTES = 2 * BLOCK_BYTES;

/** The streams that arrive over one session. */
export class IncomingStreams {
  readonly #streams = new Map<string, Incoming>();
  /** Streams that the other side opened just before we read their announcement. */
  readonly #early = new Map<string, { from: string; open: () => void; refuse: () => void; timer: NodeJS.Timeout }>();

  readonly #mayOpen: (bareJid: string) => boolean;

  /** `mayOpen`: whether this account may send us a stream now; streams of others are refused. */
  constructor(mayOpen: (bareJid: string) => boolean) {
    this.#mayOpen = mayOpen;
  }

  /** Reads the stream that `from` has announced. Leaving the loop ends it. */
  async *read(session: Session, from: string, sid: string, signal: AbortSignal): AsyncGenerator<Buffer, undefined> {
    if (this.#streams.size >= MAX_STREAMS) throw new StreamCut('too many streams are open');
    const key = keyOf(from, sid);
    const stream: Incoming = { from, sid, next: 0, waiting: [], ended: 'no', wake: () => undefined };
    this.#streams.set(key, stream);
    const early = this.#early.get(key);
    if (early) this.#settleEarly(key, early.open);
    const stop = linkAbort([signal]);
    stop.signal.addEventListener('abort', () => stream.wake(), { once: true });
    try {
      for (;;) {
        const piece = stream.waiting.shift();
        if (piece) {
          piece.taken();
          yield piece.block;
        } else if (stop.signal.aborted || stream.ended === 'cut') throw new StreamCut('the stream was cut');
        else if (stream.ended === 'closed') return undefined;
        else await new Promise<void>((resolve) => (stream.wake = resolve));
      }
    } finally {
      stop.release();
      this.#streams.delete(key);
      for (const { taken } of stream.waiting.splice(0)) taken();
      if (stream.ended === 'no' && session.open)
        session
          .ask('set', xml('close', { xmlns: NS_IBB, sid }), { to: from, timeoutMs: BLOCK_TIMEOUT_MS })
          .catch(() => undefined);
    }
  }

  /** Handles a stanza of a stream; undefined if the IQ is about something else. */
  onQuestion(iq: Element): Promise<Element | undefined> | undefined {
    const element = ['open', 'data', 'close']
      .map((name) => iq.getChild(name, NS_IBB))
      .find((child) => child !== undefined);
    if (!element) return undefined;
    const from = iq.attrs['from'] ?? '';
    const sid = element.attrs['sid'] ?? '';
    const stream = this.#streams.get(keyOf(from, sid));
    switch (element.getName()) {
      case 'open':
        refuseWhatIsNotTaken(element);
        return stream ? Promise.resolve(undefined) : this.#openedEarly(from, sid);
      case 'data':
        return this.#takeBlock(stream, element);
      default:
        if (!stream) throw new StanzaRefusal('item-not-found');
        this.#end(stream, 'closed');
        return Promise.resolve(undefined);
    }
  }

  /** Takes the other side's message that a stream broke there. */
  onMessage(message: Element): void {
    const sid = message.getChild('cancel', NS_CANCEL)?.attrs['id'];
    const stream = sid === undefined ? undefined : this.#streams.get(keyOf(message.attrs['from'] ?? '', sid));
    if (stream) this.#end(stream, 'cut');
  }

  /** Ends the streams of a peer's session that is gone; their readers get StreamCut. */
  cutFrom(fullJid: string): void {
    for (const stream of this.#streams.values()) if (stream.from === fullJid) this.#end(stream, 'cut');
  }

  /** The connection is gone: ends every stream; the readers get StreamCut. */
  cutAll(): void {
    for (const stream of this.#streams.values()) this.#end(stream, 'cut');
    for (const [key, early] of this.#early) this.#settleEarly(key, early.refuse);
  }

  #takeBlock(stream: Incoming | undefined, element: Element): Promise<Element | undefined> {
    if (!stream || stream.ended !== 'no') throw new StanzaRefusal('item-not-found');
    const seq = Number(element.attrs['seq']);
    const block = Buffer.from(element.text(), 'base64');
    if (seq !== stream.next || block.length > MAX_BLOCK_BYTES || stream.waiting.length >= 4 * WINDOW) {
      this.#end(stream, 'cut');
      throw new StanzaRefusal('unexpected-request', 'cancel');
    }
    stream.next = (stream.next + 1) % 65_536;
    return new Promise((resolve) => {
      // Acknowledged when the reader has taken it, so a slow reader slows down the writer.
      stream.waiting.push({ block, taken: () => resolve(undefined) });
      stream.wake();
    });
  }

  #openedEarly(from: string, sid: string): Promise<Element | undefined> {
    if (!this.#mayOpen(bareOf(from))) throw new StanzaRefusal('not-acceptable');
    const mine = [...this.#early.values()].filter((early) => early.from === from).length;
    if (this.#early.size >= MAX_EARLY || mine >= MAX_EARLY_OF_ONE)
      throw new StanzaRefusal('resource-constraint', 'wait');
    const key = keyOf(from, sid);
    if (this.#early.has(key)) throw new StanzaRefusal('not-acceptable');
    return new Promise((resolve, reject) => {
      const refuse = (): void => reject(new StanzaRefusal('not-acceptable'));
      const timer = setTimeout(() => this.#settleEarly(key, refuse), EARLY_MS);
      this.#early.set(key, { from, open: () => resolve(undefined), refuse, timer });
    });
  }

  #settleEarly(key: string, how: () => void): void {
    const early = this.#early.get(key);
    if (!early) return;
    clearTimeout(early.timer);
    this.#early.delete(key);
    how();
  }

  #end(stream: Incoming, how: 'closed' | 'cut'): void {
    if (stream.ended !== 'no') return;
    stream.ended = how;
    stream.wake();
  }
}

/** Throws unless the stream is of the supported kind (XEP-0047 §2.1): IQ stanzas, with blocks that fit. */
function refuseWhatIsNotTaken({ attrs }: Element): void {
  if ((attrs['stanza'] ?? 'iq') !== 'iq') throw new StanzaRefusal('not-acceptable');
  const blockBytes = Number(attrs['block-size']);
  if (!Number.isInteger(blockBytes) || blockBytes < 1) throw new StanzaRefusal('bad-request', 'modify');
  // The opener retries with smaller blocks.
  if (blockBytes > MAX_BLOCK_BYTES) throw new StanzaRefusal('resource-constraint', 'modify');
}

function keyOf(from: string, sid: string): string {
  return JSON.stringify([from, sid]);
}
