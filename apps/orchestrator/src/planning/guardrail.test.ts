import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { createGuardrail } from './guardrail.ts';

const guardrail = createGuardrail(['forbidden word', 'secret']);

describe('check', () => {
  it.each([
    ['plain', 'this is a secret thing'],
    ['upper case', 'SECRET'],
    ['full width', 'ｓｅｃｒｅｔ'],
    ['zero-width characters', 's\u200be\u200bc\u200br\u200be\u200bt'],
    ['soft hyphens', 'sec\u00adret'],
    ['combining marks', 's\u0301ecret'],
    ['a line break between words', 'forbidden\n   word'],
  ])('catches a keyword written with %s', (_name, text) => {
    expect(guardrail.check(text)).not.toBeNull();
  });

  it('names the rule, never the text', () => {
    expect(guardrail.check('a secret')).toBe('keyword 2');
  });

  it('lets everything pass where no keyword is set', () => {
    expect(createGuardrail(['', '  ']).check('secret')).toBeNull();
  });
});

describe('gate', () => {
  const pieces = (text: string, cuts: number[]) => {
    const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
    return [...at, text.length].map((end, index) => text.slice(index === 0 ? 0 : at[index - 1], end));
  };

  it('never shows a keyword, however the text is cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 300 }),
        fc.string({ maxLength: 300 }),
        fc.array(fc.nat(700), { maxLength: 30 }),
        (before, after, cuts) => {
          const gate = guardrail.gate();
          let shown = '';
          let violated: string | null = null;
          for (const piece of pieces(`${before}secret${after}`, cuts)) {
            const step = gate.push(piece);
            shown += step.show;
            violated ??= step.violated;
          }
          shown += gate.flush();
          expect(violated).not.toBeNull();
          expect(guardrail.check(shown)).toBeNull();
        },
      ),
    );
  });

  it('shows an innocent text whole and in order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('hello ', 'world', ' 42 ', '\n'), { maxLength: 100 }), (parts) => {
        const gate = guardrail.gate();
        const shown = parts.map((part) => gate.push(part).show).join('') + gate.flush();
        expect(shown).toBe(parts.join(''));
      }),
    );
  });
});
