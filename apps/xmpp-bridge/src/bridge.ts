import type { XmppStatus } from '@switchyard/contracts';
import { type BridgeState, initialState, toStatus } from './bridge-state.ts';
import type { BridgeConfig } from './config.ts';

/** Owns the AZTM login: the one holder of the account's password. */
export class Bridge {
  readonly #state: BridgeState;

  constructor(private readonly config: BridgeConfig) {
    this.#state = initialState(config);
  }

  status(): XmppStatus {
    return toStatus(this.config, this.#state);
  }
}
