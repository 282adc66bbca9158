import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import { encodeRefusal, HEADER, type Wire } from '../protocol/index.ts';

/** Sends answers, refusals and progress frames to callers. A message that cannot be sent is logged; nothing throws. */
export class Replies {
  readonly #wire: Wire;
  readonly #log: Logger;

  constructor(wire: Wire, log: Logger) {
    this.#wire = wire;
    this.#log = log;
  }

  answer(to: string, body: Uint8Array): void {
    this.#send(to, body);
  }

  /** An error that is no AppError is sent as `internal`, without its text. */
  refuse(to: string, error: unknown): void {
    const { headers, body } = encodeRefusal(error);
    this.#send(to, body, headers);
  }

  /** With `watchedBy`, the server reports on that subject if nobody listens for the frame. */
  frame(to: string, body: Uint8Array, watchedBy?: string): void {
    this.#send(to, body, { [HEADER.frame]: 'progress' }, watchedBy);
  }

  #send(to: string, body: Uint8Array, headers?: Record<string, string>, reply?: string): void {
    try {
      this.#wire.publish(to, body, { ...(headers ? { headers } : {}), ...(reply === undefined ? {} : { reply }) });
    } catch (error) {
      logEvent(this.#log, 'rpc_answer_not_sent', { err: error });
    }
  }
}
