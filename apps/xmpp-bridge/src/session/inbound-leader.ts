import { createHash } from 'node:crypto';
import type { Lease, LeaseOptions } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import type { BridgeState, LeadershipView } from './bridge-state.ts';
import type { ConnectionSupervisor } from './connection-supervisor.ts';
import { bareOf } from '../peers/index.ts';
import type { Session } from './session.ts';

/*
 * The seat: of all replicas with one account, one takes what peers ask of it.
 *
 * - A replica asks for the seat only while its own login stands, and gives it back when the login ends. So a replica
 *   with the seat can log in.
 * - The replica opens the session that peers find (a fixed resource, the highest priority) when it holds the lease, and
 *   closes it when it does not. The other replicas stay logged in under resources of their own, and ask.
 * - A replica that another session threw out backs off, and must hold the lease anew before it comes back. So two
 *   replicas never throw each other out in turn.
 * - A replica takes no request while it does not hold the lease, also where its process slept and then reads on.
 * - A replica that holds the lease and is refused for good (its password is not the one that counts now) lets another
 *   replica serve. It does not ask for the seat again before its configuration changes or its own login stands anew.
 */

export interface InboundLeaderParts {
  readonly lease: (onChange: LeaseOptions['onChange']) => Lease;
  /** The login under the fixed resource, for one term. */
  readonly supervisor: (onChange: (state: BridgeState) => void) => ConnectionSupervisor;
  /** What the seat says of itself has changed. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export class InboundLeader {
  #lease: Lease | null = null;
  #supervisor: ConnectionSupervisor | null = null;
  /** The state in which the login was refused for good; null where this replica may ask for the seat. */
  #refused: BridgeState | null = null;
  /** One thing after the other: a term begins when the one before it has ended. */
  #work: Promise<void> = Promise.resolve();

  readonly #parts: InboundLeaderParts;

  constructor(parts: InboundLeaderParts) {
    this.#parts = parts;
  }

  /** The session that serves; null where this replica may not serve at this moment. */
  get session(): Session | null {
    return this.#lease?.token === undefined ? null : (this.#supervisor?.session ?? null);
  }

  get view(): LeadershipView {
    if (this.#refused) return { role: 'serving', state: this.#refused };
    if (!this.#lease?.settled) return { role: 'settling' };
    return this.#supervisor ? { role: 'serving', state: this.#supervisor.state } : { role: 'standby' };
  }

  /** The replica's own login stands, so it asks for the seat; or it does not, and the replica gives the seat back. */
  loginStands(stands: boolean): void {
    this.#refused = null;
    if (!stands) return void this.leave();
    void this.#enqueue(() => {
      this.#lease ??= this.#parts.lease((token) => this.#onTerm(token));
    });
  }

  /** The configuration has changed: an old failure does not count any more. */
  tryAgain(): void {
    if (this.#refused) this.loginStands(true);
    else if (this.#supervisor && this.#supervisor.state.state !== 'online') this.#supervisor.tryAgain();
  }

  /** Closes the session, then gives the lease back. */
  leave(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#stepDown();
      await this.#lease?.close();
      this.#lease = null;
    });
  }

  #onTerm(token: number | undefined): void {
    const { log } = this.#parts;
    if (token === undefined) log.info('another replica may take what peers ask now');
    else log.info({ term: token }, 'this replica takes what peers ask');
    void this.#enqueue(async () => {
      await this.#stepDown();
      if (token === undefined || this.#lease?.token !== token) return;
      this.#supervisor = this.#parts.supervisor((state) => this.#onState(state));
      this.#supervisor.start();
    });
  }

  #onState(state: BridgeState): void {
    const failure = state.state === 'failed' ? state.failure : null;
    if (failure?.code === 'REPLACED')
      this.#lease?.standBack(); // rests before it asks for the lease again
    else if (failure?.then === 'fatal') {
      this.#refused = state; // so that another replica serves
      void this.leave();
    }
    this.#parts.onChange();
  }

  async #stepDown(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = null;
    await supervisor?.stop('this replica takes what peers ask no more');
  }

  #enqueue(work: () => void | Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(work)
      .catch((error: unknown) => this.#parts.log.error({ err: error }, 'a change of the seat failed'))
      .then(() => this.#parts.onChange());
    return this.#work;
  }
}

/** One lease per account; a JID may hold what a name may not. */
export function leaseOf(jid: string): string {
  return `inbound-${createHash('sha256').update(bareOf(jid)).digest('hex').slice(0, 32)}`;
}
