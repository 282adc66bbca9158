import type { StepResult } from '@switchyard/contracts';
import type { Begun, Completion, EffectRequest, EffectState } from './effects.ts';

/*
 * The ledger of effects as pure functions over one row: a model of the database's own functions (see prisma/migrations).
 * Tests compare the two, and the ledger without PostgreSQL is built on this one. The caller decides whether a lease still
 * lives. docs/state-machines.md draws the states.
 */

export interface EffectRow {
  readonly effectId: string;
  readonly tool: string;
  readonly argsHash: string;
  readonly idempotency: EffectRequest['idempotency'];
  readonly state: EffectState;
  readonly result: StepResult | null;
  readonly holder: string | null;
  readonly attempts: number;
  /** The attempt that made it `dispatched`. */
  readonly firstDispatch: number | null;
  readonly late: boolean;
  readonly lateState: 'succeeded' | 'failed' | null;
  readonly settledBy: string | null;
}

/** The row after an operation (the very same object if unchanged), and the caller's answer. */
export interface EffectStep<Answer> {
  readonly row: EffectRow;
  readonly answer: Answer;
}

const HOLDER_LOST: StepResult = {
  status: 'in_doubt',
  code: 'tool_in_doubt',
  message: 'The worker was lost while this call was under way. Whether its effect happened is not known.',
};

type Asked = Pick<EffectRequest, 'effectId' | 'tool' | 'argsHash' | 'idempotency' | 'holder' | 'waited' | 'takeOver'>;

/**
 * Gives the call to the caller if it has no holder. A key with another tool or other arguments is a conflict. A
 * dispatched call without a live holder goes to another holder only if the tool allows a repeat; otherwise it is in
 * doubt.
 */
export function begin(row: EffectRow | undefined, asked: Asked, leaseLives: boolean): EffectStep<Begun> {
  const { effectId, tool, argsHash, idempotency, holder } = asked;
  if (!row) {
    const made: EffectRow = {
      effectId,
      tool,
      argsHash,
      idempotency,
      holder,
      state: 'intent',
      result: null,
      attempts: 1,
      firstDispatch: null,
      late: false,
      lateState: null,
      settledBy: null,
    };
    return { row: made, answer: { kind: 'mine', effectId, attempt: 1, again: false } };
  }
  const call = { effectId: row.effectId, attempt: row.attempts };
  if (row.tool !== tool || row.argsHash !== argsHash) return { row, answer: { kind: 'conflict', ...call } };
  const repeatable = row.idempotency !== 'none' && idempotency !== 'none';
  const again = row.firstDispatch !== null;
  if (row.result && (isKnown(row.result) || asked.waited || !repeatable))
    return { row, answer: { kind: 'known', ...call, result: row.result, doubted: false } };
  if (row.state !== 'in_doubt') {
    if (row.holder === holder) return { row, answer: { kind: 'mine', ...call, again } };
    if (leaseLives || !asked.takeOver) return { row, answer: { kind: 'running', ...call } };
    if (row.state === 'dispatched' && !repeatable) {
      const doubted: EffectRow = { ...row, state: 'in_doubt', result: HOLDER_LOST };
      return { row: doubted, answer: { kind: 'known', ...call, result: HOLDER_LOST, doubted: true } };
    }
  }
  const attempt = row.attempts + 1;
  const state = row.state === 'intent' ? 'intent' : 'dispatched';
  return {
    row: { ...row, state, result: null, holder, attempts: attempt },
    answer: { kind: 'mine', effectId: row.effectId, attempt, again },
  };
}

export function dispatch(row: EffectRow, attempt: number): EffectStep<boolean> {
  if (!isOpen(row) || row.attempts !== attempt) return { row, answer: false };
  const firstDispatch = row.state === 'intent' ? attempt : row.firstDispatch;
  return { row: { ...row, state: 'dispatched', firstDispatch }, answer: true };
}

/** Returns the attempt. An effect that an earlier attempt may have had stays dispatched. */
export function withdraw(row: EffectRow, attempt: number): EffectStep<boolean> {
  if (!isOpen(row) || row.attempts !== attempt) return { row, answer: false };
  const first = row.firstDispatch;
  const state = first === null || first === attempt ? 'intent' : row.state;
  return {
    row: { ...row, state, holder: null, firstDispatch: first === attempt ? null : first },
    answer: true,
  };
}

/**
 * Stores the outcome of the attempt that holds the row, even if it comes late and ends a doubt. Of an earlier attempt
 * only the fact that it came late is stored.
 */
export function complete(row: EffectRow, attempt: number, result: StepResult): EffectStep<Completion> {
  const mine = row.attempts === attempt;
  if (mine && row.result && JSON.stringify(row.result) === JSON.stringify(result)) {
    const kind = row.lateState === result.status ? 'late' : 'completed';
    return { row, answer: { kind, result: row.result, noted: false } };
  }
  if (mine && isOpen(row))
    return { row: { ...row, state: result.status, result }, answer: { kind: 'completed', result, noted: false } };
  if (mine && row.state === 'in_doubt' && isKnown(result)) {
    const settled: EffectRow = { ...row, state: result.status, result, late: true, lateState: result.status };
    return { row: settled, answer: { kind: 'late', result, noted: true } };
  }
  const noted = isKnown(result) && row.lateState === null;
  return {
    row: noted ? { ...row, late: true, lateState: result.status as 'succeeded' | 'failed' } : row,
    answer: { kind: 'refused', result: row.result ?? undefined, noted },
  };
}

export function renew(row: EffectRow, attempt: number): boolean {
  return isOpen(row) && row.attempts === attempt;
}

/** The holder is gone and the call was not repeated: puts it in doubt. */
export function orphan(row: EffectRow): EffectStep<boolean> {
  if (row.state !== 'dispatched') return { row, answer: false };
  return { row: { ...row, state: 'in_doubt', result: HOLDER_LOST }, answer: true };
}

/** Ends a doubt by a person's decision. A known outcome never changes. */
export function settle(
  row: EffectRow,
  result: StepResult & { status: 'succeeded' | 'failed' },
  by: string,
): EffectStep<'settled' | 'same' | 'not_in_doubt'> {
  if (row.settledBy !== null && JSON.stringify(row.result) === JSON.stringify(result)) return { row, answer: 'same' };
  if (row.state !== 'in_doubt') return { row, answer: 'not_in_doubt' };
  return { row: { ...row, state: result.status, result, settledBy: by }, answer: 'settled' };
}

export function isOpen(row: EffectRow): boolean {
  return row.state === 'intent' || row.state === 'dispatched';
}

function isKnown(result: StepResult): result is StepResult & { status: 'succeeded' | 'failed' } {
  return result.status !== 'in_doubt';
}

/** The machine as one value. */
export const effectMachine = Object.freeze({ begin, dispatch, withdraw, complete, renew, orphan, settle, isOpen });
