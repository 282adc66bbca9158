import { describe, expect, it } from '@jest/globals';
import { createMemoryBus, type Records } from '@switchyard/bus';
import { AppError } from '@switchyard/contracts';
import { createLogger } from '@switchyard/platform';
import type { HttpResponse } from '../wire/http-exchange.ts';
import { type Answer, Replay } from './replay.ts';
import { OUTCOMES, SharedOutcomes } from './shared-outcomes.ts';

/** Two replicas with one account, as far as they know what peers asked before. */

const log = createLogger({ app: 'test', level: 'silent' });
const never = new AbortController().signal;
const asked = (over: { key?: string; body?: string; limitMs?: number } = {}) => {
  const { key = 'k', body = 'b', limitMs = 30_000 } = over;
  const request = {
    method: 'POST',
    resource: '/a2a',
    headers: [['idempotency-key', key]] as const,
    body: Buffer.from(body),
  };
  return { from: 'ada@x/r', bare: 'ada@x', stanzaId: 's1', request, limitMs };
};
const response = (text: string, status = 200): HttpResponse => ({
  status,
  headers: [['content-type', 'text/plain']],
  body: Buffer.from(text),
});

interface World {
  readonly replicas: readonly Replay[];
  /** How often the work was done. */
  performed: number;
  readonly work: (answer?: HttpResponse) => () => Promise<Answer>;
  readonly records: Records;
  now: number;
}
function two(wrap: (records: Records) => Records = (records) => records, renewMs?: number): World {
  const hub = createMemoryBus({ log });
  const records = wrap(hub.connect('xmpp-bridge').records(OUTCOMES));
  const world: World = {
    performed: 0,
    now: 0,
    records,
    work: (answer) => () => {
      world.performed += 1;
      return Promise.resolve({ response: answer ?? response(`done ${world.performed}`) });
    },
    replicas: [1, 2].map(() => {
      const shared = new SharedOutcomes(records, 'bob@x', log, () => world.now, renewMs);
      return new Replay(() => undefined, shared);
    }),
  };
  return world;
}
const textOf = ({ response: { body } }: Answer): string => body.toString();

describe('a request with a key, at two replicas', () => {
  it('is performed by one and answered the same by the other', async () => {
    const world = two();
    const answers = [];
    for (const replica of world.replicas) answers.push(await replica.perform(asked(), never, world.work()));
    expect(answers.map(textOf)).toEqual(['done 1', 'done 1']);
    expect(answers[1]!.response).toEqual(answers[0]!.response);
    expect(world.performed).toBe(1);
  });

  it('is refused where the key was used for something else', async () => {
    const { replicas, work } = two();
    await replicas[0]!.perform(asked(), never, work());
    const other = replicas[1]!.perform(asked({ body: 'other' }), never, work());
    await expect(other).rejects.toMatchObject({ status: 422 });
  });

  it('is waited for while the other one performs it', async () => {
    const world = two();
    let finish: () => void = () => undefined;
    const first = world.replicas[0]!.perform(asked(), never, async () => {
      world.performed += 1;
      await new Promise<void>((resolve) => (finish = resolve));
      return { response: response('slow') };
    });
    const second = world.replicas[1]!.perform(asked(), never, world.work());
    await new Promise((resolve) => setTimeout(resolve, 250));
    finish();
    expect([await first, await second].map(textOf)).toEqual(['slow', 'slow']);
    expect(world.performed).toBe(1);
  });

  it('is not waited for longer than its caller does', async () => {
    const world = two();
    void world.replicas[0]!.perform(asked(), never, () => new Promise(() => undefined));
    const left = new AbortController();
    const second = world.replicas[1]!.perform(asked(), left.signal, world.work());
    setTimeout(() => left.abort(), 50);
    await expect(second).rejects.toMatchObject({ status: 504 });
  });

  it('is asked of the gateway again where the one that began it is gone, and not before', async () => {
    const world = two();
    void world.replicas[0]!.perform(asked({ limitMs: 30_000 }), never, () => new Promise(() => undefined));
    const again = () => world.replicas[1]!.perform(asked({ limitMs: 0 }), never, world.work());
    for (const now of [0, 3_999]) {
      world.now = now;
      await expect(again()).rejects.toMatchObject({ status: 504 });
    }
    world.now = 4_000; // from when this replica first saw it
    expect(textOf(await again())).toBe('done 1');
    expect(world.performed).toBe(1);
  });

  it('is left to the one that performs it for as long as that lives, and its outcome is kept', async () => {
    const world = two((records) => records, 5);
    let finish: () => void = () => undefined;
    const first = world.replicas[0]!.perform(asked(), never, async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return { response: response('slow') };
    });
    for (let now = 0; now < 60_000; now += 3_999) {
      world.now = now;
      const again = world.replicas[1]!.perform(asked({ limitMs: 0 }), never, world.work());
      await expect(again).rejects.toMatchObject({ status: 504 });
      await new Promise((resolve) => setTimeout(resolve, 60)); // it is renewed in between
    }
    finish();
    await first;
    expect(textOf(await world.replicas[1]!.perform(asked(), never, world.work()))).toBe('slow');
    expect(world.performed).toBe(0);
  });

  it('is asked again where it failed', async () => {
    const world = two();
    await world.replicas[0]!.perform(asked(), never, world.work(response('busy', 503)));
    const fails = world.replicas[0]!.perform(asked({ key: 'k2' }), never, () =>
      Promise.reject(new AppError('unavailable')),
    );
    await expect(fails).rejects.toMatchObject({ code: 'unavailable' });
    for (const key of ['k', 'k2']) await world.replicas[1]!.perform(asked({ key }), never, world.work());
    expect(world.performed).toBe(3);
  });

  it('is not done again where the answer was too long to be kept for others', async () => {
    const world = two();
    const long = response('x'.repeat(700_000));
    expect(textOf(await world.replicas[0]!.perform(asked(), never, world.work(long)))).toHaveLength(700_000);
    expect(textOf(await world.replicas[0]!.perform(asked(), never, world.work(long)))).toHaveLength(700_000);
    await expect(world.replicas[1]!.perform(asked(), never, world.work())).rejects.toMatchObject({ status: 409 });
    expect(world.performed).toBe(1);
  });

  it('is answered the same also where the answer is long, as far as there is room for such, and later again', async () => {
    const world = two();
    const long = response('שלום'.repeat(62_500));
    const ask = async (replica: number, key: string) => {
      const answer = await world.replicas[replica]!.perform(asked({ key }), never, world.work(long));
      return answer.response.body.equals(long.body);
    };
    for (let n = 0; n < 60; n += 1) await ask(0, `k-${n}`);
    for (const key of ['k-0', 'k-40']) expect(await ask(1, key)).toBe(true);
    await expect(ask(1, 'k-59')).rejects.toMatchObject({ status: 409 });
    expect(world.performed).toBe(60);
    world.now = OUTCOMES.ttlMs;
    await ask(0, 'later');
    expect(await ask(1, 'later')).toBe(true);
  });

  it('is known to have been answered where the store has no room for the answer', async () => {
    const world = two((records) => ({
      ...records,
      write: (key, value, expect) =>
        JSON.stringify(value).length > 100_000
          ? Promise.reject(new AppError('overloaded'))
          : records.write(key, value, expect),
    }));
    const long = response('x'.repeat(200_000));
    expect(textOf(await world.replicas[0]!.perform(asked(), never, world.work(long)))).toHaveLength(200_000);
    await expect(world.replicas[1]!.perform(asked(), never, world.work())).rejects.toMatchObject({ status: 409 });
  });

  it('is not performed where the claim cannot be written', async () => {
    const world = two((records) => ({ ...records, write: () => Promise.reject(new AppError('unavailable')) }));
    const [first] = world.replicas;
    await expect(first!.perform(asked(), never, world.work())).rejects.toMatchObject({ code: 'unavailable' });
    expect(world.performed).toBe(0);
  });

  it('costs two writes, and one without a key none', async () => {
    let writes = 0;
    const world = two((records) => ({
      ...records,
      write: (...args) => ((writes += 1), records.write(...args)),
      read: (key) => ((writes += 100), records.read(key)),
    }));
    await world.replicas[0]!.perform(asked(), never, world.work());
    expect(writes).toBe(2);
    const unkeyed = { ...asked(), request: { ...asked().request, headers: [] } };
    await world.replicas[0]!.perform(unkeyed, never, world.work());
    expect(writes).toBe(2);
  });
});
