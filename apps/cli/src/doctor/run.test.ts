import { describe, expect, it } from '@jest/globals';
import { type DoctorCheck, DoctorReport } from '@switchyard/contracts';
import { reportOf } from './run.ts';

const check = (number: number, status: DoctorCheck['status']): DoctorCheck => ({
  number,
  group: 'xmpp',
  name: 'a check',
  status,
  sentence: `${number} is ${status}.`,
  evidence: [],
  ms: 1,
});

describe('the report of the doctor', () => {
  it('says the first failure, else the first warning, in the shape that machines read', () => {
    const checks = [check(1, 'ok'), check(2, 'warn'), check(3, 'fail'), check(4, 'skipped')];
    expect(reportOf(checks, false)).toMatchObject({ version: 1, verdict: 'fail', sentence: '3 is fail.' });
    expect(reportOf(checks.slice(0, 2), false)).toMatchObject({ verdict: 'warn', sentence: '2 is warn.' });
    expect(reportOf(checks.slice(0, 1), false)).toMatchObject({ verdict: 'ok' });
    expect(reportOf([check(1, 'skipped')], true)).toMatchObject({ verdict: 'config', sentence: '1 is skipped.' });
    const down = { ...check(5, 'skipped'), sentence: 'Nothing runs in this clone: start it.' };
    expect(reportOf([check(1, 'ok'), down], false)).toMatchObject({ verdict: 'ok', sentence: down.sentence });
    expect(DoctorReport.safeParse(reportOf(checks, false)).success).toBe(true);
  });
});
