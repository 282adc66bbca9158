import type { Element } from '@xmpp/client';
import type { ChannelBinding } from './scram.ts';
import type { SecureSocket } from './secure-socket.ts';
import type { SkippedStanza } from '../wire/index.ts';

/** A stream on which the login stands. Its owner takes the listeners over. */
export interface OpenStream {
  readonly jid: string;
  readonly socket: SecureSocket;
  /** Hands everything that comes from now on to the owner of the session. */
  listen(listener: StreamListener): void;
  send(element: Element): boolean;
  readonly tlsVersion: string | null;
  readonly mechanism: string | null;
  /** The type of channel binding that the server refused before it let us in without. */
  readonly bindingRefused: ChannelBinding['type'] | null;
}

export interface StreamListener {
  onElement(element: Element): void;
  /** A stanza larger or deeper than is read here; the stream goes on. */
  onSkipped(skipped: SkippedStanza): void;
  /** Once; `why` is for people. */
  onClose(why: string): void;
}
