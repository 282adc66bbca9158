import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { currentContext, withContext } from './context.ts';

describe('the context of the work at hand', () => {
  it('is empty outside, adds up inside, and is gone afterwards', () => {
    expect(currentContext()).toEqual({});
    const inner = withContext({ tenantId: 't', runId: 'r' }, () => withContext({ stepId: 's' }, currentContext));
    expect(inner).toEqual({ tenantId: 't', runId: 'r', stepId: 's' });
    expect(currentContext()).toEqual({});
  });

  it('follows each of many runs through its waits, and never mixes them', async () => {
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        withContext({ runId: `r${n}` }, async () => {
          await wait(n % 5);
          return currentContext().runId;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => `r${n}`));
  });

  it('is left also when the work throws', () => {
    expect(() =>
      withContext({ runId: 'r' }, () => {
        throw new Error('x');
      }),
    ).toThrow('x');
    expect(currentContext()).toEqual({});
  });
});
