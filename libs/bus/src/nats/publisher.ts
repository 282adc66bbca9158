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
 * - Every single message is acknowledged. The publishing side only remembers how far it came, so an unacknowledged loss
 *   would never be repaired.
 * - A missing stream is created again, once, and the messages that found no stream are published again.
 * - A fact has an id: the same fact again within the stream's window is stored once.
 */

/** The most events that wait for their acknowledgement at once. */
const WINDOW = 500;

interface Stored {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly id?: string; // the stream stores an id once within its window
}

export class NatsPublisher {
  readonly #asker: RpcClient;
  readonly #streams: NatsStreams;

  constructor(asker: RpcClient, streams: NatsStreams) {
    this.#asker = asker;
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
      await this.#store(messages.slice(from, from + WINDOW));
    }
  }

  async system(event: SystemEvent): Promise<void> {
    const document = toSystemCloudEvent(event);
    await this.#store([{ subject: subjects.system(event.type), body: encode(document), id: document.id }]);
  }

  async wakeUp(tenantId: string, runId: string): Promise<void> {
    await this.#store([{ subject: subjects.wakeUp(tenantId, runId), body: encode({}) }]);
  }

  async #store(messages: readonly Stored[]): Promise<void> {
    const results = await Promise.allSettled(messages.map((message) => this.#storeOne(message)));
    const failed = messages.filter((_, index) => results[index]?.status === 'rejected');
    if (failed.length === 0) return;
    const error: unknown = results.find((result) => result.status === 'rejected')?.reason;
    if (!(error instanceof AppError) || error.code !== 'no_responders') throw error;
    await this.#streams.ensure(); // no stream took them: create it again
    await Promise.all(failed.map((message) => this.#storeOne(message)));
  }

  async #storeOne({ subject, body, id }: Stored): Promise<void> {
    const headers = { ...(id === undefined ? {} : { 'Nats-Msg-Id': id }), ...traceHeaders() };
    const deadline = Date.now() + STREAM_TIMEOUT_MS;
    const answer = await this.#asker.exchange(subject, body, { headers, deadline, watched: false });
    const ack = decode(answer.body) as { error?: { description?: string } };
    if (ack.error)
      throw new AppError('unavailable', 'The message bus does not take messages at the moment.', { cause: ack.error });
  }
}
