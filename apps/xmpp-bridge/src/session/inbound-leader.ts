import { sha256 } from '@switchyard/contracts';
import type { Lease, LeaseOptions } from '@switchyard/bus';
import type { Logger } from '@switchyard/platform';
import { logEvent } from '../log-events.ts';
import type { BridgeState, LeadershipView } from './bridge-state.ts';
import type { ConnectionSupervisor } from './connection-supervisor.ts';
import { bareOf } from '../peers/index.ts';
import type { Session } from './session.ts';

/*
 * Leader election among the replicas of one XMPP account. The leader answers the requests of peers.
 *
 * - A replica campaigns only while its own login stands, and resigns when the login ends. So a leader can log in.
 * - The leader opens the session that peers find (a fixed resource, the highest priority) when it acquires the lease,
 *   and closes it when it loses the lease. The other replicas stay logged in under resources of their own, and only
 *   send requests.
 * - A replica that another session replaced backs off, and must re-acquire the lease before it reconnects. So two
 *   replicas never replace each other in turn.
 * - A replica accepts no request while it does not hold the lease, even if its process was suspended and then reads on.
 * - A leader whose login is refused for good (for example with an outdated password) resigns in favour of another
 *   replica. It does not campaign again before its configuration changes or its own login stands anew.
 */

export interface InboundLeaderParts {
  readonly lease: (onChange: LeaseOptions['onChange']) => Lease;
  /** Makes the supervisor of the login under the fixed resource, for one term. */
  readonly supervisor: (onChange: (state: BridgeState) => void) => ConnectionSupervisor;
  /** Called when the view of the leadership has changed. */
  readonly onChange: () => void;
  readonly log: Logger;
}

export class InboundLeader {
  #lease: Lease | null = null;
  #supervisor: ConnectionSupervisor | null = null;
  /** The state in which the login was refused for good; null if this replica may campaign. */
  #refused: BridgeState | null = null;
  /** Runs changes in sequence: a term begins when the term before it has ended. */
  #work: Promise<void> = Promise.resolve();

  readonly #parts: InboundLeaderParts;

  constructor(parts: InboundLeaderParts) {
    this.#parts = parts;
  }

  /** The leader's session; null if this replica may not accept requests at this moment. */
  get session(): Session | null {
    return this.#lease?.token === undefined ? null : (this.#supervisor?.session ?? null);
  }

  get view(): LeadershipView {
    if (this.#refused) return { role: 'serving', state: this.#refused };
    if (!this.#lease?.settled) return { role: 'settling' };
    return this.#supervisor ? { role: 'serving', state: this.#supervisor.state } : { role: 'standby' };
  }

  /** True: the replica's own login stands and it campaigns. False: it resigns. */
  loginStands(stands: boolean): void {
    this.#refused = null;
    if (!stands) return void this.leave();
    void this.#enqueue(() => {
      this.#lease ??= this.#parts.lease((token) => this.#onTerm(token));
    });
  }

  /** The configuration has changed: forgets the old failure and retries. */
  tryAgain(): void {
    if (this.#refused) this.loginStands(true);
    else if (this.#supervisor && this.#supervisor.state.state !== 'online') this.#supervisor.tryAgain();
  }

  /** Resigns: closes the session, then releases the lease. */
  leave(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#stepDown();
      await this.#lease?.close();
      this.#lease = null;
    });
  }

  #onTerm(token: number | undefined): void {
    const { log } = this.#parts;
    if (token === undefined) logEvent(log, 'leader_stepped_down');
    else logEvent(log, 'leader_elected', { term: token });
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
      this.#lease?.standBack(); // backs off before it campaigns again
    else if (failure?.then === 'fatal') {
      this.#refused = state; // so that another replica leads
      void this.leave();
    }
    this.#parts.onChange();
  }

  async #stepDown(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#supervisor = null;
    await supervisor?.stop('this replica is not the leader any more');
  }

  #enqueue(work: () => void | Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(work)
      .catch((error: unknown) => logEvent(this.#parts.log, 'leader_change_failed', { err: error }))
      .then(() => this.#parts.onChange());
    return this.#work;
  }
}

/** The name of the account's lease; a JID may hold characters that a name may not. */
export function leaseOf(jid: string): string {
  return `inbound-${sha256(bareOf(jid)).slice(0, 32)}`;
}
