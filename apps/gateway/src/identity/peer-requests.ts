import { randomBytes } from 'node:crypto';
import type { Bus, Call, Subscription } from '@switchyard/bus';
import {
  AppError,
  type CarriedFrame,
  httpBody,
  httpRequest,
  type InputOf,
  type OutputOf,
  type Principal,
} from '@switchyard/contracts';
import { CarriedBodies } from '@switchyard/safe-fetch';
import type { FastifyInstance } from 'fastify';

/*
 * Serves peers' requests, which the bridge takes from XMPP, by the same routes as HTTP.
 *
 * - The identity is the principal that the bridge vouches for. This process passes it to the routes under a one-time
 *   ticket that only this process knows. Every identity header that the peer sent is removed as always.
 * - A streamed or long answer goes out in pieces as it is written. It ends when the caller goes away.
 * - A body that exceeds one message comes in pieces to this very process, once its length was accepted.
 */

export const TICKET_HEADER = 'x-aztm-ticket';

export class Tickets {
  readonly #open = new Map<string, Principal>();

  issue(principal: Principal): string {
    const ticket = randomBytes(24).toString('base64url');
    this.#open.set(ticket, principal);
    return ticket;
  }

  knows(ticket: unknown): boolean {
    return typeof ticket === 'string' && this.#open.has(ticket);
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

export async function answerPeers(
  bus: Pick<Bus, 'answer'>,
  server: FastifyInstance,
  tickets: Tickets,
  bodyLimit: number,
): Promise<Subscription> {
  const bodies = new CarriedBodies();
  const pieces = await bus.answer(httpBody, (piece) => Promise.resolve(bodies.piece(piece)), { as: bodies.name });
  const requests = await bus.answer(
    httpRequest,
    async (input, call) => serve(server, tickets, input, await bodies.take(input, bodyLimit, call), call),
    { maxInFlight: MAX_IN_FLIGHT },
  );
  return {
    stop: async () => {
      await requests.stop();
      await pieces.stop();
    },
  };
}

async function serve(
  server: FastifyInstance,
  tickets: Tickets,
  input: Input,
  body: Buffer,
  call: Call,
): Promise<Output> {
  const method = METHODS.find((known) => known === input.method);
  if (!method) throw new AppError('method_not_allowed');
  const ticket = tickets.issue(input.principal);
  try {
    const answer = await server.inject({
      method,
      url: input.resource,
      headers: { ...headersOf(input.headers), [TICKET_HEADER]: ticket },
      ...(body.length === 0 ? {} : { payload: body }),
      payloadAsStream: true,
      signal: call.signal,
    });
    const headers = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : String(value)]],
    );
    const head = { status: answer.statusCode, headers };
    const streams = String(answer.headers['content-type'] ?? '').startsWith('text/event-stream');
    return { ...head, body: await tell(answer.stream(), head, streams, call) };
  } finally {
    tickets.redeem(ticket);
  }
}

/** A client cannot set the bridge's own header: it is set here from the stanza. */
function headersOf(headers: Input['headers']): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Returns the body in one piece, or streams it and returns the empty rest. */
async function tell(
  stream: NodeJS.ReadableStream & { destroy(): void },
  head: { status: number; headers: [string, string][] },
  inPieces: boolean,
  call: Call,
): Promise<string> {
  const onAbort = (): void => void stream.destroy();
  call.signal.addEventListener('abort', onAbort, { once: true });
  let told = inPieces;
  if (told) call.progress({ head } satisfies CarriedFrame);
  let kept: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      kept.push(piece);
      length += piece.length;
      if (!told && length <= ONE_PIECE_BYTES) continue;
      if (!told) call.progress({ head } satisfies CarriedFrame);
      told = true;
      for (const each of split(Buffer.concat(kept)))
        call.progress({ chunk: each.toString('base64') } satisfies CarriedFrame);
      kept = [];
    }
  } finally {
    call.signal.removeEventListener('abort', onAbort);
  }
  return Buffer.concat(kept).toString('base64');
}

/** The limit of one answer; a longer one goes in pieces. */
const ONE_PIECE_BYTES = 32_768;
const CHUNK_BYTES = 131_072;

function split(bytes: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK_BYTES) }, (_, n) =>
    bytes.subarray(n * CHUNK_BYTES, (n + 1) * CHUNK_BYTES),
  );
}
