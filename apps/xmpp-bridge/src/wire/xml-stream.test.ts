import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { XmlStream } from './xml-stream.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const LIMITS = { maxStanzaChars: 40_000, maxDepth: 20, maxSkippedChars: 400_000 };

function read(...pieces: string[]) {
  return readWith(false, pieces);
}

/** As after the login, where stanzas over the limits are skipped. */
function readSkipping(...pieces: string[]) {
  return readWith(true, pieces);
}

function readWith(skips: boolean, pieces: readonly string[]) {
  const seen: string[] = [];
  let invalid: string | undefined;
  const stream = new XmlStream(
    {
      onHeader: () => seen.push('header'),
      onElement: (element) => seen.push(element.toString()),
      onSkipped: ({ why, head }) => seen.push(`${why}: ${head?.toString()}`),
      onEnd: () => seen.push('end'),
      onInvalid: (why) => (invalid = why),
    },
    LIMITS,
  );
  if (skips) stream.skipTooLarge();
  for (const piece of pieces) stream.write(piece);
  return { seen, invalid, stream };
}

/** The text in pieces, cut at these places. */
function cut(text: string, cuts: readonly number[]): string[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b), text.length];
  return at.slice(1).map((end, index) => text.slice(at[index], end));
}

describe('a stream of XML', () => {
  it('gives the same elements however it is cut', () => {
    const body = '<a x="ü"><b>שלום &amp; 😀</b></a><c/>';
    const whole = read(HEADER, body).seen;
    expect(whole).toHaveLength(3);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: body.length }), { maxLength: 8 }), (cuts) => {
        expect(read(HEADER, ...cut(body, cuts)).seen).toEqual(whole);
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

  it.each([
    ['a document type declaration', '<!DOCTYPE a [<!ENTITY b "c">]><a/>'],
    ['an element that ends twice', '<a/></a></b>'],
  ])('says nothing more after %s', (_name, text) => {
    const { seen, invalid } = read(HEADER, text, '<later/>');
    expect([...seen, invalid]).not.toContain('<later/>');
  });

  it.each(['HTTP/1.1 400 Bad Request\r\n\r\n<html>', '</a>', '<a b="'.padEnd(50_000)])(
    'that does not begin as one is invalid: %.20s',
    (text) => {
      expect(read(text).invalid).toEqual(expect.any(String));
    },
  );

  it('says nothing after it was closed', () => {
    const { seen, stream } = read(HEADER);
    stream.close();
    stream.write('<a/></b>');
    expect(seen).toEqual(['header']);
  });
});

describe('a stanza over the limits, once the login stands', () => {
  const deep = `<message from='eve@x.test' id='1'>${'<a>'.repeat(70)}<b c='/>' d="<">x</b><e/>${'</a>'.repeat(70)}</message>`;
  const long = (chars: number): string =>
    `<message from='eve@x.test' id='2'><body>${'"'.repeat(chars)}</body></message>`;
  const longTag = `<message from='eve@x.test' id='${'&apos;'.repeat(10_000)}'><body/></message>`;
  const manyAttributes = `<iq id='3' type='get'><q ${Array.from({ length: 9_000 }, (_, n) => `a${n}='>'`).join(' ')}/></iq>`;

  it.each([
    ['nested too deep', deep, `depth: <message from="eve@x.test" id="1"/>`],
    ['too deep and without an end tag', deep.replace('<e/>', '<e></e>'), `depth: <message from="eve@x.test" id="1"/>`],
    ['with a text that is too long', long(50_000), `size: <message from="eve@x.test" id="2"/>`],
    ['with a start tag that is too long', longTag, 'size: undefined'],
    ['with too many attributes', manyAttributes, 'size: <iq id="3" type="get"/>'],
  ])('%s: is skipped, and those before and after it arrive, wherever the text is cut', (_name, bad, told) => {
    const text = `<first>1</first>\n${bad}<second a='/'/> ${bad}<third><![CDATA[<]]></third>`;
    const whole = ['header', '<first>1</first>', told, '<second a="/"/>', told, '<third>&lt;</third>'];
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 12 }), (cuts) => {
        const { seen, invalid } = readSkipping(HEADER, ...cut(text, cuts));
        expect([seen, invalid]).toEqual([whole, undefined]);
      }),
    );
  });

  it('is read as long as it keeps to them exactly, wherever the text is cut', () => {
    const fits = long(LIMITS.maxStanzaChars - long(0).length);
    const tooLong = long(LIMITS.maxStanzaChars - long(0).length + 1);
    const nested = (depth: number): string => `${'<a>'.repeat(depth - 1)}${'</a>'.repeat(depth - 1)}`;
    const text = `${fits}${tooLong}${nested(LIMITS.maxDepth)}${nested(LIMITS.maxDepth + 1)}`;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 12 }), (cuts) => {
        const { seen } = readSkipping(HEADER, ...cut(text, cuts));
        expect(seen.map((each) => each.slice(0, 5))).toEqual(['heade', '<mess', 'size:', '<a><a', 'depth']);
      }),
    );
  });

  it('any stanzas that anybody may send: those within the limits arrive, in order, and nothing ends the stream', () => {
    const stanza = fc.oneof(
      fc.record({ depth: fc.integer({ min: 1, max: 60 }), chars: fc.nat({ max: 50 }) }),
      fc.record({ depth: fc.constant(1), chars: fc.integer({ min: 39_000, max: 90_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(stanza, { maxLength: 6 }),
        fc.array(fc.nat({ max: 200_000 }), { maxLength: 10 }),
        (all, at) => {
          const texts = all.map(
            ({ depth, chars }, n) => `${`<a n="${n}">`.repeat(depth)}${'x'.repeat(chars)}${'</a>'.repeat(depth)}`,
          );
          const text = texts.join('');
          const { seen, invalid } = readSkipping(
            HEADER,
            ...cut(
              text,
              at.map((each) => each % (text.length + 1)),
            ),
          );
          const expected = texts.map((each, n) =>
            all[n]!.depth < LIMITS.maxDepth && each.length <= LIMITS.maxStanzaChars ? each : undefined,
          );
          const arrived = seen
            .slice(1)
            .map((each) => (each.startsWith('<') ? each.replace(/<a n="\d+"\/>/, '') : undefined));
          expect(arrived.map((each) => each === undefined)).toEqual(expected.map((each) => each === undefined));
          expect(invalid).toBeUndefined();
        },
      ),
    );
  });

  it('that does not end, ends the stream', () => {
    const { invalid, stream } = readSkipping(HEADER, '<a>'.repeat(100));
    expect(invalid).toBeUndefined();
    for (let sent = 0; sent < LIMITS.maxSkippedChars; sent += 10_000) stream.write('x'.repeat(10_000));
    expect(readSkipping(HEADER, '<a>'.repeat(100), 'x'.repeat(LIMITS.maxSkippedChars)).invalid).toMatch(/does not end/);
  });

  it('takes no memory while it is skipped', () => {
    const stream = new XmlStream(
      { onHeader: no, onElement: no, onSkipped: no, onEnd: no, onInvalid: no },
      { ...LIMITS, maxSkippedChars: 1e9 },
    );
    stream.skipTooLarge();
    stream.write(HEADER + '<a>'.repeat(100));
    const before = process.memoryUsage().heapUsed;
    // 128 MB of texts, tags and attributes.
    for (let n = 0; n < 2_000; n += 1) stream.write('x'.repeat(65_536) + (n % 2 === 0 ? '<b c="' : '"/>'));
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1_024 ** 2);
  });

  it('is not skipped during the login: there it ends the stream', () => {
    expect(read(HEADER, deep).invalid).toMatch(/too deep/);
    expect(read(HEADER, long(50_000)).invalid).toMatch(/too large/);
  });
});

function no(): void {
  // Nothing is looked at.
}
