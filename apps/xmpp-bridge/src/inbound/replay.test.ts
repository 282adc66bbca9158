import { describe, expect, it } from '@jest/globals';
import type { HttpResponse } from '../wire/http-exchange.ts';
import { type Answer, Replay, REPLAY_LIMITS } from './replay.ts';

const never = new AbortController().signal;
const asked = (over: { key?: string; body?: string; from?: string; stanzaId?: string } = {}) => {
  const { key, body = 'b', from = 'ada@x/r', stanzaId = 's1' } = over;
  const headers = key === undefined ? [] : [['idempotency-key', key] as const];
  const request = { method: 'POST', resource: '/a2a', headers, body: Buffer.from(body) };
  return { from, bare: from.split('/')[0]!, stanzaId, request, limitMs: 30_000 };
};
const ok = (text: string): HttpResponse => ({ status: 200, headers: [], body: Buffer.from(text) });
const counting = () => {
  let count = 0;
  const work = (): Promise<Answer> => Promise.resolve({ response: ok(String((count += 1))) });
  return { work, count: () => count };
};
const textOf = async ({ response, pieces }: Answer): Promise<string> => {
  let text = response.body.toString();
  for await (const piece of pieces ?? []) text += Buffer.from(piece).toString();
  return text;
};

describe('the same request again', () => {
  it('is performed once, by its key from any session of the account, and answered the same', async () => {
    const [replay, { work, count }] = [new Replay(), counting()];
    const answers = [
      await replay.perform(asked({ key: 'k' }), never, work),
      await replay.perform(asked({ key: 'k', from: 'ada@x/other', stanzaId: 's2' }), never, work),
    ];
    expect([await Promise.all(answers.map(textOf)), count()]).toEqual([['1', '1'], 1]);
  });

  it('without a key is known by its stanza alone', async () => {
    const [replay, { work, count }] = [new Replay(), counting()];
    for (const stanzaId of ['s1', 's1', 's2']) await replay.perform(asked({ stanzaId }), never, work);
    expect(count()).toBe(2);
  });

  it('is not that of another account', async () => {
    const [replay, { work, count }] = [new Replay(), counting()];
    for (const from of ['ada@x/r', 'bob@x/r']) await replay.perform(asked({ key: 'k', from }), never, work);
    expect(count()).toBe(2);
  });

  it('is performed anew where nobody began to read its pieces, and is not kept for ever as under way', async () => {
    const replay = new Replay();
    let count = 0;
    const work = (): Promise<Answer> => {
      count += 1;
      const pieces = (async function* () {
        yield await Promise.resolve(Buffer.from(String(count)));
      })();
      return Promise.resolve({ response: ok(''), pieces });
    };
    const over = new AbortController();
    await replay.perform(asked(), over.signal, work);
    over.abort(); // the peer refused the stream
    expect(await textOf(await replay.perform(asked(), never, work))).toBe('2');
    expect(await textOf(await replay.perform(asked(), never, work))).toBe('2'); // kept, once it was read to its end
  });

  it('with another body under the same key is refused', async () => {
    const [replay, { work }] = [new Replay(), counting()];
    await replay.perform(asked({ key: 'k' }), never, work);
    const other = replay.perform(asked({ key: 'k', body: 'other' }), never, work);
    await expect(other).rejects.toMatchObject({ status: 422 });
  });

  it('waits for the work that is under way, and no longer than its caller', async () => {
    const replay = new Replay();
    let finish: (answer: Answer) => void = () => undefined;
    const first = replay.perform(asked({ key: 'k' }), never, () => new Promise((resolve) => (finish = resolve)));
    const { work, count } = counting();
    const second = replay.perform(asked({ key: 'k' }), never, work);
    const left = new AbortController();
    const third = replay.perform(asked({ key: 'k' }), left.signal, work).catch((error: unknown) => error);
    left.abort();
    expect(await third).toMatchObject({ status: 504 });
    finish({ response: ok('done') });
    expect([await textOf(await first), await textOf(await second), count()]).toEqual(['done', 'done', 0]);
  });

  it('is performed again, by one alone, where the first failed', async () => {
    const [replay, { work, count }] = [new Replay(), counting()];
    let fail: (error: Error) => void = () => undefined;
    const failing = () => new Promise<Answer>((_resolve, reject) => (fail = reject));
    const first = replay.perform(asked({ key: 'k' }), never, failing).catch((error: unknown) => error);
    const others = [1, 2, 3].map(() => replay.perform(asked({ key: 'k' }), never, work));
    fail(new Error('no gateway'));
    expect(await first).toBeInstanceOf(Error);
    expect(await Promise.all((await Promise.all(others)).map(textOf))).toEqual(['1', '1', '1']);
    expect(count()).toBe(1);
  });

  it('gets the whole of an answer that came in pieces, or is told that it was too long to keep', async () => {
    const replay = new Replay(() => undefined, undefined, { ...REPLAY_LIMITS, maxBodyBytes: 4 });
    const inPieces =
      (...pieces: string[]) =>
      () =>
        Promise.resolve({ response: ok(''), pieces: stream(pieces.map((piece) => Buffer.from(piece))) });
    expect(await textOf(await replay.perform(asked({ key: 'short' }), never, inPieces('a', 'b')))).toBe('ab');
    expect(await textOf(await replay.perform(asked({ key: 'short' }), never, inPieces('x')))).toBe('ab');
    expect(await textOf(await replay.perform(asked({ key: 'long' }), never, inPieces('abc', 'def')))).toBe('abcdef');
    const again = replay.perform(asked({ key: 'long' }), never, inPieces('x'));
    await expect(again).rejects.toMatchObject({ status: 409 });
  });
});

describe('what is kept', () => {
  it('is bounded in number and time', async () => {
    let now = 0;
    const replay = new Replay(
      () => undefined,
      undefined,
      { ...REPLAY_LIMITS, maxEntries: 2, ttlMs: 1_000 },
      () => now,
    );
    const { work, count } = counting();
    for (const key of ['a', 'b', 'c']) await replay.perform(asked({ key }), never, work);
    await replay.perform(asked({ key: 'c' }), never, work);
    expect(count()).toBe(3);
    await replay.perform(asked({ key: 'a' }), never, work);
    now = 1_001;
    await replay.perform(asked({ key: 'c' }), never, work);
    expect(count()).toBe(5);
  });
});

async function* stream(pieces: Buffer[]): AsyncGenerator<Uint8Array, undefined> {
  for (const piece of pieces) yield await Promise.resolve(piece);
}
