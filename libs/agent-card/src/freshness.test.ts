import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { olderThan } from './freshness.ts';

describe('which of two cards is older', () => {
  it.each([
    [{ version: '1.0.0', issuedAt: 10 }, { version: '0.9.0', issuedAt: 11 }, false],
    [{ version: '1.0.0', issuedAt: 10 }, { version: '2.0.0', issuedAt: 9 }, true],
    [{ version: '1.0.0', issuedAt: 10 }, { version: '2.0.0' }, true],
    [{ version: '1.9.0' }, { version: '1.10.0' }, false],
    [{ version: '1.10.0' }, { version: '1.9.9' }, true],
    [{ version: 'blue' }, { version: 'green' }, false],
    [{ version: '1.0.0' }, { version: '1.0.0', issuedAt: 1 }, false],
  ])('%j, then %j', (seen, card, older) => {
    expect(olderThan(seen, card) !== undefined).toBe(older);
  });

  it('is never both of them', () => {
    const accepted = fc.record(
      { version: fc.stringMatching(/^\d{1,3}(\.\d{1,3}){0,2}$/), issuedAt: fc.nat() },
      { requiredKeys: ['version'] },
    );
    fc.assert(
      fc.property(accepted, accepted, (one, other) => {
        fc.pre((one.issuedAt === undefined) === (other.issuedAt === undefined));
        expect(olderThan(one, other) !== undefined && olderThan(other, one) !== undefined).toBe(false);
        expect(olderThan(one, one)).toBeUndefined();
      }),
    );
  });
});
