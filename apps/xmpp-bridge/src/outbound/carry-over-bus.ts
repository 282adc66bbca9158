import type { Bus, Subscription } from '@switchyard/bus';
import { type CarriedFrame, type InputOf, type OutputOf, xmppBody, type xmppRequest } from '@switchyard/contracts';
import { CarriedBodies } from '@switchyard/safe-fetch';
import type { CarryCall, HttpResponse } from '../wire/index.ts';
import type { Asked } from './outbound.ts';

/* Takes a service's request from the bus and sends its response back: whole, or in frames as it comes. */

/** The part of a bus call that is needed here. */
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

  /** Starts to receive the pieces of bodies that exceed one message. */
  start(bus: Pick<Bus, 'answer'>): void {
    this.#pieces = bus.answer(xmppBody, (piece) => Promise.resolve(this.#bodies.piece(piece)), {
      as: this.#bodies.name,
    });
    // Closing the bus meanwhile is no defect.
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
