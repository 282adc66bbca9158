import { Controller } from '@nestjs/common';
import { type Call, Handles } from '@switchyard/bus';
import { type InputOf, type OutputOf, xmppRequest, type XmppStatus, xmppStatus } from '@switchyard/contracts';
import { Bridge } from './bridge.ts';

@Controller()
export class BridgeHandler {
  readonly #bridge: Bridge;

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  @Handles(xmppRequest)
  carry(input: InputOf<typeof xmppRequest>, call: Call): Promise<OutputOf<typeof xmppRequest>> {
    return this.#bridge.carry(input, call);
  }

  @Handles(xmppStatus)
  status(): Promise<XmppStatus> {
    return Promise.resolve(this.#bridge.status());
  }
}
