import { randomUUID } from 'node:crypto';
import type { Bus, Subscription } from '@switchyard/bus';
import { AppError, type InputOf, xmppAnswer } from '@switchyard/contracts';
import type { Logger } from '@switchyard/platform';
import { type Element, xml } from '@xmpp/client';
import { logEvent } from '../log-events.ts';
import { bareOf } from '../peers/index.ts';

/*
 * Forwards answers that peers sent to the bare JID to the replica that asked.
 *
 * - The id of a request is a UUID, as in the Python library. It names its replica and has 82 bits that nobody can
 *   guess. The id proves nothing: the replica that asked compares sender, id and `corr` as if the answer had come over
 *   its own session. The sender is the one that the server named.
 * - The bridge forwards only answers from peers that it calls. It forwards each once, and a limited number at a time.
 *   An answer that no replica takes counts as dropped.
 */

export interface AnswersParts {
  readonly bus: Pick<Bus, 'request' | 'answer'>;
  /** Of this replica: ten hexadecimal digits. */
  readonly name: string;
  /** Takes an answer to a request of this replica. */
  readonly take: (message: Element, corr?: string) => void;
  readonly isPeer: (bareJid: string) => boolean;
  readonly onDropped: (from: string | undefined) => void;
  readonly log: Logger;
}

const ID = /^([0-9a-f]{8})-([0-9a-f]{2})[0-9a-f]{2}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_UNDER_WAY = 256;
const MAX_BODY_CHARS = 262_144;

export class Answers {
  #underWay = 0;
  #taking: Promise<Subscription> | undefined;

  readonly #parts: AnswersParts;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  start(): void {
    const { bus, name } = this.#parts;
    this.#taking = bus.answer(xmppAnswer, (said) => Promise.resolve(this.#take(said)), { as: name });
    this.#taking.catch((error: unknown) => logEvent(this.#parts.log, 'xmpp_answers_not_received', { err: error }));
  }

  async stop(): Promise<void> {
    await (await this.#taking?.catch(() => undefined))?.stop();
  }

  /** A new id for a request: a UUID that names this replica. */
  newId(): string {
    const { name } = this.#parts;
    return `${name.slice(0, 8)}-${name.slice(8)}${randomUUID().slice(11)}`;
  }

  /**
   * Forwards an answer that came to the bare JID to the replica that asked. `corr` names the request if its id does
   * not.
   */
  handOn(message: Element, corr = ''): void {
    const { name, bus, take, isPeer, onDropped } = this.#parts;
    const { from = '' } = message.attrs;
    const id = ID.test(message.attrs['id'] ?? '') ? message.attrs['id']! : corr;
    const named = ID.exec(id);
    const to = named ? `${named[1]}${named[2]}` : undefined;
    if (to === name) return take(message, corr);
    const body = message.getChildText('body') ?? '';
    if (to === undefined || !isPeer(bareOf(from)) || body.length > MAX_BODY_CHARS || this.#underWay >= MAX_UNDER_WAY)
      return onDropped(from);
    this.#underWay += 1;
    const subject = (message.getChildText('subject') ?? '').slice(0, 1_000);
    bus
      .request(xmppAnswer, { from, id, subject, body }, { to })
      .catch((error: unknown) => {
        onDropped(from);
        const code = error instanceof AppError ? error.code : 'internal';
        if (code !== 'no_responders') logEvent(this.#parts.log, 'xmpp_answer_not_delivered', { err: error });
      })
      .finally(() => (this.#underWay -= 1));
  }

  #take({ from, id, subject, body }: InputOf<typeof xmppAnswer>): Record<string, never> {
    this.#parts.take(xml('message', { type: 'chat', from, id }, xml('subject', {}, subject), xml('body', {}, body)));
    return {};
  }
}
