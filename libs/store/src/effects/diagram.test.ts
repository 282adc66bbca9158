import { expect, it } from '@jest/globals';
import type { StepResult } from '@switchyard/contracts';
import { drawnTransitions, type Transition, transitionLines } from '@switchyard/testing';
import { begin, complete, dispatch, type EffectRow, orphan, settle, withdraw } from './machine.ts';

const DEPTH = 5;
const SUCCEEDED = { status: 'succeeded', output: 1 } as const;
const FAILED = { status: 'failed', code: 'tool_failed', message: 'It failed.' } as const;
const IN_DOUBT: StepResult = { status: 'in_doubt', code: 'tool_in_doubt', message: 'Nobody knows.' };

const asked = (idempotency: 'key' | 'none') =>
  ({ effectId: 'e', tool: 't', argsHash: 'h', idempotency, holder: 'other', waited: false, takeOver: true }) as const;

function operations(row: EffectRow): [string, EffectRow][] {
  return [
    ['begin', begin(row, asked(row.idempotency as 'key' | 'none'), false).row],
    ['dispatch', dispatch(row, row.attempts).row],
    ['withdraw', withdraw(row, row.attempts).row],
    ...[SUCCEEDED, FAILED, IN_DOUBT].map((result): [string, EffectRow] => [
      'complete',
      complete(row, row.attempts, result).row,
    ]),
    ['orphan', orphan(row).row],
    ...[SUCCEEDED, FAILED].map((result): [string, EffectRow] => ['settle', settle(row, result, 'a person').row]),
  ];
}

function* transitionsFrom(row: EffectRow, depth: number): Generator<Transition> {
  if (depth === 0) return;
  for (const [event, after] of operations(row)) {
    if (after === row) continue;
    yield { from: row.state, event, to: after.state };
    yield* transitionsFrom(after, depth - 1);
  }
}

it('the diagram of an effect shows every transition of the ledger, and no other', () => {
  const transitions = (['key', 'none'] as const).flatMap((idempotency) => {
    const { row } = begin(undefined, { ...asked(idempotency), holder: 'first' }, false);
    return [{ from: '[*]', event: 'begin', to: row.state }, ...transitionsFrom(row, DEPTH)];
  });
  expect(drawnTransitions('An effect')).toEqual(transitionLines(transitions));
});
