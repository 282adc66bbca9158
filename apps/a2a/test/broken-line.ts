import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the line does to a JSON-RPC call: passes it (undefined), or one of these. */
export type Fault =
  | { status: number; retryAfter?: string }
  /** Passes the call on, then breaks the connection after so many bytes of the answer. */
  | { cutAfterBytes: number }
  /** Passes the call on, and breaks the connection before any of the answer comes back. */
  | { loseAnswer: true }
  /** Passes the call on and never gives the answer back. */
  | { swallow: true };

export interface BrokenLine {
  url: string;
  /** Decides per call by the method; called in order. */
  fault: (method: string) => Fault | undefined;
  /** Methods that arrived, in order. */
  methods: string[];
  /** Headers of the last call. */
  headers: () => IncomingMessage['headers'];
  stop(): Promise<void>;
}

/** A proxy in front of a real agent whose line can fail as networks do. Rewrites the card to its own address. */
export async function createBrokenLine(agentUrl: string): Promise<BrokenLine> {
  let lastHeaders: IncomingMessage['headers'] = {};
  const line: BrokenLine = {
    url: '',
    fault: () => undefined,
    methods: [],
    headers: () => lastHeaders,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
  const server = createServer((request, response) => void pass(request, response));

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const isCall = request.method === 'POST';
    const method = isCall ? (JSON.parse(body.toString()) as { method: string }).method : 'card';
    if (isCall) {
      line.methods.push(method);
      lastHeaders = request.headers;
    }
    const fault = isCall ? line.fault(method) : undefined;
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, fault.retryAfter ? { 'retry-after': fault.retryAfter } : {}).end('busy');
      return;
    }
    const upstream = httpRequest(
      agentUrl + request.url!,
      { method: request.method, headers: request.headers },
      (answer) => {
        if (!isCall) {
          const parts: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => parts.push(chunk));
          answer.on('end', () =>
            response
              .writeHead(answer.statusCode!, { 'content-type': 'application/json' })
              .end(Buffer.concat(parts).toString().replaceAll(agentUrl, line.url)),
          );
          return;
        }
        if (fault && 'loseAnswer' in fault) {
          answer.resume();
          return void response.socket?.resetAndDestroy();
        }
        if (fault && 'swallow' in fault) return void answer.resume();
        response.writeHead(answer.statusCode!, answer.headers);
        let passed = 0;
        answer.on('data', (chunk: Buffer) => {
          passed += chunk.length;
          if (fault && 'cutAfterBytes' in fault && passed >= fault.cutAfterBytes) {
            response.write(chunk, () => response.socket?.resetAndDestroy());
            return;
          }
          response.write(chunk);
        });
        answer.on('end', () => response.end());
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    upstream.end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  line.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return line;
}
