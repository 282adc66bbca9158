import { deflateSync } from 'node:zlib';
import type { Pixels } from './pixels.ts';

/*
 * PNG of a screen: true colour, no filter. Pictures of programs are flat areas, which deflate packs better unfiltered than
 * filtered; the same pixels always give the same bytes.
 */

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const LEVEL = 6;

const CRC = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type: string, body: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.write(type, 4, 'latin1');
  body.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + body.length)), 8 + body.length);
  return bytes;
}

/** Red, green, blue, each row after the byte that names its filter. */
function rowsOf({ width, height, stride, data }: Pixels): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  let to = 0;
  for (let y = 0; y < height; y++) {
    rows[to++] = 0;
    for (let from = y * stride, end = from + width * 4; from < end; from += 4) {
      rows[to] = data[from + 2] as number;
      rows[to + 1] = data[from + 1] as number;
      rows[to + 2] = data[from] as number;
      to += 3;
    }
  }
  return rows;
}

export function encodePng(pixels: Pixels): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(pixels.width, 0);
  header.writeUInt32BE(pixels.height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rowsOf(pixels), { level: LEVEL })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
