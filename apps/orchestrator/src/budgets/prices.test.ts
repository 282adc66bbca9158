import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { nanoUsd, pricesFrom, PriceTableText, toUsd } from './prices.ts';

const TABLE = { 'gpt-4.1': { input: 2, output: 8 }, 'gpt-4.1-mini*': { input: 0.4, output: 1.6, cached_input: 0.1 } };

describe('the price of a model', () => {
  it('is that of its name, else of the longest prefix, else unknown', () => {
    const prices = pricesFrom({ ...TABLE, 'gpt*': { input: 9, output: 9 } });
    expect(prices('gpt-4.1')?.input).toBe(2);
    expect(prices('gpt-4.1-mini-2025-04-14')?.input).toBe(0.4);
    expect(prices('gpt-5')?.input).toBe(9);
    expect(prices('claude')).toBeUndefined();
    expect(pricesFrom({})('constructor')).toBeUndefined();
  });

  it('is exact for the million, cached input for less', () => {
    const price = TABLE['gpt-4.1-mini*'];
    expect(toUsd(nanoUsd(price, { input: 1e6, output: 1e6 }))).toBe(2);
    expect(toUsd(nanoUsd(price, { input: 1e6, output: 0, cachedInput: 5e5 }))).toBe(0.25);
  });

  it('never falls with more tokens and is a whole number', () => {
    const tokens = fc.nat(1_000_000);
    fc.assert(
      fc.property(tokens, tokens, tokens, (input, output, more) => {
        const cost = nanoUsd(TABLE['gpt-4.1-mini*'], { input, output });
        expect(Number.isSafeInteger(cost)).toBe(true);
        expect(nanoUsd(TABLE['gpt-4.1-mini*'], { input: input + more, output })).toBeGreaterThanOrEqual(cost);
      }),
    );
  });
});

describe('MODEL_PRICES', () => {
  it('says what to write where it cannot be read', () => {
    for (const text of ['nonsense', '[]', '{"m": {"input": -1, "output": 1}}', '{"m": {"in": 1}}']) {
      const read = PriceTableText.safeParse(text);
      expect(read.error?.issues[0]?.message).toContain('{"gpt-4.1-mini*": {"input": 0.4');
    }
    expect(PriceTableText.parse('')).toEqual({});
  });
});
