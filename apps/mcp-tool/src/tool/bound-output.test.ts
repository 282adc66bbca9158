import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { boundArguments, boundOutput, DEFAULT_OUTPUT_BYTES } from './bound-output.ts';

const bytesOf = (value: unknown) => Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value));

describe('boundOutput', () => {
  it('leaves what fits as it is', () => {
    for (const value of [null, 0, '', 'x'.repeat(DEFAULT_OUTPUT_BYTES), { a: [1, { b: 'ü' }] }])
      expect(boundOutput(value)).toBe(value);
  });

  it('cuts what does not fit, saying how large it was', () => {
    expect(boundOutput('x'.repeat(DEFAULT_OUTPUT_BYTES + 1))).toEqual({
      truncated: true,
      note: 'Only the first 64 KB of 65 KB.',
      beginning: 'x'.repeat(DEFAULT_OUTPUT_BYTES),
    });
    expect(boundOutput({ list: Array(40_000).fill('é') })).toMatchObject({
      truncated: true,
      beginning: expect.stringMatching(/^\{"list":\["é"/),
    });
  });

  it('never cuts through a character', () => {
    fc.assert(
      fc.property(fc.constantFrom('é', '€', '😀', 'xé', 'xx€', 'xxx😀'), (unit) => {
        const { beginning } = boundOutput(unit.repeat(DEFAULT_OUTPUT_BYTES)) as { beginning: string };
        expect(beginning).not.toContain('\ufffd');
        expect(bytesOf(beginning)).toBeGreaterThan(DEFAULT_OUTPUT_BYTES - 4);
        expect(bytesOf(beginning)).toBeLessThanOrEqual(DEFAULT_OUTPUT_BYTES);
      }),
    );
  });

  it('keeps arguments an object', () => {
    expect(boundArguments({ a: 1 })).toEqual({ a: 1 });
    expect(boundArguments({ body: 'x'.repeat(DEFAULT_OUTPUT_BYTES) })).toMatchObject({ truncated: true });
  });
});
