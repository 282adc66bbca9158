import { describe, expect, it } from '@jest/globals';
import { AppError } from '@switchyard/contracts';
import { cursorFor, reconnectOf } from './position.ts';

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'no error';
}

describe('cursors', () => {
  it('are the run and a number, or the bare number; Last-Event-ID comes before `after`', () => {
    expect(cursorFor('r', undefined, undefined)).toBe(0);
    expect(cursorFor('r', '', '7')).toBe(7);
    expect(cursorFor('r', 'r:5', '7')).toBe(5);
    for (const bad of ['x:5', 'r:', 'r:-1', 'r:1e3', 'a.>:1', '99999999999'])
      expect(code(() => cursorFor('r', bad, undefined))).toBe('invalid_cursor');
  });

  it('of a reconnect name the run', () => {
    expect(reconnectOf('r:5')).toEqual({ runId: 'r', seq: 5 });
    expect(reconnectOf(undefined)).toBeUndefined();
    expect(code(() => reconnectOf('nonsense'))).toBe('invalid_cursor');
  });
});
