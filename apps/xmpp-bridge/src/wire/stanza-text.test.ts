import { describe, expect, it } from '@jest/globals';
import { xml } from '@xmpp/client';
import { isCarried, isXmlText, MAX_STANZA_BYTES, serialised } from './stanza-text.ts';

describe('what may be written to a server', () => {
  it('knows which text XML can carry', () => {
    expect(['a\tb\n', 'שלום', '😀'].every(isXmlText)).toBe(true);
    expect(['\u0000', '\u0001', '\ufffe', '\ud800'].some(isXmlText)).toBe(false);
  });

  it('is not what makes it end the stream: a stanza too large as it is written, or with what XML cannot carry', () => {
    const written = (chars: number, character: string) => serialised(xml('a', {}, character.repeat(chars)));
    expect(written(MAX_STANZA_BYTES - 7, 'x')).toHaveLength(MAX_STANZA_BYTES);
    for (const [chars, character] of [
      [MAX_STANZA_BYTES - 6, 'x'],
      [60_000, '&'],
      [130_000, 'ש'],
    ] as const)
      expect(() => written(chars, character)).toThrow(expect.objectContaining({ status: 413 }));
    expect(() => written(1, '\u0001')).toThrow();
  });

  it('is passed on where it also fits with its quotes escaped', () => {
    const fits = (text: string): boolean => isCarried(xml('a', {}, text), 10_000);
    expect([fits('x'.repeat(9_990)), fits('x'.repeat(10_000))]).toEqual([true, false]);
    expect([fits('"'.repeat(3_300)), fits('"'.repeat(3_400))]).toEqual([true, false]);
    expect([fits('&'.repeat(1_990)), fits('&'.repeat(2_000))]).toEqual([true, false]);
  });
});
