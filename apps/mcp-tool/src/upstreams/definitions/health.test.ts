import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { healthAfter, sandboxCheck, WELL } from './health.ts';

const away = new AppError('unavailable', 'Nobody is there.');
const noToken = new AppError('credentials_missing', 'Nobody has authorised it yet.');

describe('the health of an upstream', () => {
  it('is bad after two failures in a row, and good after one answer', () => {
    const once = healthAfter(WELL, { auth: 'none' }, away);
    expect(once).toMatchObject({ failures: 1, reason: undefined, waits: undefined, last: 'Nobody is there.' });
    const twice = healthAfter(once, { auth: 'none' }, away);
    expect(twice).toMatchObject({ failures: 2, reason: 'Nobody is there.', waits: undefined });
    expect(healthAfter(twice, { auth: 'none' }, undefined)).toEqual(WELL);
  });

  it('does not suffer from a user who has yet to give a token', () => {
    const waiting = healthAfter(healthAfter(WELL, { auth: 'user' }, noToken), { auth: 'user' }, noToken);
    expect(waiting).toMatchObject({ failures: 2, reason: undefined, waits: 'Nobody has authorised it yet.' });
    expect(healthAfter(WELL, { auth: 'none' }, noToken).waits).toBeUndefined();
  });

  it('keeps the reason of one that is unavailable while it waits for a user', () => {
    const unavailable = { failures: 2, reason: 'It could not be reached.', waits: undefined, last: undefined };
    expect(healthAfter(unavailable, { auth: 'user' }, noToken).reason).toBe('It could not be reached.');
  });
});

it('names each process that has less of a sandbox than its operator wants', () => {
  expect(sandboxCheck([])).toEqual({ ok: true });
  const missing = 'bubblewrap (bwrap) is not installed.';
  expect(sandboxCheck(['a', 'b'].map((upstream) => ({ upstream, missing })))).toEqual({
    ok: false,
    detail: `a, b: started without the sandbox that is wanted. ${missing}`,
  });
});
