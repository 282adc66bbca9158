import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a reverse proxy changes requests and answers. */
export interface Change {
  /** Headers that replace those of the client; undefined: none. */
  readonly headers?: (method: string, path: string) => Readonly<Record<string, string>> | undefined;
  readonly answer?: (status: number, body: string) => string;
}

/** A reverse proxy before `target`. */
export async function startFront(target: string, { headers: changed, answer }: Change) {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method = 'GET', url: path = '/' } = incoming;
    const headers = { ...incoming.headers, ...changed?.(method, path) };
    const forward = httpRequest({ hostname, port, method, path, headers }, (response) => {
      const { statusCode = 502 } = response;
      if (!answer || String(response.headers['content-type']).includes('event-stream')) {
        outgoing.writeHead(statusCode, response.headers);
        response.pipe(outgoing);
        return;
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.from(answer(statusCode, Buffer.concat(chunks).toString('utf8')));
        const { 'transfer-encoding': _framing, ...kept } = response.headers;
        outgoing.writeHead(statusCode, { ...kept, 'content-length': body.length });
        outgoing.end(body);
      });
    });
    forward.on('error', () => outgoing.destroy());
    incoming.on('error', () => forward.destroy());
    outgoing.on('close', () => forward.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => new Promise<void>((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
