import { describe, expect, it } from '@jest/globals';
import type { DelegationOutcome } from './delegation.ts';
import { Deliveries } from './deliveries.ts';

const outcome = (output: string): DelegationOutcome => ({
  result: { status: 'succeeded', output },
  remoteTaskId: undefined,
  sends: 1,
});

/** A delivery that ends when it is told to, or with its signal. */
function deliveries() {
  const book = new Deliveries();
  const sent: ((outcome: DelegationOutcome) => void)[] = [];
  const once = (signal: AbortSignal = new AbortController().signal): Promise<DelegationOutcome> =>
    book.once('step', signal, () => {
      if (signal.aborted) return Promise.resolve(outcome('ended'));
      return new Promise((resolve) => sent.push(resolve));
    });
  return { once, sent };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('messages on their way', () => {
  it('gives an answer without a task to all who came for it', async () => {
    const { once, sent } = deliveries();
    const all = [once(), once(), once()];
    await turn();
    expect(sent).toHaveLength(1);
    sent[0]!(outcome('pong'));
    expect((await Promise.all(all)).map(({ result, sends }) => [result, sends])).toEqual([
      [{ status: 'succeeded', output: 'pong' }, 1],
      [{ status: 'succeeded', output: 'pong' }, 0],
      [{ status: 'succeeded', output: 'pong' }, 0],
    ]);
  });

  it('sends no second one after somebody who waited for the first was ended', async () => {
    const { once, sent } = deliveries();
    const first = once();
    const impatient = new AbortController();
    const second = once(impatient.signal);
    await turn();
    impatient.abort();
    expect(await second).toEqual(outcome('ended'));
    const third = once();
    await turn();
    expect(sent).toHaveLength(1);
    sent[0]!(outcome('done'));
    expect((await Promise.all([first, third])).map(({ result }) => result)).toEqual(
      Array.from({ length: 2 }, () => ({ status: 'succeeded', output: 'done' })),
    );
  });
});
