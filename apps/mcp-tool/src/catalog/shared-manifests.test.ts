import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@switchyard/platform';
import { fc } from '@switchyard/testing/property';
import { type KeyValues, manifestKey, readManifest, SharedManifests, writeManifest } from './shared-manifests.ts';
import type { Tool } from '../tool/tool.ts';

const log = createLogger({ app: 'test', level: 'silent' });
const tools = Array.from({ length: 20 }, (_, i) => ({ name: `t${i}` }) as Tool);
const place = { tenantId: 'acme', userId: 'ann', role: 'user', authEpoch: '1', registry: 'r' };

class Fake implements KeyValues {
  readonly kept = new Map<string, string>();
  asked = 0;
  mode: 'up' | 'down' | 'silent' = 'up';
  async #answer<T>(value: () => T): Promise<T> {
    this.asked += 1;
    if (this.mode === 'down') throw new Error('away');
    if (this.mode === 'silent') return new Promise<T>(() => undefined);
    return Promise.resolve(value());
  }
  get(key: string) {
    return this.#answer(() => this.kept.get(key) ?? null);
  }
  set(key: string, value: string) {
    return this.#answer(() => this.kept.set(key, value));
  }
}
function world() {
  const clock = { at: 1_000 };
  const redis = new Fake();
  return { clock, redis, shared: new SharedManifests({ redis, ttlMs: 30_000, log, now: () => clock.at }) };
}

describe('what is kept for all replicas', () => {
  it('is what was put, for the rest of its time and not longer', async () => {
    const { clock, shared } = world();
    shared.keep(place, tools, [tools[3]!, tools[19]!]);
    clock.at += 10_000;
    expect(await shared.find(place, tools)).toEqual({ tools: [tools[3], tools[19]], leftMs: 20_000 });
    clock.at += 20_000;
    expect(await shared.find(place, tools)).toBeUndefined();
  });

  it('is found by just what it follows from', async () => {
    const { shared } = world();
    shared.keep(place, tools, tools);
    for (const other of [
      { ...place, tenantId: 'other' },
      { ...place, userId: 'bob' },
      { ...place, role: 'admin' },
      { ...place, authEpoch: '2' },
      { ...place, registry: 's' },
    ])
      expect(await shared.find(other, tools)).toBeUndefined();
    expect(manifestKey({ ...place, tenantId: 'a/b', userId: 'c' })).not.toBe(
      manifestKey({ ...place, tenantId: 'a', userId: 'b/c' }),
    );
  });

  it('is read as it was written, and nothing else is read at all', () => {
    fc.assert(
      fc.property(fc.subarray(tools), fc.integer({ min: 0, max: 2 ** 45 }), (visible, at) => {
        expect(readManifest(writeManifest(at, tools, visible), tools)).toEqual({ until: at, tools: visible });
      }),
      { seed: 7 },
    );
    for (const text of ['', '1', '1 20 ', '1 20 AA==', '1 19 AAAA', '-1 20 AAAA', 'x 20 AAAA', '1 20 AAAA!'])
      expect(readManifest(text, tools)).toBeUndefined();
  });
});

describe('where Redis is away', () => {
  it('nobody gets an error, and it is asked again only after a pause', async () => {
    const { clock, redis, shared } = world();
    shared.keep(place, tools, tools);
    expect(await shared.find(place, tools)).toBeDefined();
    redis.mode = 'down';
    for (let count = 0; count < 10; count += 1) expect(await shared.find(place, tools)).toBeUndefined();
    shared.keep(place, tools, tools);
    expect(redis.asked).toBe(5);
    redis.mode = 'up';
    expect(await shared.find(place, tools)).toBeUndefined();
    clock.at += 5_000;
    expect(await shared.find(place, tools)).toBeDefined();
  });

  it('nobody waits for one that says nothing', async () => {
    const { redis, shared } = world();
    redis.mode = 'silent';
    expect(await shared.find(place, tools)).toBeUndefined();
  });
});
