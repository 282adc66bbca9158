import type { Element } from '@xmpp/client';
import type { ChannelBinding } from './scram.ts';
import type { SecureSocket } from './secure-socket.ts';
import type { SkippedStanza } from '../wire/index.ts';

/** An authenticated stream. Its owner takes over the listeners. */
export interface OpenStream {
  readonly jid: string;
  readonly socket: SecureSocket;
  /** Sends all further stanzas to the owner of the session. */
  listen(listener: StreamListener): void;
  send(element: Element): boolean;
  readonly tlsVersion: string | null;
  readonly mechanism: string | null;
  /** The type of channel binding that the server refused before it accepted a login without. */
  readonly bindingRefused: ChannelBinding['type'] | null;
}

export interface StreamListener {
  onElement(element: Element): void;
  /** A stanza was too large or too deep to be read; the stream goes on. */
  onSkipped(skipped: SkippedStanza): void;
  /** Once; `why` is for people. */
  onClose(why: string): void;
}
