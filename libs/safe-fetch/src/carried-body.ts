import { randomBytes } from 'node:crypto';
import {
  AppError,
  CarriedFrame,
  type httpBody,
  type InputOf,
  MAX_CARRIED_BODY_BYTES,
  type OutputOf,
  type RequestOf,
  safeParse,
  type xmppBody,
} from '@switchyard/contracts';

/*
 * The body of a request that one message on the bus does not carry.
 *
 * - The process that answers the request says in a progress frame where the body is to go. It asks for the body once,
 *   and only after it found the length good.
 * - Pieces go one after the other to that very process, each acknowledged: a receiver that takes slowly slows down the
 *   sender.
 * - The bytes held are bounded, for one body and for all. A body is whole, or the request fails.
 */

type BodyContract = typeof xmppBody | typeof httpBody;

/** The part of the bus that sending a body needs. */
export interface BodySender {
  request<C extends BodyContract>(
    contract: C,
    input: RequestOf<C>,
    options: { to: string; signal?: AbortSignal },
  ): Promise<OutputOf<C>>;
}

/** Of a body to the fields of a request, and what to do with its progress frames. */
export function bodyOnTheBus(
  bus: BodySender,
  contract: BodyContract,
  body: Buffer,
  signal: AbortSignal,
  onFailure: (error: unknown) => void = () => undefined,
): { fields: { body: string; bodyBytes?: number }; onFrame(frame: unknown): void } {
  if (body.length <= MAX_CARRIED_BODY_BYTES)
    return { fields: { body: body.toString('base64') }, onFrame: () => undefined };
  let asked = false;
  return {
    fields: { body: '', bodyBytes: body.length },
    onFrame: (frame) => {
      const parsed = safeParse(CarriedFrame, frame);
      if (asked || !parsed.success || !('send' in parsed.data)) return;
      asked = true; // a body goes once
      sendAll(bus, contract, body, parsed.data.send, signal).catch(onFailure);
    },
  };
}

async function sendAll(
  bus: BodySender,
  contract: BodyContract,
  body: Buffer,
  { to, token }: { to: string; token: string },
  signal: AbortSignal,
): Promise<void> {
  for (let at = 0; at < body.length && !signal.aborted; at += MAX_CARRIED_BODY_BYTES) {
    const piece = body.subarray(at, at + MAX_CARRIED_BODY_BYTES).toString('base64');
    await bus.request(contract, { token, at, piece }, { to, signal }); // the next piece waits for the acknowledgement
  }
}

interface Expected {
  readonly bytes: number;
  readonly pieces: Buffer[];
  at: number;
  readonly done: (body: Buffer) => void;
}

const MAX_BYTES_OF_ALL = 268_435_456;

/** The bodies that this process has asked for. */
export class CarriedBodies {
  /** The last token of the subject on which their pieces come. */
  readonly name = randomBytes(9).toString('hex');
  readonly #expected = new Map<string, Expected>();
  #bytes = 0;

  /** The body of a request: what it holds, or what `tell`ing its caller brings. Rejects with AppError. */
  async take(
    input: { readonly body: string; readonly bodyBytes?: number | undefined },
    limit: number,
    call: { readonly signal: AbortSignal; progress(frame: CarriedFrame): void },
  ): Promise<Buffer> {
    const { bodyBytes } = input;
    if ((bodyBytes ?? (input.body.length / 4) * 3 - 2) > limit)
      throw new AppError('payload_too_large', `A body may have ${limit} bytes here.`);
    if (bodyBytes === undefined) return Buffer.from(input.body, 'base64');
    if (this.#bytes + bodyBytes > MAX_BYTES_OF_ALL)
      throw new AppError('overloaded', undefined, { retryAfterMs: 1_000 });
    const token = randomBytes(18).toString('base64url');
    this.#bytes += bodyBytes;
    try {
      return await new Promise<Buffer>((done, reject) => {
        const onAbort = (): void => reject(new AppError('cancelled'));
        if (call.signal.aborted) return onAbort();
        call.signal.addEventListener('abort', onAbort, { once: true });
        const whole = (body: Buffer): void => {
          call.signal.removeEventListener('abort', onAbort);
          done(body);
        };
        this.#expected.set(token, { bytes: bodyBytes, pieces: [], at: 0, done: whole });
        call.progress({ send: { to: this.name, token } });
      });
    } finally {
      this.#bytes -= bodyBytes;
      this.#expected.delete(token);
    }
  }

  /** Takes one piece. Throws AppError. */
  piece({ token, at, piece }: InputOf<BodyContract>): Record<string, never> {
    const expected = this.#expected.get(token);
    if (!expected) throw new AppError('not_found', 'Nobody waits for this body.');
    const bytes = Buffer.from(piece, 'base64');
    if (at !== expected.at || at + bytes.length > expected.bytes || bytes.length === 0)
      throw new AppError('invalid_input', 'The piece does not fit.');
    expected.pieces.push(bytes);
    expected.at += bytes.length;
    if (expected.at === expected.bytes) expected.done(Buffer.concat(expected.pieces));
    return {};
  }
}
