import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { Batcher } from './batcher.ts';

/** The server undid the batch; any other error leaves open what became of it. */
class Undone extends Error {}
class Lost extends Error {}

const LIMITS = { senders: 2, patienceMs: 0, items: 8, bytes: 100, waiting: 1_000 };

function batcher(send: (items: readonly number[]) => Promise<string[]>, limits: Partial<typeof LIMITS> = {}) {
  return new Batcher<number, string>({
    send,
    isUndone: (error) => error instanceof Undone,
    bytesOf: (item) => item % 10,
    limits: { ...LIMITS, ...limits },
  });
}

/** A sender that answers when it is told to. */
function held() {
  const calls: { items: readonly number[]; answer: (answers?: string[]) => void; fail: (error: Error) => void }[] = [];
  const send = (items: readonly number[]) =>
    new Promise<string[]>((resolve, reject) =>
      calls.push({ items, answer: (answers = items.map(String)) => resolve(answers), fail: reject }),
    );
  return { calls, send };
}

describe('what leaves together', () => {
  it('lets a lone item leave within its turn, and everything of one turn in one batch', async () => {
    const { calls, send } = held();
    const writes = batcher(send);
    void writes.add(1);
    void writes.add(2);
    await Promise.resolve().then(() => void writes.add(3));
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  });

  it('never has more batches under way than senders; what waits leaves together with the first that is free', async () => {
    const { calls, send } = held();
    const writes = batcher(send);
    for (let item = 1; item <= 5; item += 1) {
      void writes.add(item);
      await turn();
    }
    expect(calls.map(({ items }) => items)).toEqual([[1], [2]]);
    calls[0]!.answer();
    await turn();
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2], [3, 4, 5]]);
  });

  it('lets what comes meanwhile leave in one batch after the first, while that takes no longer than others wait', async () => {
    const { calls, send } = held();
    const writes = batcher(send, { patienceMs: 60_000 });
    for (let item = 1; item <= 4; item += 1) {
      void writes.add(item);
      await turn();
    }
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    calls[0]!.answer();
    await turn();
    await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    calls[1]!.answer();
  });

  it('lets others leave beside a batch that takes long, or once a whole batch waits', async () => {
    const { calls, send } = held();
    const slow = batcher(send, { patienceMs: 1 });
    void slow.add(1);
    await turn();
    void slow.add(2);
    while (calls.length < 2) await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2]]);

    const full = held();
    const patient = batcher(full.send, { patienceMs: 60_000, items: 2 });
    for (const item of [1, 2, 3, 4]) void patient.add(item);
    for (let n = 0; n < 4; n += 1) await turn();
    expect(full.calls.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('never exceeds its bounds of items, of bytes and of what waits', async () => {
    const { calls, send } = held();
    const writes = batcher(send, { items: 3, bytes: 12, waiting: 7, senders: 10 });
    const answers = [1, 1, 1, 1, 9, 9, 9].map((item) => writes.add(item));
    await expect(writes.add(8)).rejects.toMatchObject({ code: 'unavailable' });
    for (let batch = 0; batch < 4; batch += 1) await turn();
    expect(calls.map(({ items }) => items)).toEqual([[1, 1, 1], [1, 9], [9], [9]]);
    calls.forEach(({ answer }) => answer());
    await Promise.all(answers);
  });
});

describe('a batch that fails', () => {
  it('is sent again item by item where the server undid it: the one that poisons it fails alone', async () => {
    const poison = (items: readonly number[]) =>
      items.includes(3) ? Promise.reject(new Undone()) : Promise.resolve(items.map(String));
    const writes = batcher(poison);
    const settled = await Promise.allSettled([1, 2, 3, 4].map((item) => writes.add(item)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  });

  it('never is sent a second time where nobody knows what became of it', async () => {
    const { calls, send } = held();
    const writes = batcher(send);
    const answers = [1, 2].map((item) => writes.add(item));
    await turn();
    calls[0]!.fail(new Lost());
    expect((await Promise.allSettled(answers)).every(({ status }) => status === 'rejected')).toBe(true);
    await turn();
    expect(calls).toHaveLength(1);
  });

  it('makes the next ones small, so that what breaks connections does not take the same company again', async () => {
    const { calls, send } = held();
    const writes = batcher(send, { senders: 1 });
    const lost = [1, 2].map((item) => writes.add(item));
    await turn();
    calls[0]!.fail(new Lost());
    await Promise.allSettled(lost);
    for (const item of [3, 4, 5, 6, 7, 8]) void writes.add(item);
    for (let call = 1; call <= 3; call += 1) {
      await turn();
      await turn();
      calls[call]!.answer();
    }
    expect(calls.map(({ items }) => items.length)).toEqual([2, 1, 2, 3]);
  });

  it('never gives an item the answer of another where answers are missing', async () => {
    const writes = batcher((items) => Promise.resolve(items.slice(1).map(String)));
    const settled = await Promise.allSettled([1, 2, 3].map((item) => writes.add(item)));
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
  });
});

describe('a batch that goes wrong on its way', () => {
  const writes = (deliver: (items: readonly number[]) => readonly number[]) => {
    const stored: number[] = [];
    const send = (items: readonly number[]) => {
      const kept = deliver(items);
      stored.push(...kept);
      return Promise.resolve(kept.map(String));
    };
    return { batches: batcher(send), stored };
  };
  const confirmed = async (deliver: (items: readonly number[]) => readonly number[]) => {
    const { batches, stored } = writes(deliver);
    const answers = await Promise.allSettled([1, 2, 3].map((item) => batches.add(item)));
    return answers.every((answer, i) => answer.status === 'rejected' || stored.includes([1, 2, 3][i]!));
  };

  it.each<[string, (items: readonly number[]) => readonly number[]]>([
    ['is lost', () => []],
    ['is torn', (items) => items.slice(0, 2)],
  ])('confirms nothing that is not stored where it %s', async (_what, deliver) => {
    expect(await confirmed(deliver)).toBe(true);
  });

  it('shows where it is answered in another order', async () => {
    const { batches } = writes((items) => [...items].reverse());
    expect(await Promise.all([1, 2, 3].map((item) => batches.add(item)))).not.toEqual(['1', '2', '3']);
  });
});

it('answers every item once with its own answer, in any order of arrivals, answers and failures', async () => {
  const move = fc.oneof(
    { weight: 4, arbitrary: fc.constant('add' as const) },
    { weight: 3, arbitrary: fc.constant('answer' as const) },
    { weight: 1, arbitrary: fc.constant('undo' as const) },
    { weight: 1, arbitrary: fc.constant('lose' as const) },
    { weight: 2, arbitrary: fc.constant('turn' as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(move, fc.nat(3)), { maxLength: 60 }), async (moves) => {
      const { calls, send } = held();
      const open: typeof calls = [];
      const writes = batcher((items) => {
        const answer = send(items);
        open.push(calls.at(-1)!);
        return answer;
      });
      const sent: number[] = [];
      const answers: { item: number; answer: string | undefined }[] = [];
      let next = 0;
      for (const [what, pick] of moves) {
        if (what === 'add') {
          const item = next++;
          void writes.add(item).then(
            (answer) => answers.push({ item, answer }),
            () => answers.push({ item, answer: undefined }),
          );
        } else if (what === 'turn') await turn();
        else {
          const [call] = open.splice(pick % Math.max(open.length, 1), 1);
          if (what === 'answer') call?.answer();
          else call?.fail(what === 'undo' ? new Undone() : new Lost());
          if (what === 'answer' && call) sent.push(...call.items);
        }
      }
      for (let rounds = 0; answers.length < next && rounds < 500; rounds += 1) {
        await turn();
        for (const call of open.splice(0)) {
          call.answer();
          sent.push(...call.items);
        }
      }
      expect(answers.map(({ item }) => item).sort((a, b) => a - b)).toEqual(Array.from({ length: next }, (_, i) => i));
      for (const { item, answer } of answers) if (answer !== undefined) expect(answer).toBe(String(item));
      expect(new Set(sent).size).toBe(sent.length); // none was written twice
      expect(answers.filter(({ answer }) => answer !== undefined)).toHaveLength(sent.length);
    }),
  );
});
