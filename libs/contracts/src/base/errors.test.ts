import { describe, expect, it } from '@jest/globals';
import { AppError, ERROR_CODES, type ErrorCode, isErrorCode, toPublicError } from './errors.ts';

describe('toPublicError', () => {
  it.each([new Error('SELECT * FROM users'), 'text', null, undefined, { code: 'forbidden', message: 'x' }, 7])(
    'says nothing of %p but that something went wrong',
    (thrown) => expect(toPublicError(thrown)).toEqual({ code: 'internal', message: ERROR_CODES.internal.summary }),
  );

  it('shows code, sentence, pause and places, never cause or stack', () => {
    const error = new AppError('rate_limited', undefined, {
      cause: new Error('redis://u:hunter2@h'),
      retryAfterMs: 500,
      details: ['a: expected string'],
    });
    expect(toPublicError(error)).toEqual({
      code: 'rate_limited',
      message: ERROR_CODES.rate_limited.summary,
      retryAfterMs: 500,
      details: ['a: expected string'],
    });
    expect(JSON.stringify(toPublicError(error))).not.toMatch(/hunter2|errors\.test/);
    expect((error.cause as Error).message).toContain('hunter2');
  });

  it('has at most 20 places', () => {
    const details = Array.from({ length: 50 }, (_, n) => `a${n}: x`);
    expect(new AppError('invalid_input', 'x', { details }).details).toHaveLength(20);
  });
});

describe('the table of codes', () => {
  it.each(Object.entries(ERROR_CODES))('%s has a status, a rule for repeating and a public sentence', (code, entry) => {
    expect(isErrorCode(code)).toBe(true);
    expect(entry.http).toBeGreaterThanOrEqual(400);
    expect(entry.http).toBeLessThan(600);
    expect(entry.summary).toMatch(/^[A-Z].*\.$/);
    expect(new AppError(code as ErrorCode)).toMatchObject({ name: 'AppError', code, message: entry.summary });
  });

  it.each(['', 'toString', '__proto__', 'constructor', 'INTERNAL', 5, null, undefined, ['internal']])(
    'does not hold %p',
    (value) => expect(isErrorCode(value)).toBe(false),
  );
});
