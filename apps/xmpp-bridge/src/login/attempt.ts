import { randomBytes } from 'node:crypto';
import type { AttemptOptions, LoginTap, OnStep } from './attempt-options.ts';
import { LoginError } from './failure.ts';
import {
  advance,
  LOGIN_START,
  type LoginAction,
  type LoginContext,
  type LoginEvent,
  type LoginState,
} from './machine.ts';
import * as say from './sentences.ts';
import { stanzas } from './stanzas.ts';
import { prove } from './scram.ts';
import type { OpenStream, StreamListener } from './open-stream.ts';
import { PinError, SecureSocket, type Trust } from './secure-socket.ts';
import { firstBytesFailure, socketFailure } from './socket-failure.ts';
import type { Target } from './targets.ts';
import { serialised, XmlStream } from '../wire/index.ts';

/*
 * Performs the actions of the login machine: one attempt, at one server.
 *
 * - An attempt has one object for its connection and its stream. No part of it outlives a failed attempt.
 * - The promise always settles: with an open session, or with a LoginError.
 * - Stanzas that arrive between the login and the owner's first listener are kept for the owner, in order.
 */

/** `late`: the failure to report when the attempt is aborted. */
export class Attempt {
  readonly #context: LoginContext;
  #state: LoginState = LOGIN_START;
  #socket: SecureSocket | null = null;
  #stream: XmlStream;
  #owner: StreamListener | null = null;
  #closedWhy: string | null = null;
  #lastText = '';
  /** The number of stream headers of the server on the open stream. */
  #headers = 0;
  #resolve!: (stream: OpenStream) => void;
  #reject!: (error: LoginError) => void;
  #settled = false;
  /** Stanzas that came before the owner listened, in order. */
  readonly #early: ((owner: StreamListener) => void)[] = [];

  readonly #options: AttemptOptions;
  readonly #target: Target;
  readonly #onStep: OnStep;
  readonly #signal: AbortSignal;
  readonly #late: () => LoginError;
  readonly #tap: LoginTap | undefined;

  constructor(
    options: AttemptOptions,
    target: Target,
    onStep: OnStep,
    signal: AbortSignal,
    late: () => LoginError,
    tap: LoginTap | undefined,
  ) {
    this.#options = options;
    this.#target = target;
    this.#onStep = onStep;
    this.#signal = signal;
    this.#late = late;
    this.#tap = tap;
    this.#context = {
      domain: options.domain,
      user: options.jid.slice(0, options.jid.indexOf('@')),
      resource: options.resource,
      mode: target.mode,
      binding: options.channelBinding,
      allowPlain: options.allowPlain,
      nonce: randomBytes(24).toString('base64url'),
      bindId: randomBytes(9).toString('base64url'),
      onlyBinding: options.onlyBinding,
    };
    this.#stream = this.#newStream();
  }

  run(): Promise<OpenStream> {
    const done = new Promise<OpenStream>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const onAbort = (): void => this.#fail(this.#late());
    if (this.#signal.aborted) onAbort();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    this.#onStep('connecting');
    const onAddress = (address: string, code: string): void => this.#tap?.addressFailed(address, code);
    SecureSocket.open(this.#target, this.#socketListener(), this.#signal, onAddress).then(
      (socket) => {
        this.#socket = socket;
        if (this.#settled) return socket.destroy();
        this.#tap?.connected(this.#target, socket);
        this.#take({ type: 'connected' });
      },
      (error: unknown) => this.#broken(error),
    );
    return done.finally(() => this.#signal.removeEventListener('abort', onAbort));
  }

  #socketListener() {
    return {
      onFirst: (bytes: Buffer) => {
        const failure = firstBytesFailure(bytes, this.#target);
        if (failure && !this.#settled) this.#take({ type: 'broken', ...failure });
      },
      onText: (text: string) => {
        this.#lastText = text;
        this.#tap?.received(text);
        if (this.#beginsAgain(text))
          return this.#take({ type: 'broken', code: 'TLS_REOFFERED', sentence: say.tlsReoffered() });
        this.#stream.write(text);
      },
      onClose: () => this.#closed('the server closed the connection'),
      onError: (error: unknown) => this.#broken(error),
    };
  }

  /**
   * True if a stream header arrives within the authenticated stream: another server is asking for TLS, as the first one
   * did. As XML it would be an element without end.
   */
  #beginsAgain(text: string): boolean {
    if (this.#settled || !this.#state.authenticated) return false;
    this.#headers += text.split('<stream:stream').length - 1;
    return this.#headers > 1;
  }

  #newStream(): XmlStream {
    this.#headers = 0;
    const stream: XmlStream = new XmlStream({
      onHeader: () => this.#take({ type: 'header' }),
      onElement: (element) => {
        if (!this.#settled) return this.#take({ type: 'element', element });
        this.#tellOwner((owner) => owner.onElement(element));
      },
      onSkipped: (skipped) => this.#tellOwner((owner) => owner.onSkipped(skipped)),
      onEnd: () => this.#closed('the server ended the stream'),
      onInvalid: (why) => {
        this.#take({ type: 'broken', code: 'XML_INVALID', sentence: `The server sent what is not XML: ${why}.` });
        this.#closed(`the server sent what is not XML: ${why}`);
      },
    });
    return stream;
  }

  #tellOwner(tell: (owner: StreamListener) => void): void {
    if (this.#owner) tell(this.#owner);
    else this.#early.push(tell);
  }

  #take(event: LoginEvent): void {
    if (this.#settled) return;
    const { state, actions } = advance(this.#state, event, this.#context);
    this.#tap?.moved?.(event, this.#state, actions);
    if (state.step !== this.#state.step) this.#onStep(state.step);
    this.#state = state;
    for (const action of actions) this.#do(action);
  }

  #do(action: LoginAction): void {
    switch (action.do) {
      case 'open':
        this.#stream.close();
        this.#stream = this.#newStream();
        this.#write(stanzas.header(this.#context.domain));
        return;
      case 'send':
        this.#write(action.element.toString());
        return;
      case 'sendPlain':
        this.#write(stanzas.plain(this.#context.user, this.#options.password).toString());
        return;
      case 'startTls':
        return this.#startTls();
      case 'prove':
        prove(action.start, this.#options.password, action.challenge).then(
          (proof) => this.#take({ type: 'proved', proof }),
          (error: unknown) =>
            this.#take({
              type: 'broken',
              code: 'SASL_FAILED',
              sentence: `The server's challenge was refused: ${error instanceof Error ? error.message : 'not understood'}.`,
            }),
        );
        return;
      case 'online':
        return this.#online(action.jid);
      case 'fail':
        return this.#fail(new LoginError(action.failure));
    }
  }

  #write(text: string): boolean {
    this.#tap?.sent(text);
    return this.#socket?.write(text) ?? false;
  }

  #startTls(): void {
    // An honest server sends nothing between <proceed/> and the handshake (RFC 6120 §5.4.3.3).
    if (this.#target.mode === 'starttls' && !/(<proceed[^>]*\/>|<\/proceed>)\s*$/.test(this.#lastText)) {
      return this.#take({ type: 'broken', code: 'TLS_INJECTION', sentence: say.tlsInjection() });
    }
    this.#stream.close();
    const { domain, ca, validateCertificate: validate, fingerprint } = this.#options;
    const trust: Trust = { domain, ca, validate, fingerprint };
    this.#socket!.startTls(trust).then(
      (tls) => {
        this.#tap?.secured(tls);
        this.#take({ type: 'secured', tls });
      },
      (error: unknown) => this.#broken(error),
    );
  }

  #online(jid: string): void {
    const socket = this.#socket!;
    this.#settled = true;
    this.#stream.skipTooLarge();
    this.#resolve({
      jid,
      socket,
      tlsVersion: this.#state.tls?.version ?? null,
      mechanism: this.#state.scram?.mechanism ?? 'PLAIN',
      bindingRefused: this.#state.bindingRefused,
      send: (element) => this.#write(serialised(element)),
      listen: (listener) => {
        this.#owner = listener;
        for (const tell of this.#early.splice(0)) tell(listener);
        if (this.#closedWhy !== null) listener.onClose(this.#closedWhy);
      },
    });
  }

  #broken(error: unknown): void {
    if (this.#settled) return this.#closed('the connection broke');
    if (error instanceof PinError) {
      const sentence = `The certificate (SHA-256 ${error.seen}) is not the pinned one (AZTM_CERT_FINGERPRINT).`;
      return this.#take({ type: 'broken', code: 'CERT_PIN', sentence });
    }
    this.#take({
      type: 'broken',
      ...socketFailure(error, this.#target, this.#options.domain, this.#options.ca !== undefined),
    });
  }

  #closed(why: string): void {
    if (!this.#settled) return this.#take({ type: 'closed' });
    if (this.#closedWhy !== null) return;
    this.#closedWhy = why;
    this.#stream.close();
    this.#socket?.destroy();
    this.#owner?.onClose(why);
  }

  #fail(error: LoginError): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#closedWhy = error.failure.sentence;
    this.#stream.close();
    this.#socket?.destroy();
    this.#reject(error);
  }
}
