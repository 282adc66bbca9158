import { expect, it } from '@jest/globals';
import { ENGINE_VERSION, ENGINE_VERSIONS, upcast } from './journal-version.ts';

const fact = { type: 'orchestrator.cancel.requested' as const, data: { by: 'ann' } };

it('brings a fact from its version to today, one version at a time', () => {
  const upcasters = {
    1: (old: typeof fact) => ({ ...old, data: { ...old.data, reason: '' } }),
    2: (old: typeof fact) => ({ ...old, data: { ...old.data, reason: 'none given' } }),
  } as unknown as Parameters<typeof upcast>[2];
  expect(upcast(fact, 1, upcasters).data).toEqual({ by: 'ann', reason: 'none given' });
  expect(upcast(fact, 3, upcasters)).toBe(fact);
});

it('leaves what is of today, or of a later day, as it is', () => {
  expect(upcast(fact, ENGINE_VERSION)).toBe(fact);
  expect(upcast(fact, 999)).toBe(fact);
  expect(ENGINE_VERSIONS).toContain(ENGINE_VERSION);
});
