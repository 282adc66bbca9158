import { describe, expect, it } from '@jest/globals';
import { AppError, ERROR_CODES, type ErrorCode } from '@switchyard/contracts';
import { Problem } from '@switchyard/contracts/http';
import { refusalOf, toProblem } from './problem.ts';

describe('problems', () => {
  it('have the documented shape for every code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const { status, body } = toProblem(new AppError(code, undefined, { details: ['a: b'], retryAfterMs: 1_500 }));
      expect(Problem.parse(body)).toEqual(body);
      expect([status, body.detail]).toEqual([ERROR_CODES[code].http, ERROR_CODES[code].summary]);
    }
  });

  it('say nothing of what is not meant for callers', () => {
    const secret = new Error('password=hunter2 at /srv/app.ts:1');
    const text = JSON.stringify([
      toProblem(secret),
      toProblem(new AppError('unavailable', 'Down.', { cause: secret })),
      toProblem('hunter2'),
      toProblem(null),
    ]);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('.ts');
  });

  it('tell when to come back, in whole seconds', () => {
    expect(toProblem(new AppError('rate_limited', 'Slow down.', { retryAfterMs: 1_200 })).headers).toEqual({
      'retry-after': '2',
    });
    expect(toProblem(new AppError('conflict')).headers).toEqual({});
    expect(toProblem(new AppError('unauthenticated')).headers).toEqual({ 'www-authenticate': 'Bearer' });
  });

  it('of the framework become ours', () => {
    expect([413, 415, 404, 400, 431, 500].map((status) => refusalOf(status).code)).toEqual([
      'payload_too_large',
      'unsupported_media_type',
      'not_found',
      'invalid_input',
      'invalid_input',
      'internal',
    ]);
  });
});
