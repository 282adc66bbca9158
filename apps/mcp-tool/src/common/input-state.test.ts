import { expect, it } from '@jest/globals';
import { InputStates } from './input-state.ts';

const place = { principal: { tenantId: 'acme', userId: 'ann' }, upstream: 'crm', method: 'tools/call', name: 'pay' };
const states = new InputStates('a secret of the service');

it('gives the state back to the same caller for the same question', () => {
  const sealed = states.seal('inner', place);
  expect(sealed).not.toContain('inner');
  expect(states.open(sealed, place)).toBe('inner');
  expect(new InputStates('a secret of the service').open(sealed, place)).toBe('inner');
});

it.each([
  ['another user', { ...place, principal: { tenantId: 'acme', userId: 'bob' } }],
  ['another tenant', { ...place, principal: { tenantId: 'evil', userId: 'ann' } }],
  ['another tool', { ...place, name: 'refund' }],
  ['another upstream', { ...place, upstream: 'bank' }],
  ['another method', { ...place, method: 'prompts/get' }],
])('is void for %s', (_, other) => {
  expect(() => states.open(states.seal('inner', place), other)).toThrow('requestState');
});

it('is void with one character changed, under another secret, cut, or foreign', () => {
  const sealed = states.seal('inner', place);
  for (let i = 3; i < sealed.length; i += 1) {
    const other = sealed[i] === 'A' ? 'B' : 'A';
    // The last character carries bits that say nothing.
    if (i < sealed.length - 1)
      expect(() => states.open(sealed.slice(0, i) + other + sealed.slice(i + 1), place)).toThrow('requestState');
  }
  for (const foreign of ['', 'v1.', 'v1.AAAA', sealed.slice(0, -8), 'x'])
    expect(() => states.open(foreign, place)).toThrow('requestState');
  expect(() => new InputStates('another').open(sealed, place)).toThrow('requestState');
});

it('is void after ten minutes', () => {
  let now = 0;
  const timed = new InputStates('secret', () => now);
  const sealed = timed.seal('inner', place);
  now = 600_000;
  expect(timed.open(sealed, place)).toBe('inner');
  now += 1;
  expect(() => timed.open(sealed, place)).toThrow('requestState');
});
