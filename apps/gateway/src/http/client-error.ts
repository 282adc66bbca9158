import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, refusalOf, toProblem } from './problem.ts';

/*
 * Answers connections whose bytes the HTTP server cannot parse as a request.
 *
 * - A connection of which no byte was read is closed without an answer. Its client has no fault: this process was
 *   suspended while the client's request waited. An EventSource reconnects only after a closed connection, never after
 *   a status.
 */

const STATUS_OF: Readonly<Record<string, number>> = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 };

/** The bytes of the answer, or null if the connection is only closed. Pure. */
export function clientErrorAnswer(code: string, bytesRead: number): string | null {
  if (code === 'ECONNRESET' || bytesRead === 0) return null; // an EventSource does not reconnect after a status
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
