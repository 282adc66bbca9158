import type { StreamLimits, StreamName } from '@switchyard/contracts';
import type { JetStreamManager } from 'nats';
import type { NatsWire } from './wire.ts';
import { asUnavailable } from './pull.ts';
import { ensureStreams } from './streams.ts';

/** The server's limit to answer about streams, or to store a message. */
export const STREAM_TIMEOUT_MS = 5_000;

/** The streams of one server: created if missing, and queried for their position. */
export class NatsStreams {
  #manager: Promise<JetStreamManager> | undefined;
  #runs: StreamLimits | undefined;
  #copies: number | undefined;

  readonly #wire: NatsWire;

  constructor(wire: NatsWire) {
    this.#wire = wire;
  }

  /** What was given once counts from then on, also where the streams are made again. */
  async ensure(runs = this.#runs, copies = this.#copies): Promise<void> {
    this.#runs = runs;
    this.#copies = copies;
    try {
      await ensureStreams(await this.manager(), runs, copies);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async position(stream: StreamName): Promise<{ made: string; lastSeq: number }> {
    try {
      const { created, state } = await (await this.manager()).streams.info(stream);
      return { made: created, lastSeq: state.last_seq };
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  /** Made once; a failure is not remembered. */
  manager(): Promise<JetStreamManager> {
    this.#manager ??= this.#wire.connection.jetstreamManager({ timeout: STREAM_TIMEOUT_MS }).catch((error: unknown) => {
      this.#manager = undefined;
      throw error;
    });
    return this.#manager;
  }
}
