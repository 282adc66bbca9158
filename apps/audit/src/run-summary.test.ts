import { describe, expect, it } from '@jest/globals';
import { oneRun } from '../test/one-run.ts';
import { summarise, type SummarisedRun } from './run-summary.ts';

const fold = (events: ReturnType<typeof oneRun>) =>
  events.reduce<SummarisedRun | undefined>((run, event) => summarise(run, event), undefined);

describe('run summary', () => {
  it('tells what became of a finished run', () => {
    expect(fold(oneRun())).toMatchObject({
      runId: 'run-1',
      tenantId: 'acme',
      userId: 'ada',
      phase: 'ended',
      status: 'success',
      completionReason: 'ok',
      totalSteps: 1,
      lastSeq: 9,
      createdAt: 1_700_000_000_123,
      endedAt: 1_700_000_000_923,
    });
  });

  it('does not change when the same events come again', () => {
    const events = oneRun();
    expect(fold([...events, ...events])).toEqual(fold(events));
  });

  it('stops at a hole instead of guessing what was in it', () => {
    const events = oneRun();
    expect(fold(events.filter((e) => e.seq !== 4))).toEqual(fold(events.slice(0, 3)));
  });

  it('counts a step once, however often it was dispatched again', () => {
    const [dispatch] = oneRun().filter((e) => e.type === 'orchestrator.step.dispatching');
    const head = oneRun().slice(0, 5);
    const again = { ...dispatch!, seq: 6, data: { ...dispatch!.data, attempt: 2 } } as (typeof head)[number];
    expect(fold([...head, again])).toMatchObject({ totalSteps: 1, lastSeq: 6 });
  });

  it('shows a run that waits for a person as waiting, and as running once it was decided', () => {
    const place = { runId: 'run-1', tenantId: 'acme', epoch: 1, stepId: null, ts: 1_700_000_001_000 };
    const asked = {
      ...place,
      seq: 6,
      type: 'orchestrator.approval.requested' as const,
      data: { approval_id: 'a', kind: 'approval' as const, step_id: 's', question: 'Send?', expires_at: 1 },
    };
    const decided = {
      ...place,
      seq: 7,
      type: 'orchestrator.approval.decided' as const,
      data: { approval_id: 'a', step_id: 's', decision: 'approve' as const, by: 'ada' },
    };
    const waiting = [...oneRun().slice(0, 5), asked];
    expect(fold(waiting)?.phase).toBe('waiting');
    expect(fold([...waiting, decided])?.phase).toBe('running');
  });

  it('keeps no more of the task than a list shows', () => {
    const [accepted] = oneRun('x'.repeat(2_000));
    expect(summarise(undefined, accepted!)?.task).toHaveLength(500);
  });
});
