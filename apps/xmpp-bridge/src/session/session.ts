import { type Element, xml } from '@xmpp/client';
import { IqError, type IqOutcome, IqRegistry, type Question } from './iq-registry.ts';
import type { OpenStream } from '../login/index.ts';
import type { SkippedStanza } from '../wire/index.ts';

/*
 * An authenticated session: sends requests, answers requests, and detects a dead connection.
 *
 * - The session detects a silent connection within pingMs + pongMs, even if it is idle (XEP-0199).
 * - However the session ends, onClose is called once, and every open request has ended before.
 * - Every request of a peer gets an answer: that of the handler, or an error that reveals nothing about us. A request
 *   whose id is too long to repeat gets none.
 * - No stanza of a peer ends the session, whatever a handler does with it. A stanza that is too large or too deep to be
 *   read is counted. If it is a request, the session refuses it; if it is an answer, the waiting request ends at once.
 */

export interface SessionOptions {
  readonly pingMs: number;
  readonly pongMs: number;
  readonly maxPending: number;
  /** The presence priority; a negative one receives nothing that is addressed to the bare JID (RFC 6121 §8.5.2). */
  readonly priority: number;
  /** Further content of the presence. */
  readonly presence?: () => Element;
}

export const SESSION_DEFAULTS: SessionOptions = { pingMs: 15_000, pongMs: 5_000, maxPending: 2_048, priority: -1 };

export interface SessionHandlers {
  /**
   * Answers a request of a peer: returns the payload of the result, undefined for an empty one, or throws
   * StanzaRefusal.
   */
  onQuestion(iq: Element): Promise<Element | undefined> | undefined;
  onMessage(message: Element): void;
  onPresence(presence: Element): void;
  onDropped(outcome: IqOutcome, from: string | undefined): void;
  /** A stanza was too large or too deep to be read; `from` if its start tag was read. */
  onSkipped?(why: SkippedStanza['why'], from: string | undefined): void;
  /** A handler threw for a message or a presence, which is dropped. */
  onDefect?(error: unknown): void;
  /** `condition`: the stream error of the server, if there was one. */
  onClose(why: string, condition?: string): void;
}

/** The answer of a handler that refuses: a condition of RFC 6120 §8.3.3. */
export class StanzaRefusal extends Error {
  constructor(
    readonly condition: string,
    readonly type: 'cancel' | 'modify' | 'auth' | 'wait' = 'cancel',
    readonly text?: string,
  ) {
    super(condition);
  }
}

const STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const PING = 'urn:xmpp:ping';
/** An answer repeats the id of its request; a longer id would only make our answers too large for our server. */
const MAX_ID_CHARS = 1_024;

export class Session {
  readonly #registry: IqRegistry;
  #pinging: NodeJS.Timeout | undefined;
  #closed = false;

  readonly #stream: OpenStream;
  readonly #handlers: SessionHandlers;
  readonly #options: SessionOptions;

  constructor(stream: OpenStream, handlers: SessionHandlers, options: SessionOptions = SESSION_DEFAULTS) {
    this.#stream = stream;
    this.#handlers = handlers;
    this.#options = options;
    this.#registry = new IqRegistry(stream.jid, options.maxPending, (outcome, from) =>
      handlers.onDropped(outcome, from),
    );
    stream.listen({
      onElement: (element) => this.#take(element),
      onSkipped: (skipped) => this.#takeSkipped(skipped),
      onClose: (why) => this.#onClose(why),
    });
    if (!this.#closed) {
      this.announce(options.priority);
      this.#schedulePing();
    }
  }

  get jid(): string {
    return this.#stream.jid;
  }

  get open(): boolean {
    return !this.#closed;
  }

  /** The number of open requests. */
  get pending(): number {
    return this.#registry.size;
  }

  /** Announces this resource with a priority for stanzas to the bare JID. */
  announce(priority: number): void {
    this.#send(xml('presence', {}, xml('priority', {}, String(priority)), this.#options.presence?.()));
  }

  /** Asks `to` (a full JID, or the server where it is absent). Rejects with IqError. */
  ask(type: 'get' | 'set', payload: Element, question: Question): Promise<Element> {
    return this.askWith(question, (id) =>
      xml('iq', { type, id, ...(question.to === undefined ? {} : { to: question.to }) }, payload),
    );
  }

  /** Sends a stanza that the caller builds. If the answer is no iq, the caller passes it to takeAnswer(). */
  askWith(question: Question, stanza: (id: string) => Element): Promise<Element> {
    if (this.#closed) return Promise.reject(new IqError('connection_lost', 'There is no connection.', 'not_sent'));
    return this.#registry.ask(question, (id) => this.#send(stanza(id)));
  }

  /** Takes a message that answers a request, or counts it as dropped. `alias`: the other name of the request. */
  takeAnswer(message: Element, alias?: string): void {
    this.#registry.take(message, alias);
  }

  /** True if a request with this id was sent recently. */
  asked(id: string): boolean {
    return this.#registry.has(id);
  }

  /** A peer is gone: ends the requests to it at once, with an unknown outcome. */
  failTo(jid: string): void {
    this.#registry.failTo(jid, 'The other side went away.');
  }

  /** Sends a stanza without an answer. False: the buffer is full, wait for drained(). */
  send(element: Element): boolean {
    return this.#send(element);
  }

  drained(): Promise<void> {
    return this.#stream.socket.drained();
  }

  /** Closes the stream politely. */
  close(why = 'closed here'): void {
    if (this.#closed) return;
    try {
      this.#send(xml('presence', { type: 'unavailable' }));
      this.#stream.socket.write('</stream:stream>');
    } catch {
      // It is gone already.
    }
    this.#stream.socket.end();
    this.#onClose(why);
  }

  /** Round trip to the server in ms. Rejects with IqError. */
  async ping(timeoutMs = this.#options.pongMs): Promise<number> {
    const began = performance.now();
    // A refusal is an answer, too: a server without XEP-0199 sends one.
    await this.ask('get', xml('ping', { xmlns: PING }), { timeoutMs }).catch((error: unknown) => {
      if (!(error instanceof IqError) || error.code !== 'refused') throw error;
    });
    return performance.now() - began;
  }

  #schedulePing(): void {
    this.#pinging = setTimeout(() => {
      this.ping().then(
        () => this.#closed || this.#schedulePing(),
        () => {
          if (this.#closed) return;
          this.#stream.socket.destroy();
          this.#onClose(`the server did not answer a ping within ${this.#options.pongMs / 1_000} s`);
        },
      );
    }, this.#options.pingMs).unref();
  }

  #take(element: Element): void {
    if (this.#closed) return;
    switch (element.getName()) {
      case 'iq':
        return this.#takeIq(element);
      case 'message':
        return this.#handled(() => this.#handlers.onMessage(element));
      case 'presence':
        return this.#handled(() => this.#handlers.onPresence(element));
      case 'error': {
        const condition = element
          .getChildElements()
          .find((child) => child.getName() !== 'text')
          ?.getName();
        this.#stream.socket.end();
        return this.#onClose(`the server ended the stream: ${condition ?? 'no condition'}`, condition);
      }
      default:
    }
  }

  /** Counts a stanza that cannot be read; refuses it if it is a request, ends our request if it is an answer. */
  #takeSkipped({ why, head }: SkippedStanza): void {
    if (this.#closed) return;
    this.#handlers.onSkipped?.(why, head?.attrs['from']);
    if (!head) return;
    const { id = '', type } = head.attrs;
    if (id.length > MAX_ID_CHARS) return;
    if (head.is('iq') && (type === 'get' || type === 'set'))
      this.#refuse(
        head,
        new StanzaRefusal('policy-violation', 'modify', 'The stanza is too large or nested too deep.'),
      );
    else if (this.#registry.has(id)) this.#registry.takeUnreadable(head);
  }

  /** Runs a handler; its error does not end the session. */
  #handled(handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#handlers.onDefect?.(error);
    }
  }

  #takeIq(iq: Element): void {
    const { type } = iq.attrs;
    if (type === 'result' || type === 'error') return this.#registry.take(iq);
    if (type !== 'get' && type !== 'set') return;
    if ((iq.attrs['id'] ?? '').length > MAX_ID_CHARS) return;
    if (iq.getChild('ping', PING)) return this.#answer(iq, undefined);
    let answer: Promise<Element | undefined> | undefined;
    try {
      answer = this.#handlers.onQuestion(iq);
    } catch (error) {
      return this.#refuse(iq, error);
    }
    if (answer === undefined) return this.#refuse(iq, new StanzaRefusal('service-unavailable'));
    answer.then(
      (payload) => this.#answer(iq, payload),
      (error: unknown) => this.#refuse(iq, error),
    );
  }

  #answer(iq: Element, payload: Element | undefined): void {
    const answer = xml('iq', { type: 'result', id: iq.attrs['id'], to: iq.attrs['from'] }, payload);
    if (!this.#trySend(answer)) this.#refuse(iq, new StanzaRefusal('internal-server-error'));
  }

  #refuse(iq: Element, error: unknown): void {
    // Any other error must reveal nothing about us.
    const refusal = error instanceof StanzaRefusal ? error : new StanzaRefusal('internal-server-error');
    const text = refusal.text === undefined ? undefined : xml('text', { xmlns: STANZA_ERRORS }, refusal.text);
    const body = xml('error', { type: refusal.type }, xml(refusal.condition, { xmlns: STANZA_ERRORS }), text);
    this.#trySend(xml('iq', { type: 'error', id: iq.attrs['id'], to: iq.attrs['from'] }, body));
  }

  /** False if the connection is gone, or no server would carry the stanza. */
  #trySend(element: Element): boolean {
    try {
      if (!this.#closed) this.#send(element);
      return !this.#closed;
    } catch {
      return false;
    }
  }

  #send(element: Element): boolean {
    if (this.#closed) throw new Error('there is no connection');
    return this.#stream.send(element);
  }

  #onClose(why: string, condition?: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pinging);
    this.#registry.failAll(why);
    this.#handlers.onClose(why, condition);
  }
}
