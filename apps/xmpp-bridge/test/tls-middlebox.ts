import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { FEATURES as F } from './hostile-server.ts';

const HEADER = `<?xml version='1.0'?><stream:stream to='xmpp.test' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** Ends TLS on the way to a real XMPP server, with a certificate that the client trusts: what a middlebox does. */
export class TlsMiddlebox {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly upstreamPort: number,
    private readonly tls: { certificate: string; key: string },
  ) {
    this.#server = createServer((socket) => void this.#serve(socket).catch(() => socket.destroy()));
  }

  static async start(upstreamPort: number, tls: { certificate: string; key: string }): Promise<TlsMiddlebox> {
    const box = new TlsMiddlebox(upstreamPort, tls);
    box.#server.listen(0, '127.0.0.1');
    await once(box.#server, 'listening');
    return box;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(client: Socket): Promise<void> {
    const server = connect(this.upstreamPort, '127.0.0.1');
    for (const socket of [client, server]) this.#keep(socket);
    await hears(client, '<stream:stream');
    client.write(F.open() + F.of(F.starttls));
    await hears(client, '<starttls');
    server.write(HEADER);
    await hears(server, '</stream:features>');
    server.write(STARTTLS);
    await hears(server, '<proceed');
    client.write(F.proceed);
    const key = { cert: readFileSync(this.tls.certificate), key: readFileSync(this.tls.key) };
    const inside = new TLSSocket(client, { isServer: true, ...key });
    const outside = connectTls({ socket: server, rejectUnauthorized: false });
    for (const socket of [inside, outside]) this.#keep(socket);
    inside.pipe(outside).pipe(inside);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

function hears(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const onData = (bytes: Buffer): void => {
      heard += bytes.toString('latin1');
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
