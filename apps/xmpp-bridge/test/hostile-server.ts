import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/*
 * An XMPP server that does as a test tells it, byte for byte. Everything that a client writes before TLS is kept, so
 * that a test can say what was seen in clear text.
 */

export interface Script {
  /** Answers what the client just wrote. `tls`: the connection is encrypted. `round`: counts stream headers, from 1. */
  onText(text: string, client: Client): void;
  /** TLS from the first byte. */
  direct?: boolean;
}

export interface Client {
  readonly tls: boolean;
  readonly round: number;
  write(text: string | Buffer): void;
  end(): void;
  /** The server's half of STARTTLS; resolves when the client has finished its handshake. */
  secure(): void;
}

export const FEATURES = {
  open: (id = 'x') =>
    `<?xml version='1.0'?><stream:stream from='xmpp.test' id='${id}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
  of: (...inner: string[]) => `<stream:features>${inner.join('')}</stream:features>`,
  starttls: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
  proceed: "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
  sasl: (...names: string[]) =>
    `<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`,
  success: (text = '') =>
    `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${Buffer.from(text).toString('base64')}</success>`,
  failure: (condition: string, text = '') =>
    `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/>${text === '' ? '' : `<text>${text}</text>`}</failure>`,
  bind: "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
  streamError: (condition: string, text = '') =>
    `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>${text === '' ? '' : `<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${text}</text>`}</stream:error>`,
} as const;

/** A server that goes along as far as `stage`, where the test says what happens. */
export function upTo(
  stage: 'open' | 'starttls' | 'secured' | 'auth' | 'challenge' | 'authenticated' | 'bind',
  then: (client: Client, text: string) => void,
  mechanisms = ['SCRAM-SHA-256'],
): Script {
  return {
    onText: (text, client) => {
      if (text.includes('<stream:stream')) {
        if (!client.tls)
          return stage === 'open' ? then(client, text) : client.write(FEATURES.open() + FEATURES.of(FEATURES.starttls));
        if (client.round === 2)
          return stage === 'secured'
            ? then(client, text)
            : client.write(FEATURES.open() + FEATURES.of(FEATURES.sasl(...mechanisms)));
        return stage === 'authenticated'
          ? then(client, text)
          : client.write(FEATURES.open() + FEATURES.of(FEATURES.bind));
      }
      if (text.includes('<starttls')) {
        if (stage === 'starttls') return then(client, text);
        client.write(FEATURES.proceed);
        return client.secure();
      }
      if (text.includes('<auth')) {
        if (stage === 'auth') return then(client, text);
        return client.write(FEATURES.success());
      }
      if (text.includes('<response') && stage === 'challenge') return then(client, text);
      if (text.includes('<iq') && stage === 'bind') return then(client, text);
    },
  };
}

export class HostileServer {
  readonly inClear: string[] = [];
  /** All that clients said, in clear text or not. */
  readonly heard: string[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  readonly #server: Server;
  script: Script = { onText: () => undefined };

  readonly #tls: { certificate: string; key: string };

  private constructor(tls: { certificate: string; key: string }) {
    this.#tls = tls;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(tls: { certificate: string; key: string }): Promise<HostileServer> {
    const server = new HostileServer({
      certificate: readFileSync(tls.certificate, 'utf8'),
      key: readFileSync(tls.key, 'utf8'),
    });
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(raw: Socket): void {
    this.connections += 1;
    this.sockets.add(raw);
    raw.on('close', () => this.sockets.delete(raw));
    raw.on('error', () => undefined);
    let active: Socket = raw;
    let tls = false;
    let round = 0;
    const hear = (socket: Socket): void => {
      socket.on('data', (bytes: Buffer) => {
        const text = bytes.toString('utf8');
        this.heard.push(text);
        if (!tls) this.inClear.push(text);
        if (text.includes('<stream:stream')) round += 1;
        this.script.onText(text, client);
      });
    };
    const client: Client = {
      get tls() {
        return tls;
      },
      get round() {
        return round;
      },
      write: (text) => void active.write(text),
      end: () => void active.end(),
      secure: () => {
        raw.removeAllListeners('data');
        const secured = new TLSSocket(raw, { isServer: true, cert: this.#tls.certificate, key: this.#tls.key });
        secured.on('error', () => undefined);
        tls = true;
        active = secured;
        hear(secured);
      },
    };
    if (this.script.direct) client.secure();
    else hear(raw);
  }
}
