import { describe, expect, it } from '@jest/globals';
import type { LiveDelta } from '@switchyard/contracts';
import { fc } from '@switchyard/testing/property';
import { joined, LiveText } from './live-text.ts';

const piece = (index: number, text: string, messageId = 'm'): LiveDelta => ({
  runId: 'r',
  messageId,
  index,
  text,
  stepNumber: 1,
});

describe('joined text', () => {
  it('is the same text, with its holes, in as few pieces as there are runs without one', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ lost: fc.boolean(), other: fc.boolean() }), { maxLength: 40 }), (kept) => {
        const all = kept.map(({ other }, index) => piece(index, `${index},`, other ? 'n' : 'm'));
        const heard = all.filter((_, index) => !kept[index]!.lost);
        const whole = joined(heard);
        expect(whole.map(({ text }) => text).join('')).toBe(heard.map(({ text }) => text).join(''));
        expect(whole.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(heard.length);
        for (const [at, one] of whole.entries()) {
          const before = whole[at - 1];
          const goesOn = before?.messageId === one.messageId && before.index + (before.count ?? 1) === one.index;
          expect(goesOn).toBe(false);
        }
      }),
    );
  });

  it('A10: a message of a thousand pieces leaves in a few', () => {
    const shown: number[] = [];
    const live = new LiveText(10_000);
    live.open((pieces) => shown.push(pieces.length));
    for (let index = 0; index < 1_000; index += 1) live.take(piece(index, 'fifteen letters'));
    live.flush();
    live.close();
    expect(shown).toEqual([1]);
  });
});
