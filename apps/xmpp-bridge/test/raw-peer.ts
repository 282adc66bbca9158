import { type Element, xml } from '@xmpp/client';
import { login, type LoginOptions } from '../src/login/login.ts';
import { Session, SESSION_DEFAULTS } from '../src/session/session.ts';

/** A session that says and hears single stanzas, as a test wants them. */
export class RawPeer {
  readonly messages: Element[] = [];
  readonly questions: Element[] = [];
  /** Answers an iq; undefined: not at all. */
  onQuestion: (iq: Element) => Element | undefined | Promise<Element | undefined> = () => undefined;
  session!: Session;
  /** Writes text as it is. */
  write!: (text: string) => void;

  static async login(options: LoginOptions, priority = 0): Promise<RawPeer> {
    const peer = new RawPeer();
    const stream = await login(options, new AbortController().signal);
    peer.write = (text) => void stream.socket.write(text);
    peer.session = new Session(
      stream,
      {
        onQuestion: (iq) => peer.#take(iq),
        onMessage: (message) => void peer.messages.push(message),
        onPresence: ({ attrs: { type, from } }) => {
          if (type === 'subscribe') peer.session.send(xml('presence', { to: from, type: 'subscribed' }));
        },
        onDropped: () => undefined,
        onClose: () => undefined,
      },
      { ...SESSION_DEFAULTS, priority },
    );
    return peer;
  }

  get jid(): string {
    return this.session.jid;
  }

  send(stanza: Element): void {
    this.session.send(stanza);
  }

  #take(iq: Element): Promise<Element | undefined> {
    this.questions.push(iq);
    const answer = this.onQuestion(iq);
    return answer === undefined ? new Promise(() => undefined) : Promise.resolve(answer);
  }
}
