import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';

/* An HTTP client that sends malformed requests, and waits for each answer for a limited time. */

export interface Sent {
  readonly method: string;
  readonly path: string;
  /** Sent as they stand: names may repeat, and the client adds only what HTTP requires. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array;
}

export interface Answered {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

const LIMIT_MS = 20_000;
/** How long a stream is read after its first byte. */
const STREAM_READ_MS = 400;
const MAX_BODY_BYTES = 1024 * 1024;
const NOTHING: Answered = { status: 0, headers: '', body: '' };

/** Sends one request and reads its answer, or the beginning of a stream. Never rejects. */
export function send(base: string, { method, path, headers = [], body }: Sent): Promise<Answered> {
  const { hostname, port, host } = new URL(base);
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const own: [string, string][] = [];
  if (!given.has('host')) own.push(['Host', host]);
  if (body !== undefined && !given.has('content-type')) own.push(['Content-Type', 'application/json']);
  if (body !== undefined && !given.has('content-length') && !given.has('transfer-encoding'))
    own.push(['Content-Length', String(Buffer.byteLength(body))]);
  return new Promise((resolve) => {
    let settled = false;
    const settle = (answer: Answered) => {
      if (settled) return;
      settled = true;
      clearTimeout(limit);
      resolve(answer);
    };
    let limit: NodeJS.Timeout | undefined;
    try {
      const request = httpRequest(
        // Each request gets its own connection: the server may close a kept one at the moment of the next request.
        { hostname, port, method, path, agent: false, setHost: false, headers: [...own, ...headers].flat() as never },
        (response) => {
          const { statusCode: status = 0, rawHeaders } = response;
          const chunks: Buffer[] = [];
          let size = 0;
          const done = () => {
            settle({ status, headers: rawHeaders.join('\n'), body: Buffer.concat(chunks).toString('utf8') });
            request.destroy();
          };
          const isStream = String(response.headers['content-type']).includes('event-stream');
          if (isStream) setTimeout(done, STREAM_READ_MS).unref();
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            if ((size += chunk.length) > MAX_BODY_BYTES) done();
          });
          response.on('end', done);
          response.on('error', done);
        },
      );
      limit = setTimeout(() => (settle(NOTHING), request.destroy()), LIMIT_MS);
      request.on('error', () => settle(NOTHING));
      request.end(body);
    } catch {
      // Node's client refuses to send such a header or path; sendRaw sends it as raw bytes.
      settle({ ...NOTHING, status: -1 });
    }
  });
}

/** Sends raw bytes and reads until the server closes the connection or sends nothing for a while. */
export function sendRaw(base: string, bytes: string | Uint8Array, quietMs = 400): Promise<Answered> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    let quiet: NodeJS.Timeout | undefined;
    const done = () => {
      clearTimeout(quiet);
      socket.destroy();
      const [head = '', ...rest] = text.split('\r\n\r\n');
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0),
        headers: head,
        body: rest.join('\r\n\r\n'),
      });
    };
    const again = (ms: number) => {
      clearTimeout(quiet);
      quiet = setTimeout(done, ms);
    };
    again(LIMIT_MS / 4);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      if (text.length < MAX_BODY_BYTES) text += chunk.toString('latin1');
      again(quietMs);
    });
    socket.on('close', done);
    socket.on('error', () => undefined);
  });
}

/** Counts the responses that came over one connection. */
export function answersIn({ headers, body }: Answered): number {
  return `${headers}\n${body}`.match(/HTTP\/1\.1 \d{3}/g)?.length ?? 0;
}
