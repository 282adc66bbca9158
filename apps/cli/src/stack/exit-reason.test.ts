import { describe, expect, it } from '@jest/globals';
import { reasonForExit } from './exit-reason.ts';

const line = (level: string, message: string, err?: object) =>
  JSON.stringify({ level, message, ...(err ? { err } : {}) });

describe('why a service ended', () => {
  it('is every problem of its configuration', () => {
    const written = 'The configuration is not valid:\n  A=1: set B\n  C=(hidden): wrong\n';
    expect(reasonForExit(written)).toBe('the configuration is not valid: A=1: set B; C=(hidden): wrong');
  });

  it('is what kept it from starting, without the stack', () => {
    expect(reasonForExit('{"level":"info"}\nCannot start: Error: no streams\n    at x (y.ts:1)\n')).toBe(
      'Cannot start: Error: no streams',
    );
  });

  it('is its last error, with the cause, not what it said at info later', () => {
    const written = [
      line('error', 'an old one'),
      line('fatal', 'An unhandled error ends this process.', { message: 'x is not a function' }),
      line('info', 'stopping'),
    ];
    expect(reasonForExit(written.join('\n'))).toBe('An unhandled error ends this process: x is not a function');
  });

  it('is the last line where there is nothing better, and nothing where it wrote nothing', () => {
    expect(reasonForExit('node: bad option\u001b[31m\n')).toBe('node: bad option [31m');
    expect(reasonForExit('{"level":"info","message":"up"}')).toBeUndefined();
    expect(reasonForExit('')).toBeUndefined();
    expect(reasonForExit('x'.repeat(5_000))).toHaveLength(600);
  });
});
