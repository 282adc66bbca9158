import { deflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { characterOf, glyphOf } from './glyphs.ts';
import { decodePng } from './picture.ts';

/** A PNG of one pixel row after the other; `filter` names how each row is written. */
function png(width: number, height: number, rows: readonly Buffer[], filter: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const chunk = (type: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, Buffer.from(type), body, Buffer.alloc(4)]);
  };
  const written = rows.map((row, y) => Buffer.concat([Buffer.from([filter]), filtered(row, rows[y - 1], filter)]));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.concat(written)))]);
}

/** A row as an encoder writes it: the difference to what the format says it is predicted from. */
function filtered(row: Buffer, above: Buffer | undefined, filter: number): Buffer {
  return Buffer.from(
    row.map((byte, at) => {
      const [left, up, corner] = [row[at - 3] ?? 0, above?.[at] ?? 0, above?.[at - 3] ?? 0];
      const distance = (to: number): number => Math.abs(left + up - corner - to);
      const nearest = [left, up, corner].reduce((best, each) => (distance(each) < distance(best) ? each : best));
      return byte - [0, left, up, (left + up) >> 1, nearest][filter]!;
    }),
  );
}

describe('the eyes', () => {
  it('read each letter that can be drawn, and each other character by its number', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (character) => {
        const code = character.codePointAt(0) as number;
        fc.pre(code >= 0x20);
        expect(characterOf(glyphOf(character))).toBe(character);
      }),
    );
    const letters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
    expect(letters.map((letter) => characterOf(glyphOf(letter)))).toEqual(letters);
  });

  it('see the same pixels, whichever filter the encoder chose', () => {
    const pixels = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 8 })).chain(([width, height]) =>
      fc.record({
        width: fc.constant(width),
        rows: fc.array(fc.uint8Array({ minLength: width * 3, maxLength: width * 3 }), {
          minLength: height,
          maxLength: height,
        }),
        filter: fc.integer({ min: 0, max: 4 }),
      }),
    );
    fc.assert(
      fc.property(pixels, ({ width, rows, filter }) => {
        const seen = decodePng(png(width, rows.length, rows.map(Buffer.from), filter));
        const expected = rows.flatMap((row) =>
          Array.from({ length: width }, (_, x) => (row[x * 3]! << 16) | (row[x * 3 + 1]! << 8) | row[x * 3 + 2]!),
        );
        expect([...seen.pixels]).toEqual(expected);
      }),
    );
  });

  it('refuse what is no PNG, and one that is larger than it may be', () => {
    expect(() => decodePng(Buffer.from('GIF89a, and more bytes than a header has'))).toThrow(/no PNG/);
    expect(() => decodePng(png(60_000, 60_000, [Buffer.alloc(3)], 0))).toThrow(/too large/);
    expect(() => decodePng(png(4, 4, [Buffer.alloc(3)], 0))).toThrow(/not whole/);
  });
});
