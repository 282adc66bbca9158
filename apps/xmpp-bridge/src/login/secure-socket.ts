import { createHash, type X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { CertificateSeen, Secured } from './tls.ts';
import type { ChannelBinding } from './scram.ts';
import type { Target } from './targets.ts';

/*
 * One TCP connection to an XMPP server, in clear text until startTls(), encrypted from then on.
 *
 * - Before the connection is secured only a stream header and <starttls/> may be written; anything else throws. The
 *   mode `off` means no TLS, and lifts that.
 * - Text arrives as the other side wrote it: a character that is split over two packets is put together.
 * - Clear text behind the answer to STARTTLS is never read as part of the secured stream.
 * - Writes leave together at the end of the current task, without a further delay (TCP_NODELAY).
 * - The operating system's keepalive also detects a dead peer.
 */

export interface SocketListener {
  /** Raw bytes of the first packet, before they are text. */
  onFirst(bytes: Buffer): void;
  onText(text: string): void;
  onClose(): void;
  onError(error: unknown): void;
}

export interface Trust {
  readonly domain: string;
  /** PEM; in addition to the CAs of the system. */
  readonly ca: string | undefined;
  readonly validate: boolean;
  /** SHA-256 of the only accepted certificate, in hex without colons. */
  readonly fingerprint: string | undefined;
}

/** Thrown by startTls() if the certificate is not the pinned one. */
export class PinError extends Error {
  constructor(readonly seen: string) {
    super('the certificate is not the pinned one');
  }
}

const KEEPALIVE_MS = 30_000;
/** In characters; a write of this size gains nothing from waiting for more. */
const MAX_HELD = 16_384;
const BEFORE_TLS = /^(<\?xml [^>]*\?>)?(<stream:stream [^>]*>|<starttls [^>]*\/>|<\/stream:stream>)$/;

export class SecureSocket {
  #socket: Socket;
  #decoder = new StringDecoder('utf8');
  #secured: boolean;
  #first = true;
  /** Text that was written but not handed to the system yet: it leaves at the end of the current task. */
  #held = '';

  readonly #target: Target;
  readonly #listener: SocketListener;

  private constructor(socket: Socket, target: Target, listener: SocketListener) {
    this.#target = target;
    this.#listener = listener;
    this.#socket = socket;
    this.#secured = target.mode === 'off';
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    this.#listen(socket);
  }

  /** Opens the connection; rejects with the error of the system. */
  static open(
    target: Target,
    listener: SocketListener,
    signal: AbortSignal,
    onAddressFailed: (address: string, code: string) => void = () => undefined,
  ): Promise<SecureSocket> {
    return new Promise((resolve, reject) => {
      const socket = connectTcp({ host: target.host, port: target.port, autoSelectFamily: true });
      const onAbort = (): void => void socket.destroy(new Error('aborted'));
      signal.addEventListener('abort', onAbort, { once: true });
      socket.once('error', reject);
      socket.on('connectionAttemptFailed', (address: string, _port: number, _family: number, error: Error) =>
        onAddressFailed(address, (error as NodeJS.ErrnoException).code ?? ''),
      );
      socket.once('connect', () => {
        signal.removeEventListener('abort', onAbort);
        socket.removeListener('error', reject);
        resolve(new SecureSocket(socket, target, listener));
      });
      if (signal.aborted) onAbort();
    });
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** Bytes that are written and not sent yet. */
  get buffered(): number {
    return this.#socket.writableLength + this.#held.length;
  }

  /** False: the buffer is full, wait for drained(). */
  write(text: string): boolean {
    if (!this.#secured) {
      if (!BEFORE_TLS.test(text)) throw new Error('nothing is said in clear text');
      return this.#socket.write(text, 'utf8');
    }
    if (this.#held === '') process.nextTick(this.#flush);
    this.#held += text;
    if (this.#held.length > MAX_HELD) this.#flush();
    return !this.#socket.writableNeedDrain;
  }

  readonly #flush = (): void => {
    const text = this.#held;
    this.#held = '';
    if (text !== '') this.#socket.write(text, 'utf8');
  };

  /** Resolves when the buffer is empty, or when the connection is gone. */
  drained(): Promise<void> {
    this.#flush();
    const socket = this.#socket;
    if (!socket.writableNeedDrain || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        socket.removeListener('drain', done);
        socket.removeListener('close', done);
        resolve();
      };
      socket.once('drain', done);
      socket.once('close', done);
    });
  }

  /** Encrypts the connection and checks the other side. Rejects with the error of TLS, or PinError. */
  async startTls(trust: Trust): Promise<Secured> {
    const raw = this.#socket;
    raw.removeAllListeners('data');
    raw.removeAllListeners('error');
    raw.removeAllListeners('close');
    const tls = await handshake(raw, trust, this.#target.mode === 'direct');
    const certificate = tls.getPeerX509Certificate();
    const fingerprint = certificate ? createHash('sha256').update(certificate.raw).digest('hex') : '';
    if (trust.fingerprint !== undefined && trust.fingerprint !== fingerprint) {
      tls.destroy();
      throw new PinError(fingerprint);
    }
    this.#socket = tls;
    this.#decoder = new StringDecoder('utf8'); // discards what came in clear text
    this.#secured = true;
    this.#listen(tls);
    const verified = tls.authorized || trust.fingerprint !== undefined;
    const seen = certificate ? inWords(certificate) : null;
    return {
      version: tls.getProtocol() ?? '',
      verified,
      bindings: bindingsOf(tls),
      fingerprint,
      certificate: seen,
    };
  }

  /** Ends the connection; buffered text may still leave within `graceMs`. */
  end(graceMs = 500): void {
    this.#flush();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), graceMs).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on('data', (bytes: Buffer) => {
      if (this.#first) {
        this.#first = false;
        this.#listener.onFirst(bytes);
      }
      this.#listener.onText(this.#decoder.write(bytes));
    });
    socket.on('error', (error) => this.#listener.onError(error));
    socket.on('close', () => this.#listener.onClose());
  }
}

function handshake(socket: Socket, trust: Trust, direct: boolean): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({
      socket,
      // RFC 6120 §13.7.2: the certificate must name the domain, whatever host we connected to.
      host: trust.domain,
      ...(/^[\d.]+$|:/.test(trust.domain) ? {} : { servername: trust.domain }),
      ...(trust.ca === undefined ? {} : { ca: trust.ca }),
      ...(direct ? { ALPNProtocols: ['xmpp-client'] } : {}),
      // A pinned certificate needs no CA.
      rejectUnauthorized: trust.validate && trust.fingerprint === undefined,
      minVersion: 'TLSv1.2',
    });
    const onClose = (): void => reject(Object.assign(new Error('closed'), { code: 'ERR_TLS_CLOSED' }));
    tls.once('error', reject);
    tls.once('close', onClose);
    tls.once('secureConnect', () => {
      tls.removeListener('error', reject);
      tls.removeListener('close', onClose);
      resolve(tls);
    });
  });
}

function inWords({ subject, subjectAltName, issuer, validTo }: X509Certificate): CertificateSeen {
  const flat = (text: string | undefined): string => (text ?? '').replace(/\s*\n\s*/g, ', ').slice(0, 300);
  return {
    subject: flat(subject),
    names: flat(subjectAltName?.replaceAll('DNS:', '')),
    issuer: flat(issuer),
    validTo: Date.parse(validTo),
  };
}

/** The types of channel binding of this connection, best first (RFC 9266, RFC 5929). */
function bindingsOf(tls: TLSSocket): ChannelBinding[] {
  const bindings: ChannelBinding[] = [];
  if (tls.getProtocol() === 'TLSv1.3') {
    const data = tls.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    bindings.push({ type: 'tls-exporter', data });
  }
  // Undefined for TLS 1.3 and therefore not chosen there (sasl-choice.ts); the doctor identifies servers that compute
  // it all the same.
  const finished = tls.getFinished();
  if (finished) bindings.push({ type: 'tls-unique', data: finished });
  const certificate = tls.getPeerX509Certificate();
  if (certificate) bindings.push({ type: 'tls-server-end-point', data: endPoint(certificate.raw) });
  return bindings;
}

/** RFC 5929 §4.1 requires the hash of the certificate's signature, and SHA-256 if that is weaker or unknown. */
function endPoint(certificate: Buffer): Buffer {
  const sha384 = Buffer.from('2a864886f70d01010c', 'hex');
  const sha512 = Buffer.from('2a864886f70d01010d', 'hex');
  const ecdsa384 = Buffer.from('2a8648ce3d040303', 'hex');
  const ecdsa512 = Buffer.from('2a8648ce3d040304', 'hex');
  const has = (...ids: Buffer[]): boolean => ids.some((id) => certificate.includes(id));
  const hash = has(sha512, ecdsa512) ? 'sha512' : has(sha384, ecdsa384) ? 'sha384' : 'sha256';
  return createHash(hash).update(certificate).digest();
}
