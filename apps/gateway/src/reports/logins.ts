import type { Principal, SystemFact } from '@switchyard/contracts';
import { BoundedMap, type Clock } from '@switchyard/platform';
import { networkOf } from './denials.ts';

/*
 * Records logins for the audit log. Every request authenticates, and a record of each would drown the log.
 *
 * - A principal with one credential in one network gives one fact. The next fact comes after WINDOW_MS, if the
 *   credential is still used.
 * - At most CREDENTIALS are remembered. The oldest is forgotten, and may be recorded again too early.
 * - A fact holds nothing of a credential, and of an address only its network.
 */
const WINDOW_MS = 15 * 60_000;
const CREDENTIALS = 20_000;

export interface Login {
  readonly principal: Principal;
  /** Tells one credential from another of the same principal; stays in memory. */
  readonly credential: string | undefined;
  readonly ip: string;
  readonly path: string;
}

export class Logins {
  readonly #told = new BoundedMap<string, number>(CREDENTIALS);

  readonly #tell: (fact: SystemFact) => void;
  readonly #clock: Clock;

  constructor(tell: (fact: SystemFact) => void, clock: Clock) {
    this.#tell = tell;
    this.#clock = clock;
  }

  note({ principal, credential = '', ip, path }: Login): void {
    const { tenantId, userId, role, via } = principal;
    const source_net = via === 'xmpp' ? null : networkOf(ip);
    const key = `${via} ${tenantId}/${userId} ${role} ${source_net} ${credential}`;
    const now = this.#clock.now();
    const told = this.#told.get(key);
    if (told !== undefined && now - told < WINDOW_MS) return;
    this.#told.set(key, now);
    this.#tell({
      type: 'gateway.auth.succeeded',
      data: { tenant_id: tenantId, user_id: userId, role, via, path, source_net },
    });
  }
}
