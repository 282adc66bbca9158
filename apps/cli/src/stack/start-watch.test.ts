import { describe, expect, it } from '@jest/globals';
import { type Answer, type Ends, judge, waitLimitMs } from './start-watch.ts';
import { UserError } from '../terminal/user-error.ts';

const up: Answer = { ok: true, checks: {} };
const login = (check: Answer['checks'][string], ok = true): Answer => ({
  ok,
  checks: { nats: { ok: true }, 'aztm login': check },
});
const pending = login({ ok: false, pending: true, detail: 'The AZTM login is under way: connecting.' });
const failed = login({ ok: false, detail: '127.0.0.1:1 refuses (ECONNREFUSED): nothing listens there.' });
const required = { required: true, timeoutMs: 60_000 };
const optional = { required: false, timeoutMs: 30_000 };
const ends = (how: string, times = 1, why?: string): Ends => ({ times, how, why });

const refusal = (...args: Parameters<typeof judge>): UserError => {
  try {
    judge(...args);
  } catch (error) {
    if (error instanceof UserError) return error;
  }
  throw new Error('it was not refused');
};

describe('a service that was started', () => {
  it('is ready when it says so, and not before', () => {
    expect(judge('gateway', up, undefined, undefined, 0)).toEqual({ is: 'ready' });
    expect(judge('gateway', undefined, undefined, undefined, 0)).toMatchObject({ is: 'waiting' });
    const starting = { ok: false, checks: { start: { ok: false, detail: 'The service is still starting.' } } };
    expect(judge('mcp-tool', starting, undefined, undefined, 0)).toEqual({
      is: 'waiting',
      why: 'The service is still starting.',
    });
  });

  it('that ended once may come back; one whose configuration is not valid does not', () => {
    expect(judge('audit', undefined, ends('exit code 1', 1, 'no disk'), undefined, 0)).toEqual({
      is: 'waiting',
      why: 'it ended (exit code 1): no disk',
    });
    const { message, exitCode } = refusal('audit', undefined, ends('exit code 78', 1, 'A=1: set B'), undefined, 0);
    expect([message, exitCode]).toEqual(['audit does not start: A=1: set B', 78]);
  });

  it('that ends again and again is told with its last sentence', () => {
    const { message, exitCode } = refusal('audit', up, ends('ended by SIGSEGV', 3, 'x'), undefined, 0);
    expect(message).toMatch(/^audit ends again and again \(ended by SIGSEGV\): x/);
    expect(exitCode).toBe(1);
  });
});

describe('the bridge with an account', () => {
  it('is ready when its login stands, and says how it stands', () => {
    const stands = login({ ok: true, detail: 'The AZTM login stands: online as a@b/c.' });
    expect(judge('xmpp-bridge', stands, undefined, required, 0)).toEqual({
      is: 'ready',
      note: 'The AZTM login stands: online as a@b/c.',
    });
  });

  it('ends the start where the login is required and fails, with the reason and what to check', () => {
    const { message, exitCode } = refusal('xmpp-bridge', { ...failed, ok: false }, undefined, required, 0);
    expect(message).toMatch(/^Step 1\/2 failed: .*nothing listens there\.\nAZTM_REQUIRED=true: .*AZTM_HOST, AZTM_PORT/);
    expect(exitCode).toBe(69);
  });

  it('is waited for as long as AZTM_XMPP_TIMEOUT where the login is required, and a moment where it is not', () => {
    expect(judge('xmpp-bridge', { ...pending, ok: false }, undefined, required, 59_000).is).toBe('waiting');
    expect(waitLimitMs(45_000, required)).toBeGreaterThan(60_000);
    expect(judge('xmpp-bridge', pending, undefined, optional, 5_000).is).toBe('waiting');
    expect(judge('xmpp-bridge', pending, undefined, optional, 11_000).is).toBe('ready');
    expect(waitLimitMs(45_000, optional)).toBe(45_000);
  });

  it('runs without a login that nobody requires, and that is said', () => {
    expect(judge('xmpp-bridge', failed, undefined, optional, 0)).toEqual({
      is: 'without login',
      why: '127.0.0.1:1 refuses (ECONNREFUSED): nothing listens there.',
    });
  });

  it('is ready at once where it has no account', () => {
    const disabled = login({ ok: true, detail: 'The AZTM login is disabled.' });
    expect(judge('xmpp-bridge', disabled, undefined, undefined, 0).is).toBe('ready');
  });
});
