import { beforeAll, describe, expect, it } from '@jest/globals';
import { currentBehalf, onBehalfOf, rememberBehalf } from './on-behalf.ts';

const ada = { tenantId: 'acme', userId: 'ada' };
const pause = () => new Promise((resolve) => setImmediate(resolve));

it('is not remembered where nobody wants to know', async () => {
  expect(await onBehalfOf(ada, async () => currentBehalf())).toBeUndefined();
});

describe('where somebody does', () => {
  beforeAll(rememberBehalf);

  it('is known in the work and in what it calls, and of two at once each has its own', async () => {
    const bob = { tenantId: 'other', userId: 'bob', runId: 'r1' };
    const seen = await Promise.all(
      [ada, bob].map((who) =>
        onBehalfOf(who, async () => {
          await pause();
          return currentBehalf();
        }),
      ),
    );
    expect(seen).toEqual([ada, bob]);
    expect(currentBehalf()).toBeUndefined();
  });

  it('is not known to what the work left behind', async () => {
    let late: unknown = 'not asked';
    let asked!: () => void;
    const over = new Promise<void>((resolve) => (asked = resolve));
    await onBehalfOf(ada, async () => {
      setTimeout(() => {
        late = currentBehalf();
        asked();
      }, 20);
    });
    await over;
    expect(late).toBeUndefined();
  });
});
