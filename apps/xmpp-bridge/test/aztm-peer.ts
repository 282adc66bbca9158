import { randomUUID } from 'node:crypto';
import { type Element, xml } from '@xmpp/client';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Session, SESSION_DEFAULTS, StanzaRefusal } from '../src/session/session.ts';

/*
 * A peer that speaks urn:aztm:v1 as the Python library does, written from its description and from nothing of ours but
 * the login: chat messages to bare JIDs, answers by the id of the stanza alone, no disco, no word of XEP-0332.
 */

export interface AztmSaid {
  readonly stanza: Element;
  readonly from: string;
  readonly id: string;
  readonly subject: string;
  readonly control: Record<string, unknown>;
  readonly payload: unknown;
}

export class AztmPeer {
  /** Requests that came in. */
  readonly asked: AztmSaid[] = [];
  /** Everything else that came in a message. */
  readonly heard: AztmSaid[] = [];
  /** Answers a request; undefined: says nothing. */
  answer: (
    said: AztmSaid,
  ) => { status: number; headers?: object; payload: unknown; corr?: string; id?: null } | undefined = (said) => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    payload: { echo: said.payload },
  });
  #session!: Session;

  static async login(options: LoginOptions): Promise<AztmPeer> {
    const peer = new AztmPeer();
    const stream = await login(options, new AbortController().signal);
    peer.#session = new Session(
      stream,
      {
        onQuestion: () => {
          throw new StanzaRefusal('service-unavailable');
        },
        onMessage: (message) => peer.#take(message),
        onPresence: (presence) => {
          const { type, from } = presence.attrs;
          if (type === 'subscribe') peer.#session.send(xml('presence', { to: from, type: 'subscribed' }));
        },
        onDropped: () => undefined,
        onClose: () => undefined,
      },
      { ...SESSION_DEFAULTS, priority: 0 },
    );
    return peer;
  }

  get jid(): string {
    return this.#session.jid;
  }

  /** Sends a request; its answers turn up in `heard`, under the id that is given back. */
  request(
    to: string,
    ask: {
      method: string;
      path: string;
      query?: string;
      headers?: object;
      payload?: unknown;
      ts?: number;
      id?: string;
      more?: Element;
    },
  ): { id: string; corr: string } {
    const { method, path, query = '', headers = {}, payload = null, ts = Math.floor(Date.now() / 1_000) } = ask;
    const [id, corr] = [ask.id ?? randomUUID(), randomUUID()];
    const control = { ns: 'urn:aztm:v1', version: '1.0', method, path, query, headers, corr, ts };
    this.say(to, id, path, { _aztm: control, payload }, ask.more);
    return { id, corr };
  }

  say(to: string, id: string | undefined, subject: string, document: unknown, more?: Element): void {
    const body = typeof document === 'string' ? document : JSON.stringify(document);
    this.#session.send(
      xml('message', { type: 'chat', to, id }, xml('subject', {}, subject), xml('body', {}, body), more),
    );
  }

  close(): void {
    this.#session.close();
  }

  #take(message: Element): void {
    const { from = '', id = '' } = message.attrs;
    const text = message.getChildText('body');
    if (text === null) return;
    const { _aztm: control, payload } = JSON.parse(text) as { _aztm: Record<string, unknown>; payload: unknown };
    const subject = message.getChildText('subject') ?? '';
    const said = { stanza: message, from, id, subject, control, payload };
    if (!('method' in control)) return void this.heard.push(said);
    this.asked.push(said);
    const answer = this.answer(said);
    if (!answer) return;
    const { status, headers = {}, payload: back, corr = control['corr'] } = answer;
    const to = from.split('/')[0]!; // the library answers to the bare JID
    this.say(to, answer.id === null ? undefined : id, `${subject}:response`, {
      _aztm: { status, headers, corr },
      payload: back,
    });
  }
}
