import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { createSafeFetch, type SafeFetchOptions } from '../src/index.ts';

export interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A server on loopback that answers as a test wants it to, and tells what reached it. */
export class TestServer {
  readonly seen: Seen[] = [];
  connections = 0;
  /** Answers that the other side did not take to their end. */
  closedEarly = 0;
  readonly routes = new Map<string, (response: ServerResponse, request: Seen) => void>();
  readonly #server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      this.seen.push(one);
      response.on('close', () => (this.closedEarly += response.writableFinished ? 0 : 1));
      (this.routes.get(one.url) ?? ((answer) => answer.end('ok')))(response, one);
    });
  });

  static async start(): Promise<TestServer> {
    const made = new TestServer();
    made.#server.on('connection', () => (made.connections += 1));
    await new Promise<void>((resolve) => made.#server.listen(0, '127.0.0.1', () => resolve()));
    return made;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get base(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A fetch that may reach this server. */
  open(options: SafeFetchOptions = {}): ReturnType<typeof createSafeFetch> {
    return createSafeFetch({ allowHosts: [`127.0.0.1:${this.port}`], timeoutMs: 20_000, ...options });
  }

  forget(): void {
    this.seen.length = 0;
    this.connections = 0;
    this.closedEarly = 0;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}

/** A name server that gives these addresses for every name. */
export const answers = (...addresses: string[]): LookupFunction =>
  ((_host: string, _options: unknown, callback: (error: null, all: { address: string; family: number }[]) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as unknown as LookupFunction;
