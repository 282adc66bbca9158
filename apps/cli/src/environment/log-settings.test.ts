import { describe, expect, it } from '@jest/globals';
import { checkedLevels, withLevels } from './log-settings.ts';

describe('how much is logged', () => {
  it('is the same setting in any spelling', () => {
    expect(withLevels({ LOG_LEVEL: 'DEBUG', AZTM_LOG_LEVEL: 'Warning', A: 'B' })).toEqual({
      LOG_LEVEL: 'debug',
      AZTM_LOG_LEVEL: 'warn',
      A: 'B',
    });
    expect(withLevels({ LOG_LEVEL: 'loud' })).toEqual({ LOG_LEVEL: 'loud' });
  });

  it('is refused before anything starts where it is no level, every problem at once', () => {
    expect(() => checkedLevels({ LOG_LEVEL: 'loud', AZTM_LOG_LEVEL: 'DEBUG', LOG_LEVELS: 'bus=quiet' })).toThrow(
      /not valid:\n {2}LOG_LEVEL=loud: expected trace.*\n {2}LOG_LEVELS=bus=quiet: "bus=quiet": expected/,
    );
    for (const LOG_LEVEL of ['', 'TRACE', 'Critical']) expect(checkedLevels({ LOG_LEVEL })).toBeUndefined();
  });

  it('names a part that there is not, and goes on', () => {
    expect(checkedLevels({ LOG_LEVELS: 'bsu=warn,bus=warn' })).toMatch(/names "bsu", which is no part/);
  });
});
