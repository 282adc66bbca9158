import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluate } from './arithmetic.ts';
import { ToolError } from './define-tool.ts';

describe('evaluate', () => {
  it.each([
    ['17% of 2340', 397.8],
    ['17 percent of 2340', 397.8],
    ['17/100*2340', 397.8],
    ['200 + 10%', 200.1],
    ['7 % 4', 3],
    ['0.1 + 0.2', 0.3],
    ['2 ** 3 ** 2', 512],
    ['2^10', 1024],
    ['-(3 + 4) * 2', -14],
    ['sqrt(16) + max(1, 2, 3)', 7],
    ['round(10 / 3, 2)', 3.33],
    ['6 × 7 ÷ 2', 21],
    ['pi', 3.14159265359],
  ])('%s is %d', (text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  it.each([
    '1/0',
    '5 % 0',
    '',
    '2 +',
    'process.exit()',
    'constructor',
    '__proto__',
    'max()',
    '"a" + "b"',
    '[1]',
    'a = 1',
    '1;2',
    '(()=>1)()',
    'toString(1)',
    '9**9**9',
  ])('refuses %j with a sentence that says what is wrong', (text) => {
    expect(() => evaluate(text)).toThrow(ToolError);
  });

  it('gives a finite number or a ToolError for whatever text it gets', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789+-*/%(). ,'), maxLength: 40 })),
        (text) => {
          try {
            expect(Number.isFinite(evaluate(text))).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ToolError);
          }
        },
      ),
    );
  });
});
