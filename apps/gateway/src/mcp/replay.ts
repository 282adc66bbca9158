import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server';

/*
 * The latest messages of one session, for a client that reconnects with Last-Event-ID.
 *
 * - Messages are limited by number and size, and the oldest go first. A client whose position is gone gets nothing, and
 *   asks again.
 * - A message is sent again only on its own stream.
 */

const MAX_EVENTS = 256;
const MAX_CHARS = 1024 * 1024;

interface Kept {
  readonly id: string;
  readonly streamId: string;
  /** Undefined: only a position to resume from. */
  readonly message: JSONRPCMessage | undefined;
  readonly chars: number;
}

export class Replay implements EventStore {
  #kept: Kept[] = [];
  #chars = 0;
  #count = 0;

  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    const id = `${(this.#count += 1)}`;
    const empty = Object.keys(message).length === 0;
    const chars = empty ? 0 : JSON.stringify(message).length;
    this.#kept.push({ id, streamId, message: empty ? undefined : message, chars });
    this.#chars += chars;
    while (this.#kept.length > MAX_EVENTS || (this.#chars > MAX_CHARS && this.#kept.length > 1))
      this.#chars -= this.#kept.shift()!.chars;
    return Promise.resolve(id);
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#kept.find((event) => event.id === id)?.streamId);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const at = this.#kept.findIndex(({ id }) => id === lastEventId);
    const from = this.#kept[at];
    if (from === undefined) throw new Error('this place in the stream is no longer kept');
    for (const { id, streamId, message } of this.#kept.slice(at + 1))
      if (streamId === from.streamId && message !== undefined) await send(id, message);
    return from.streamId;
  }
}
