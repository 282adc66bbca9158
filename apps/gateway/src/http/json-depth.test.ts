import { describe, expect, it } from '@jest/globals';
import { deeperThan, MAX_BODY_DEPTH } from './json-depth.ts';

describe('the depth of a body', () => {
  it('is counted without recursion', () => {
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i += 1) deep = [deep];
    expect(deeperThan(deep, MAX_BODY_DEPTH)).toBe(true);
    let fine: unknown = 1;
    for (let i = 0; i < MAX_BODY_DEPTH; i += 1) fine = { fine };
    expect(deeperThan(fine, MAX_BODY_DEPTH)).toBe(false);
  });
});
