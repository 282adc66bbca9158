import { randomBytes } from 'node:crypto';
import { type Bus, type Subscription } from '@switchyard/bus';
import {
  AppError,
  httpRequest,
  type InputOf,
  MAX_CARRIED_BODY_BYTES,
  type OutputOf,
  type Principal,
} from '@switchyard/contracts';
import type { FastifyInstance } from 'fastify';

/*
 * Requests of peers, which the bridge takes from XMPP, served by the very routes that serve HTTP.
 *
 * Q1 The identity is the principal that the bridge vouches for. It is handed over inside this process, under a ticket
 *    that nobody else can know and that counts once; every identity header that the peer sent is stripped as always.
 * Q2 What cannot be carried back in one piece (an endless stream, a huge answer) is cut off and refused.
 */

export const TICKET_HEADER = 'x-aztm-ticket';

export class Tickets {
  readonly #open = new Map<string, Principal>();

  issue(principal: Principal): string {
    const ticket = randomBytes(24).toString('base64url');
    this.#open.set(ticket, principal);
    return ticket;
  }

  /** The principal of a ticket; a ticket counts once. */
  redeem(ticket: unknown): Principal | undefined {
    if (typeof ticket !== 'string') return undefined;
    const principal = this.#open.get(ticket);
    this.#open.delete(ticket);
    return principal;
  }
}

type Input = InputOf<typeof httpRequest>;
type Output = OutputOf<typeof httpRequest>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const MAX_IN_FLIGHT = 256;

export function answerPeers(
  bus: Pick<Bus, 'answer'>,
  server: FastifyInstance,
  tickets: Tickets,
): Promise<Subscription> {
  return bus.answer(httpRequest, (input, { signal }) => serve(server, tickets, input, signal), {
    maxInFlight: MAX_IN_FLIGHT,
  });
}

async function serve(server: FastifyInstance, tickets: Tickets, input: Input, signal: AbortSignal): Promise<Output> {
  const method = METHODS.find((known) => known === input.method);
  if (!method) throw new AppError('method_not_allowed');
  const ticket = tickets.issue(input.principal);
  const body = Buffer.from(input.body, 'base64');
  try {
    const answer = await server.inject({
      method,
      url: input.resource,
      headers: { ...headersOf(input.headers), [TICKET_HEADER]: ticket },
      ...(body.length === 0 ? {} : { payload: body }),
      payloadAsStream: true,
      signal,
    });
    const headers = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : String(value)]],
    );
    return { status: answer.statusCode, headers, body: (await bytesOf(answer.stream())).toString('base64') };
  } finally {
    tickets.redeem(ticket);
  }
}

/** The bridge's own header survives no client: it is set here from what the stanza said. */
function headersOf(headers: Input['headers']): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

async function bytesOf(stream: NodeJS.ReadableStream & { destroy(): void }): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length > MAX_CARRIED_BODY_BYTES) {
      stream.destroy();
      throw new AppError('response_too_large', 'The answer is larger than one message carries.'); // Q2
    }
  }
  return Buffer.concat(pieces);
}
