import { inflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { fc } from '@switchyard/testing/property';
import { changedRectangle, type Pixels, readXwd } from './pixels.ts';
import { encodePng } from './png.ts';

const screen = (width: number, height: number, colour = 0): Pixels => {
  const data = Buffer.alloc(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(colour, at);
  return { width, height, stride: width * 4, data };
};

/** The file that an X server keeps of these pixels. */
const xwdOf = ({ width, height, stride, data }: Pixels): Buffer => {
  const header = Buffer.alloc(160 + 256 * 12);
  for (const [word, value] of Object.entries({ 0: 160, 1: 7, 4: width, 5: height, 11: 32, 12: stride, 19: 256 }))
    header.writeUInt32BE(value, Number(word) * 4);
  return Buffer.concat([header, data]);
};

const size = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 30 }) });

describe('the pixels of a screen', () => {
  it('are read from the file of the X server', () => {
    const pixels = screen(7, 5, 0x336699);
    expect(readXwd(xwdOf(pixels))).toEqual(pixels);
  });

  it('are not read from a file that is not whole, or of another kind', () => {
    const file = xwdOf(screen(7, 5));
    expect(() => readXwd(file.subarray(0, file.length - 1))).toThrow(/not whole/);
    expect(() => readXwd(file.subarray(0, 40))).toThrow(/not whole/);
    file.writeUInt32BE(16, 11 * 4);
    expect(() => readXwd(file)).toThrow(/another kind/);
  });

  it('differ exactly where they were changed', () => {
    fc.assert(
      fc.property(size, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 5 }), ({ width, height }, points) => {
        const [before, after] = [screen(width, height), screen(width, height)];
        const changed = points.map(([x, y]) => [x % width, y % height] as const);
        for (const [x, y] of changed) after.data.writeUInt32LE(0xff, y * after.stride + x * 4);
        const rectangle = changedRectangle(before, after);
        if (changed.length === 0) return expect(rectangle).toBeUndefined();
        const [xs, ys] = [changed.map(([x]) => x), changed.map(([, y]) => y)];
        const [x, y] = [Math.min(...xs), Math.min(...ys)];
        expect(rectangle).toEqual({ x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 });
      }),
    );
  });
});

describe('a PNG of a screen', () => {
  it('holds each pixel, red first, and is the same for the same pixels', () => {
    const pixels = screen(3, 2, 0x00112233);
    const png = encodePng(pixels);
    expect(encodePng(screen(3, 2, 0x00112233))).toEqual(png);
    const length = png.readUInt32BE(33);
    const rows = inflateSync(png.subarray(41, 41 + length));
    const row = Buffer.from([0, 0x11, 0x22, 0x33, 0x11, 0x22, 0x33, 0x11, 0x22, 0x33]);
    expect(rows).toEqual(Buffer.concat([row, row]));
  });
});
