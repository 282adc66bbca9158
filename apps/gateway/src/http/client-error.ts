import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, refusalOf, toProblem } from './problem.ts';

/*
 * What the HTTP server cannot even take for a request.
 *
 * - A connection on which nothing was read is closed without an answer. The client that opened it has no fault: this
 *   process stood still while the client's request waited. An EventSource comes back after a closed connection only,
 *   never after a status.
 */

const STATUS_OF: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

/** The bytes to answer with, or null where the connection is just closed. Pure. */
export function clientErrorAnswer(code: string, bytesRead: number): string | null {
  if (code === 'ECONNRESET' || bytesRead === 0) return null; // an EventSource does not come back after a status
  const status = STATUS_OF[code] ?? 400;
  const { body } = toProblem(refusalOf(status));
  const text = JSON.stringify({ ...body, status });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${text}`;
}

export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.destroyed) return;
  const answer = clientErrorAnswer(error.code ?? '', socket.bytesRead);
  if (answer !== null && socket.writable) socket.write(answer);
  socket.destroy();
}
