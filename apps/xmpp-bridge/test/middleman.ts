import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { FEATURES as F } from './hostile-server.ts';

/*
 * Something between a client and a real XMPP server that ends TLS on both sides and passes on what is said, as load
 * balancers do: with a certificate that the client trusts, so that nothing but the server's own answers tells of it.
 */

export interface MiddlemanOptions {
  readonly to: number;
  readonly domain: string;
  readonly tls: { certificate: string; key: string };
  /** The newest version that it offers the client. */
  readonly maxVersion?: SecureVersion;
  /** After SASL the client's next stream goes out over a new TCP connection: what the old client did to itself. */
  readonly reconnectsAfterSasl?: boolean;
}

export class Middleman {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** TCP connections to the server. */
  upstream = 0;

  readonly #options: MiddlemanOptions;

  private constructor(options: MiddlemanOptions) {
    this.#options = options;
    this.#server = createServer((near) => void this.#serve(near).catch(() => near.destroy()));
  }

  static async start(options: MiddlemanOptions): Promise<Middleman> {
    const middleman = new Middleman(options);
    middleman.#server.listen(0, '127.0.0.1');
    await once(middleman.#server, 'listening');
    return middleman;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(near: Socket): Promise<void> {
    const client = await this.#secureNear(this.#own(near));
    let server: Socket = await this.#secureFar(await this.#open());
    let authenticated = false;
    const fromServer = (bytes: Buffer): void => {
      if (bytes.includes('<success')) authenticated = true;
      client.write(bytes);
    };
    server.on('data', fromServer);
    client.on('data', (bytes: Buffer) => {
      if (!authenticated || !this.#options.reconnectsAfterSasl) return void server.write(bytes);
      authenticated = false;
      void this.#open().then((fresh) => {
        server = fresh.on('data', fromServer);
        fresh.write(bytes);
      });
    });
  }

  /** Plays the server's half of STARTTLS. */
  async #secureNear(near: Socket): Promise<Socket> {
    await said(near, '<stream:stream');
    near.write(F.open() + F.of(F.starttls));
    await said(near, '<starttls');
    near.write(F.proceed);
    const { tls, maxVersion = 'TLSv1.3' } = this.#options;
    const secureContext = createSecureContext({
      cert: readFileSync(tls.certificate),
      key: readFileSync(tls.key),
      maxVersion,
    });
    const secured = new TLSSocket(near, { isServer: true, secureContext });
    return this.#own(secured);
  }

  /** Plays the client's half of it. */
  async #secureFar(far: Socket): Promise<Socket> {
    far.write(
      `<?xml version='1.0'?><stream:stream to='${this.#options.domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    await said(far, '</stream:features>');
    far.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    await said(far, '<proceed');
    const secured = connectTls({ socket: far, rejectUnauthorized: false, servername: this.#options.domain });
    await once(secured, 'secureConnect');
    return this.#own(secured);
  }

  async #open(): Promise<Socket> {
    this.upstream += 1;
    const far = connect(this.#options.to, '127.0.0.1');
    await once(far, 'connect');
    return this.#own(far);
  }

  #own<S extends Socket>(socket: S): S {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
    });
    return socket;
  }
}

/** Resolves when the other side has said this. */
function said(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const onData = (bytes: Buffer): void => {
      heard += bytes.toString('utf8');
      if (!heard.includes(text)) return;
      socket.removeListener('data', onData);
      socket.removeListener('close', onClose);
      resolve();
    };
    const onClose = (): void => reject(new Error('closed'));
    socket.on('data', onData);
    socket.once('close', onClose);
  });
}
