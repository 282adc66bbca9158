import type { Bus, Subscription } from '@switchyard/bus';
import { type CarriedFrame, type InputOf, type OutputOf, xmppBody, type xmppRequest } from '@switchyard/contracts';
import { CarriedBodies } from '@switchyard/safe-fetch';
import type { CarryCall, HttpResponse } from '../wire/index.ts';
import type { Asked } from './outbound.ts';

/* A request of a service as it comes on the bus, and its response as it goes back: whole, or in frames as it comes. */

/** What is needed of a call on the bus. */
export interface BusCall {
  readonly signal: AbortSignal;
  readonly deadline: number;
  progress(frame: CarriedFrame): void;
}

export class CarryOverBus {
  readonly #bodies = new CarriedBodies();
  #pieces: Promise<Subscription> | undefined;

  readonly #bodyLimit: number;
  readonly #exchange: (asked: Asked, call: CarryCall) => Promise<HttpResponse>;

  constructor(bodyLimit: number, exchange: (asked: Asked, call: CarryCall) => Promise<HttpResponse>) {
    this.#bodyLimit = bodyLimit;
    this.#exchange = exchange;
  }

  /** Takes the pieces of bodies that one message does not carry. */
  start(bus: Pick<Bus, 'answer'>): void {
    this.#pieces = bus.answer(xmppBody, (piece) => Promise.resolve(this.#bodies.piece(piece)), {
      as: this.#bodies.name,
    });
    // A bus that is closed meanwhile is no defect.
    this.#pieces.catch(() => undefined);
  }

  async stop(): Promise<void> {
    await (await this.#pieces?.catch(() => undefined))?.stop();
  }

  /** Rejects with AppError. */
  async carry(input: InputOf<typeof xmppRequest>, call: BusCall): Promise<OutputOf<typeof xmppRequest>> {
    const asked = { ...input, body: () => this.#bodies.take(input, this.#bodyLimit, call) };
    const { status, headers, body } = await this.#exchange(asked, {
      signal: call.signal,
      deadline: call.deadline,
      onHead: (head) => call.progress({ head: { status: head.status, headers: pairs(head.headers) } }),
      onPiece: (piece) => call.progress({ chunk: piece.toString('base64') }),
    });
    return { status, headers: pairs(headers), body: body.toString('base64') };
  }
}

function pairs(headers: HttpResponse['headers']): [string, string][] {
  return headers.map(([name, value]) => [name, value]);
}
