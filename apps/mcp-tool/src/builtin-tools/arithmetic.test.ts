import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { evaluate, MAX_EXPRESSION_CHARS } from './arithmetic.ts';
import { ToolError } from '../tool/tool.ts';

describe('evaluate', () => {
  it.each([
    ['1+2*3', 7],
    ['-(3 + 4) * 2', -14],
    ['2 - -3', 5],
    ['+5', 5],
    ['7 % 4', 3],
    ['7 % (2 + 2)', 3],
    ['0.1 + 0.2', 0.3],
    ['6 × 7 ÷ 2 − 1', 20],
    ['2 ** 3 ** 2', 512],
    ['2^10', 1024],
    ['-2 ** 2', -4],
    ['(-2) ** 2', 4],
    ['2 ** -1', 0.5],
    ['.5 + 1e3', 1000.5],
    ['sqrt(16) + max(1, 2, 3)', 7],
    ['MIN(4, 2) - abs(-3)', -1],
    ['round(10 / 3, 2)', 3.33],
    ['round(1.005, 2)', 1.01],
    ['round(-2.5)', -3],
    ['round(1234, -2)', 1200],
    ['pi', 3.14159265358979],
    ['9007199254740991', 9007199254740991],
    ['123456789 * 1000', 123456789000],
  ])('%s is %d', (text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  it.each([
    ['17% of 2340', 397.8],
    ['17 % of 2340', 397.8],
    ['17 percent of 2340', 397.8],
    ['17/100*2340', 397.8],
    ['2340 * 17%', 397.8],
    ['10% of 20% of 50', 1],
    ['-10% of 50', -5],
    ['17% OF 100', 17],
    ['100 / 50%', 200],
    ['100 / 20% of 50', 10],
    ['4 ** 50%', 2],
    ['(5 + 5)% of 20', 2],
    ['200 + 10%', 200.1],
    ['10% - 3', -2.9],
    ['5% % 2', 0.05],
    ['max(10%, 0.2)', 0.2],
  ])('takes a percentage as a hundredth: %s is %d', (text, value) => {
    expect(evaluate(text)).toBe(value);
  });

  it.each([
    ['1/0', 'Division by zero.'],
    ['5 % 0', 'Division by zero.'],
    ['0 ** -1', 'Division by zero.'],
    ['1 / (2 - 2)', 'Division by zero.'],
    ['9**9**9', 'too large'],
    ['1e999', 'too large'],
    ['sqrt(-1)', 'not a real number'],
    ['(-8) ** 0.5', 'not a real number'],
    ['max()', 'does not take 0 values'],
    ['abs(1, 2)', 'does not take 2 values'],
    ['round(1, 0.5)', 'digits'],
    ['sin(1)', 'only the functions'],
    ['5 of 6', 'not arithmetic'],
    ['', 'not arithmetic'],
    ['2 +', 'not an arithmetic expression'],
    ['-', 'not an arithmetic expression'],
    ['2,340 * 2', 'not arithmetic'],
  ])('refuses %j, saying what is wrong with it', (text, sentence) => {
    expect(() => evaluate(text)).toThrow(expect.objectContaining({ message: expect.stringContaining(sentence) }));
    expect(() => evaluate(text)).toThrow(ToolError);
  });

  it.each(
    [
      [
        'process.exit()',
        'constructor',
        '__proto__',
        'toString(1)',
        'abs.constructor("return 1")()',
        'this',
        'max.call(1)',
      ],
      ['"a" + "b"', '[1]', 'a = 1', '1;2', '(()=>1)()', '1 ? 2 : 3', 'true', 'null', '`1`', 'new Date', '1 && 2', '~1'],
    ].flat(),
  )('evaluates nothing but arithmetic: %j', (text) => {
    expect(() => evaluate(text)).toThrow(ToolError);
  });

  it('takes the longest sum that fits, and nothing longer or deeper', () => {
    expect(evaluate(Array.from({ length: MAX_EXPRESSION_CHARS / 2 }, () => '1').join('+'))).toBe(250);
    expect(() => evaluate(`1${'+1'.repeat(MAX_EXPRESSION_CHARS / 2)}`)).toThrow('500 characters');
    expect(() => evaluate(`${'-'.repeat(400)}1`)).toThrow('too deep');
  });

  it('gives a finite number or a ToolError for whatever text it gets', () => {
    const arithmetic = fc.string({ unit: fc.constantFrom(...'0123456789+-*/%(). ,^', 'of', 'max('), maxLength: 40 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), arithmetic), (text) => {
        try {
          expect(Number.isFinite(evaluate(text))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
