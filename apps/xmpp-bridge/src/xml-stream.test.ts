import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { isXmlText, XmlStream } from './xml-stream.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
function read(...pieces: string[]) {
  const seen: string[] = [];
  let invalid: string | undefined;
  const stream = new XmlStream(
    {
      onHeader: () => seen.push('header'),
      onElement: (element) => seen.push(element.toString()),
      onEnd: () => seen.push('end'),
      onInvalid: (why) => (invalid = why),
    },
    { maxElementChars: 40_000, maxDepth: 20 },
  );
  for (const piece of pieces) stream.write(piece);
  return { seen, invalid, stream };
}

describe('a stream of XML', () => {
  it('gives the same elements however it is cut', () => {
    const body = '<a x="ü"><b>שלום &amp; 😀</b></a><c/>';
    const whole = read(HEADER, body).seen;
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: body.length }), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), body.length];
        const pieces = at.slice(1).map((end, index) => body.slice(at[index], end));
        expect(read(HEADER, ...pieces).seen).toEqual(whole);
      }),
    );
  });

  it('is not deaf after a cut inside the end of a declaration, a comment or CDATA', () => {
    const text = `${HEADER}<!-- a-b? --><a>why? - <![CDATA[x]]>--</a><?pi ?><!----><c>?</c>`;
    const whole = read(text).seen;
    expect(whole).toHaveLength(3);
    for (let at = 1; at < text.length; at += 1) expect(read(text.slice(0, at), text.slice(at)).seen).toEqual(whole);
    expect(read(...text).seen).toEqual(whole);
  });

  it.each([
    ['an entity that is not defined', '<a>&nbsp;</a>'],
    ['an element that is closed by another', '<a></b>'],
    ['an element larger than the limit', `<a>${'x'.repeat(50_000)}`],
    ['an attribute larger than the limit', `<a b="${'x'.repeat(50_000)}`],
    ['a name larger than the limit', `<${'x'.repeat(5_000_000)}`],
    ['elements nested too deep', '<a>'.repeat(100)],
  ])('ends with one report for %s', (_name, text) => {
    const { invalid, seen, stream } = read(HEADER, text);
    expect(invalid).toEqual(expect.any(String));
    stream.write('<later/>');
    expect(seen).toEqual(['header']);
  });

  it('says nothing after it was closed', () => {
    const { seen, stream } = read(HEADER);
    stream.close();
    stream.write('<a/></b>');
    expect(seen).toEqual(['header']);
  });

  it('knows which text XML can carry', () => {
    expect(['a\tb\n', 'שלום', '😀'].every(isXmlText)).toBe(true);
    expect(['\u0000', '\u0001', '\ufffe', '\ud800'].some(isXmlText)).toBe(false);
  });
});
