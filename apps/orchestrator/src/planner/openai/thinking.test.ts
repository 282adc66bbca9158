import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { ThinkingFilter, withoutOrphanedReasoning } from './thinking.ts';

function shown(pieces: readonly string[]): { text: string; hidden: number } {
  const filter = new ThinkingFilter();
  const text = pieces.map((piece) => filter.push(piece)).join('') + filter.end();
  return { text, hidden: filter.hidden };
}

/** The same text in pieces that are cut anywhere. */
const inPieces = (text: string) =>
  fc.array(fc.nat(text.length), { maxLength: 12 }).map((cuts) => {
    const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
    return places.slice(1).map((to, index) => text.slice(places[index], to));
  });

describe('reasoning within an answer', () => {
  it.each([
    ['<think>no\n</think>\n\nyes', 'yes'],
    ['  \n<think>no</think><think>no</think>yes', 'yes'],
    ['[THINK]no[/THINK] yes', 'yes'],
    ['<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>yes', 'yes'],
    ['<think>it never ends', ''],
    ['yes <think>this stays</think>', 'yes <think>this stays</think>'],
    ['  <b>yes</b>', '  <b>yes</b>'],
  ])('of %j is hidden wherever the stream is cut', (text, expected) => {
    fc.assert(fc.property(inPieces(text), (pieces) => expect(shown(pieces).text).toBe(expected)));
  });

  it('leaves every other text as it is, and holds back no more than a mark', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 8 })), (pieces) => {
        const text = pieces.join('');
        fc.pre(!/^\s*(<think|<thought|<reason|\[THINK|<seed|◁|<\|)/.test(text));
        expect(shown(pieces)).toEqual({ text, hidden: 0 });
      }),
    );
  });

  it('is counted, so that it is paid for', () => {
    expect(shown(['<think>', 'x'.repeat(1_000), '</think>yes']).hidden).toBe(1_000 + '<think></think>'.length);
  });

  it('takes time that grows with its length alone', () => {
    const filter = new ThinkingFilter();
    filter.push('<think>');
    const began = performance.now();
    for (let n = 0; n < 200_000; n += 1) filter.push('abc ');
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe('a reasoning whose beginning was part of the prompt', () => {
  it('is cut where its end stands alone on a line', () => {
    expect(withoutOrphanedReasoning('I should greet.\n</think>\n\nHello.')).toBe('Hello.');
  });

  it.each(['Use </think> to end it.', '```\n</think>\n```\nlike this'])('is not seen in %j', (text) => {
    expect(withoutOrphanedReasoning(text)).toBe(text);
  });
});
