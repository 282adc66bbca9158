import { describe, expect, it } from '@jest/globals';
import { describeAnswering } from './answering-promises.ts';
import { describeAsking } from './asking-promises.ts';
import { describeFacts } from './fact-promises.ts';
import { describeFollow } from './follow-promises.ts';
import type { Wire, World } from './harness.ts';
import { describeLeaving } from './detach-promises.ts';
import { openParties } from './parties.ts';
import { describeSharing } from './sharing-promises.ts';

/** What every implementation of the bus promises. Runs against NATS and against the twin in memory alike. */
export function describeBus(wire: Wire, open: () => Promise<World>): void {
  describe(`the bus on ${wire}`, () => {
    const parties = openParties(wire, open);

    it('tells what it knows of itself', () => {
      expect(parties.asker.status()).toMatchObject({ connected: true, reconnects: 0 });
    });
    describeAsking(parties);
    describeAnswering(parties);
    describeLeaving(parties);
    describeFacts(parties);
    describeSharing(parties);
  });
  describeFollow(wire, open);
}
