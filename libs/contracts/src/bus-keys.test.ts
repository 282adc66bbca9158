import { describe, expect, it } from '@jest/globals';
import { ASKING_PAIRS, busKeysFor, busKeysForOperator, operatorKey, parseBusKeys } from './bus-keys.ts';
import { APPS } from './base/define.ts';

const ROOT = 'a root secret of a test';
const keysOf = (service: string) => parseBusKeys(busKeysFor(service, ROOT));

describe('keys of the bus', () => {
  it('give a service the keys of its own pairs and of no other', () => {
    for (const app of APPS) {
      const keys = keysOf(app);
      expect(keys.length).toBeGreaterThan(0);
      for (const { asker, answerer } of keys) expect([asker, answerer]).toContain(app);
    }
  });

  it('are the same at both ends of a pair and differ between any two pairs', () => {
    const seen = new Map<string, string>();
    for (const { asker, answerer } of ASKING_PAIRS) {
      const of = (service: string) => keysOf(service).find((k) => k.asker === asker && k.answerer === answerer)?.key;
      const ends = [asker, answerer].filter((end) => end !== 'operator');
      expect(new Set(ends.map(of)).size).toBe(1);
      seen.set(`${asker}>${answerer}`, of(ends[0]!)!);
    }
    expect(new Set(seen.values()).size).toBe(ASKING_PAIRS.length);
  });

  it('let a service tell one operator from another without knowing any of them', () => {
    const [ada, bob] = ['ada', 'bob'].map((person) => parseBusKeys(busKeysForOperator(person, ROOT)));
    for (const { answerer, key } of ada!) {
      const held = keysOf(answerer).find((k) => k.asker === 'operator' && k.answerer === answerer);
      expect(operatorKey(held!.key, 'ada')).toBe(key);
      expect(bob!.find((k) => k.answerer === answerer)?.key).not.toBe(key);
    }
  });

  it('change with the root secret and with the generation', () => {
    expect(busKeysFor('gateway', ROOT)).toBe(busKeysFor('gateway', ROOT));
    expect(busKeysFor('gateway', `${ROOT}.`)).not.toBe(busKeysFor('gateway', ROOT));
    expect(parseBusKeys(busKeysFor('gateway', ROOT, '2'))[0]?.id).toBe('2');
  });

  it('are refused where one is damaged, and the refusal holds no key', () => {
    const damaged = busKeysFor('audit', ROOT).replace(':1:', ':1:x');
    expect(() => parseBusKeys(damaged)).toThrow(/^entry 1 is not/);
    try {
      parseBusKeys(damaged);
    } catch (error) {
      expect((error as Error).message).not.toContain(damaged.slice(-10));
    }
  });
});
