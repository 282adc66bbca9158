import { describe, expect, it } from '@jest/globals';
import { fc, propertySeed } from './property.ts';

describe('the seed of property tests', () => {
  it('is the same in every CI', () => {
    expect(propertySeed({ CI: 'true' })).toBe(propertySeed({ CI: 'true', PROPERTY_SEED: '' }));
    expect(propertySeed({ CI: 'true' })).toEqual(expect.any(Number));
  });
  it('is left to chance elsewhere', () => expect(propertySeed({})).toBeUndefined());
  it('is what was asked for', () => expect(propertySeed({ CI: 'true', PROPERTY_SEED: '-7' })).toBe(-7));
  it('is never a typing error', () => expect(() => propertySeed({ PROPERTY_SEED: 'seven' })).toThrow('whole number'));

  it('decides what a property is asked', () => {
    const wanted = propertySeed(process.env);
    expect(fc.readConfigureGlobal()?.seed).toBe(wanted);
  });
});
