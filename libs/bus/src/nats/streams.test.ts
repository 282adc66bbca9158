import { describe, expect, it } from '@jest/globals';
import { checkServerVersion, ignoredOptions } from './streams.ts';

describe('the server', () => {
  it('is refused when it is too old for what is needed', () => {
    expect(() => checkServerVersion('2.8.4')).toThrow(/too old/);
    expect(() => checkServerVersion('2.9.10')).not.toThrow();
    expect(() => checkServerVersion('3.0.0')).not.toThrow();
  });

  it('is caught when it drops an option in silence', () => {
    expect(ignoredOptions({ name: 'A', max_age: 5, allow_msg_ttl: true }, { name: 'A', max_age: 5 })).toEqual([
      'allow_msg_ttl',
    ]);
  });
});
