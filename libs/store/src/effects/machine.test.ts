import { expect, it } from '@jest/globals';
import type { StepResult } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { begin, complete, dispatch, type EffectRow, orphan, settle, withdraw } from './machine.ts';

/*
 * Any interleaving of calls, deaths, late outcomes and settlements on one row. The world beside it counts what really
 * happened, as no ledger can.
 */

type Happening =
  | { do: 'begin'; holder: number; waited: boolean; takeOver: boolean; hash: 'h' | 'other' }
  | { do: 'dispatch' | 'withdraw' | 'perform' | 'doubt' | 'fail' | 'succeed'; holder: number }
  | { do: 'lapse' | 'orphan' }
  | { do: 'settle'; status: 'succeeded' | 'failed' };

const holder = fc.nat(3);
const happenings: fc.Arbitrary<Happening>[] = [
  fc.record({
    do: fc.constant('begin' as const),
    holder,
    waited: fc.boolean(),
    takeOver: fc.boolean(),
    hash: fc.constantFrom('h', 'h', 'h', 'other'),
  }),
  fc.record({ do: fc.constantFrom('dispatch', 'perform', 'succeed', 'fail', 'doubt', 'withdraw'), holder }),
  fc.record({ do: fc.constantFrom('lapse', 'lapse', 'orphan') }),
  fc.record({ do: fc.constant('settle' as const), status: fc.constantFrom('succeeded', 'failed') }),
];

interface Call {
  attempt: number;
  dispatched: boolean;
  performed: boolean;
}

function play(idempotency: 'key' | 'none', list: readonly Happening[]) {
  let row: EffectRow | undefined;
  let leaseLives = false;
  const calls = new Map<number, Call>();
  let performed = 0;
  const rows: EffectRow[] = [];
  for (const h of list) {
    const call = 'holder' in h ? calls.get(h.holder) : undefined;
    switch (h.do) {
      case 'begin': {
        const asked = { effectId: 'e', tool: 't', argsHash: h.hash, idempotency, holder: `h${h.holder}` };
        if (!row && h.hash === 'other') break;
        const step = begin(row, { ...asked, waited: h.waited, takeOver: h.takeOver }, leaseLives);
        if (step.answer.kind === 'mine') {
          const known = calls.get(h.holder);
          if (known?.attempt !== step.answer.attempt)
            calls.set(h.holder, { attempt: step.answer.attempt, dispatched: false, performed: false });
          leaseLives = true;
        }
        if (h.hash === 'other') expect(step.answer.kind).toBe('conflict');
        row = step.row;
        break;
      }
      case 'dispatch': {
        if (!row || !call || call.performed) break;
        const step = dispatch(row, call.attempt);
        row = step.row;
        call.dispatched = step.answer;
        if (step.answer) leaseLives = true;
        break;
      }
      case 'perform':
        if (!call?.dispatched || call.performed) break;
        call.performed = true;
        performed += 1;
        break;
      case 'withdraw': {
        if (!row || !call || call.performed) break; // certainly without effect
        const step = withdraw(row, call.attempt);
        row = step.row;
        if (step.answer) leaseLives = false;
        call.dispatched = false;
        break;
      }
      case 'succeed':
      case 'fail':
      case 'doubt': {
        if (!row || !call?.performed) break;
        const results: Record<typeof h.do, StepResult> = {
          succeed: { status: 'succeeded', output: call.attempt },
          fail: { status: 'failed', code: 'x', message: '' },
          doubt: { status: 'in_doubt', code: 'x', message: '' },
        };
        row = complete(row, call.attempt, results[h.do]).row;
        break;
      }
      case 'lapse':
        leaseLives = false;
        break;
      case 'orphan':
        if (row && !leaseLives) row = orphan(row).row;
        break;
      case 'settle':
        if (row)
          row = settle(
            row,
            h.status === 'succeeded'
              ? { status: 'succeeded', output: 1 }
              : { status: 'failed', code: 's', message: '' },
            'ann',
          ).row;
        break;
    }
    if (row) rows.push(row);
  }
  return { rows, performed, calls };
}

const runs = (idempotency: 'key' | 'none', judge: (played: ReturnType<typeof play>) => void) =>
  fc.assert(
    fc.property(fc.array(fc.oneof(...happenings), { maxLength: 60, size: 'max' }), (list) =>
      judge(play(idempotency, list)),
    ),
    { numRuns: 1_500 },
  );

it('dispatches an effect at most once where the tool knows no keys, whatever happens', () =>
  runs('none', ({ performed }) => expect(performed).toBeLessThanOrEqual(1)));

it.each(['key', 'none'] as const)('never changes a known outcome, and forgets no attempt (%s)', (idempotency) =>
  runs(idempotency, ({ rows }) => {
    for (let i = 1; i < rows.length; i += 1) {
      const [before, after] = [rows[i - 1]!, rows[i]!];
      const known = before.state === 'succeeded' || before.state === 'failed';
      const open = after.state === 'intent' || after.state === 'dispatched';
      if (after.attempts < before.attempts) throw new Error('an attempt was forgotten');
      if (open !== (after.result === null)) throw new Error('an answer without an outcome, or the other way round');
      if (known && after.state !== before.state) throw new Error('a known outcome changed');
      if (known && after.result !== before.result) throw new Error('a known answer changed');
      if (before.late && !after.late) throw new Error('a late outcome was forgotten');
    }
  }),
);

it.each(['key', 'none'] as const)('says of nothing that may have happened that it was only meant (%s)', (idempotency) =>
  runs(idempotency, ({ rows, performed }) => {
    const last = rows.at(-1);
    if (performed > 0) expect(last?.state).not.toBe('intent');
  }),
);
