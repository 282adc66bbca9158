import type { Pool } from 'pg';
import { row, type Statement } from '../postgres/index.ts';

/** A step that the computer-use agent performs, and who performs it. */
export interface ComputerStep {
  readonly tenantId: string;
  readonly userId: string;
  /** The idempotency key of the step, the same for every dispatch. */
  readonly stepKey: string;
  readonly runId: string;
  readonly stepId: string;
}

/** `mine`: performed from its beginning, under this generation. `known`: its outcome as it was answered. */
export type SessionBegun =
  | { readonly outcome: 'mine'; readonly generation: number }
  | { readonly outcome: 'running' }
  | { readonly outcome: 'known'; readonly result: string };

/** One generation of one step, held by one process. */
export interface HeldSession {
  readonly step: ComputerStep;
  readonly generation: number;
  readonly holder: string;
}

export interface DispatchedAction {
  readonly turn: number;
  readonly kind: string;
  /** True where doing it twice has no effect outside of the screen. */
  readonly harmless: boolean;
  readonly digest: string;
  readonly frameBefore: string;
}

/**
 * The ledger of the computer-use agent (the migration `computer_use` says what holds). Where a method answers false or
 * undefined, the session is another's now, and its holder does nothing more.
 */
export interface ComputerSessions {
  begin(
    step: ComputerStep,
    at: {
      readonly backend: string;
      readonly network: 'sealed' | 'open';
      readonly holder: string;
      readonly leaseMs: number;
    },
  ): Promise<SessionBegun>;
  renew(session: HeldSession, leaseMs: number): Promise<boolean>;
  /** Stores a decision; returns the stored one. */
  keepTurn(session: HeldSession, turn: number, body: string): Promise<string | undefined>;
  /** From here on the action may happen. False: it must not be done. */
  dispatch(session: HeldSession, action: DispatchedAction): Promise<boolean>;
  complete(session: HeldSession, turn: number, frameAfter: string, changed: boolean): Promise<boolean>;
  end(session: HeldSession, result: string): Promise<boolean>;
  /** Gives the step back without an outcome. */
  leave(session: HeldSession): Promise<boolean>;
  remove(limit: number, keepMs: number): Promise<number>;
}

const statement = (name: string, text: string): Statement => ({ name: `computer_${name}`, text });

const BEGIN = statement('begin', 'select * from computer_use.begin_session($1, $2, $3, $4, $5, $6, $7, $8, $9)');
const RENEW = statement('renew', 'select computer_use.renew_session($1, $2, $3, $4, $5, $6) as done');
const KEEP_TURN = statement('keep_turn', 'select computer_use.keep_turn($1, $2, $3, $4, $5, $6, $7) as body');
const DISPATCH = statement(
  'dispatch',
  'select computer_use.dispatch_action($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as done',
);
const COMPLETE = statement('complete', 'select computer_use.complete_action($1, $2, $3, $4, $5, $6, $7) as done');
const END = statement('end', 'select computer_use.end_session($1, $2, $3, $4, $5, $6) as done');
const LEAVE = statement('leave', 'select computer_use.leave_session($1, $2, $3, $4, $5) as done');
const REMOVE = statement('remove', 'select computer_use.remove_sessions($1, $2) as removed');

/** The ledger over PostgreSQL. */
export class SqlComputerSessions implements ComputerSessions {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async begin(
    step: ComputerStep,
    at: { backend: string; network: 'sealed' | 'open'; holder: string; leaseMs: number },
  ): Promise<SessionBegun> {
    const { tenantId, userId, stepKey, runId, stepId } = step;
    const values = [tenantId, userId, stepKey, runId, stepId, at.backend, at.network, at.holder, at.leaseMs];
    const begun = await row<{ outcome: string; generation: number; result: string | null }>(this.#pool, BEGIN, values);
    if (begun.outcome === 'mine') return { outcome: 'mine', generation: begun.generation };
    return begun.result === null ? { outcome: 'running' } : { outcome: 'known', result: begun.result };
  }

  renew(session: HeldSession, leaseMs: number): Promise<boolean> {
    return this.#done(RENEW, [...held(session), leaseMs]);
  }

  async keepTurn(session: HeldSession, turn: number, body: string): Promise<string | undefined> {
    const kept = await row<{ body: string | null }>(this.#pool, KEEP_TURN, [...held(session), turn, body]);
    return kept.body ?? undefined;
  }

  dispatch(session: HeldSession, action: DispatchedAction): Promise<boolean> {
    const { turn, kind, harmless, digest, frameBefore } = action;
    return this.#done(DISPATCH, [...held(session), turn, kind, harmless, digest, frameBefore]);
  }

  complete(session: HeldSession, turn: number, frameAfter: string, changed: boolean): Promise<boolean> {
    const [tenantId, userId, stepKey, generation] = held(session);
    return this.#done(COMPLETE, [tenantId, userId, stepKey, generation, turn, frameAfter, changed]);
  }

  end(session: HeldSession, result: string): Promise<boolean> {
    return this.#done(END, [...held(session), result]);
  }

  leave(session: HeldSession): Promise<boolean> {
    return this.#done(LEAVE, held(session));
  }

  async remove(limit: number, keepMs: number): Promise<number> {
    return (await row<{ removed: number }>(this.#pool, REMOVE, [limit, keepMs])).removed;
  }

  async #done(what: Statement, values: readonly unknown[]): Promise<boolean> {
    return (await row<{ done: boolean }>(this.#pool, what, [...values])).done;
  }
}

function held({ step, generation, holder }: HeldSession): (string | number)[] {
  return [step.tenantId, step.userId, step.stepKey, generation, holder];
}
