import {
  AppError,
  formatCursor,
  type RunEvent,
  subjects,
  type SystemEvent,
  toSystemCloudEvent,
} from '@switchyard/contracts';
import type { RpcClient } from '../requests/index.ts';
import { decode, encode, encodeEvent, published, traceHeaders } from '../protocol/index.ts';
import { type NatsStreams, STREAM_TIMEOUT_MS } from './nats-streams.ts';

/*
 * Publishes messages that a stream stores.
 *
 * - Of the events of a run that are published together, the last is acknowledged: they leave over one link in one turn, so
 *   where it is stored, those before it reached the server (ADR 87). One that the server had and did not store leaves a
 *   hole in front of the last, which every reader sees by its number and fills from the journal.
 * - Every other message is acknowledged by itself. The publishing side keeps only how far it came, so a message that was
 *   lost on the way, as when the link breaks or the stream is gone, would never be published again.
 * - A missing stream is created again, once, and what found no stream is published again.
 * - A fact has an id: the same fact again within the stream's window is stored once.
 */

/** Most events of one run for one acknowledgement. */
const WINDOW = 500;

interface Stored {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly id?: string; // the stream stores an id once within its window
}

export class NatsPublisher {
  readonly #rpcClient: RpcClient;
  readonly #streams: NatsStreams;

  constructor(asker: RpcClient, streams: NatsStreams) {
    this.#rpcClient = asker;
    this.#streams = streams;
  }

  events(events: readonly RunEvent[]): Promise<void> {
    return published(events, () => this.#events(events));
  }

  async #events(events: readonly RunEvent[]): Promise<void> {
    const messages = events.map((event) => ({
      subject: subjects.runEvent(event.tenantId, event.runId, event.type),
      body: encodeEvent(event),
      id: formatCursor(event.runId, event.seq),
    }));
    for (let from = 0; from < messages.length; from += WINDOW) {
      await this.#storeInOrder(messages.slice(from, from + WINDOW));
    }
  }

  async system(event: SystemEvent): Promise<void> {
    const document = toSystemCloudEvent(event);
    await this.#store({ subject: subjects.system(event.type), body: encode(document), id: document.id });
  }

  async wakeUp(tenantId: string, runId: string): Promise<void> {
    await this.#store({ subject: subjects.wakeUp(tenantId, runId), body: encode({}) });
  }

  async #store(message: Stored): Promise<void> {
    await this.#orAnew(() => this.#storeOne(message));
  }

  /** Stores messages of one run. They leave in one turn, so either none of them waits for a link or all do. */
  async #storeInOrder(messages: readonly Stored[]): Promise<void> {
    const last = messages.at(-1);
    if (!last) return;
    await this.#orAnew(async () => {
      await this.#rpcClient.ready(Date.now() + STREAM_TIMEOUT_MS);
      for (const { subject, body, id } of messages.slice(0, -1)) this.#rpcClient.tell(subject, body, headersOf(id));
      await this.#storeOne(last);
    });
  }

  /** Where no stream took what was sent, makes the stream again and sends it once more. */
  async #orAnew(store: () => Promise<void>): Promise<void> {
    try {
      await store();
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'no_responders') throw error;
      await this.#streams.ensure();
      await store();
    }
  }

  async #storeOne({ subject, body, id }: Stored): Promise<void> {
    const headers = headersOf(id);
    const deadline = Date.now() + STREAM_TIMEOUT_MS;
    const answer = await this.#rpcClient.exchange(subject, body, { headers, deadline, watched: false });
    const ack = decode(answer.body) as { error?: { description?: string } };
    if (ack.error)
      throw new AppError('unavailable', 'The message bus does not take messages at the moment.', { cause: ack.error });
  }
}

function headersOf(id: string | undefined): Record<string, string> {
  return { ...(id === undefined ? {} : { 'Nats-Msg-Id': id }), ...traceHeaders() };
}
